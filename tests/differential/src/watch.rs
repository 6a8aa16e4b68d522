//! `watch`: senders and receivers that come and go, every way to send, and waits that are given up.
//!
//! A program never sends while it keeps a `Ref`: there tokio's sender waits for ever, and quintet's
//! panics.

use crate::driver::{SLOTS, WAKERS, compare_unordered, on_both_sides};
use crate::programs::operations;

/// Senders, and receivers, that a program has at a time.
const ENDS: usize = 3;

operations! {
    1 Clone { from: ENDS, to: ENDS };
    1 DropSender { sender: ENDS };
    3 Send { sender: ENDS, value: 10 };
    2 Replace { sender: ENDS, value: 10 };
    2 Modify { sender: ENDS, value: 10 };
    2 ModifyIf { sender: ENDS, value: 10, is_modified: 2 };
    1 Closed { slot: SLOTS, sender: ENDS };
    2 Subscribe { sender: ENDS, to: ENDS };
    1 CloneReceiver { from: ENDS, to: ENDS };
    1 DropReceiver { receiver: ENDS };
    4 Changed { slot: SLOTS, receiver: ENDS };
    4 WaitFor { slot: SLOTS, receiver: ENDS, rest: 3 };
    12 Poll { slot: SLOTS, waker: WAKERS };
    3 Clear { slot: SLOTS };
    2 Update { receiver: ENDS };
    1 MarkChanged { receiver: ENDS };
    1 MarkUnchanged { receiver: ENDS };
}

on_both_sides! {
    use super::{ENDS, Op};
    use crate::driver::{AnySlot, SLOTS, Shared, Trace};
    use side::sync::watch::error::RecvError;
    use side::sync::watch::{Receiver, Sender, channel};

    /// A value that was waited for, if one was.
    type Done = Result<Option<usize>, RecvError>;

    struct State {
        senders: [Option<Sender<usize>>; ENDS],
        receivers: [Option<Shared<Receiver<usize>>>; ENDS],
        slots: [AnySlot<'static, Done>; SLOTS],
    }

    impl State {
        fn new() -> Self {
            let (sender, receiver) = channel(0);
            State {
                senders: [Some(sender), None, None],
                receivers: [Some(Shared::new(receiver)), None, None],
                slots: Default::default(),
            }
        }

        /// The operations on senders.
        fn send(&mut self, op: &Op, trace: &mut Trace) {
            let sender = |sender: usize| self.senders[sender].as_ref();
            match *op {
                Op::Clone { from, to } => self.senders[to] = self.senders[from].clone(),
                Op::DropSender { sender } => self.senders[sender] = None,
                Op::Send { sender: at, value } => {
                    trace.note(sender(at).map(|sender| sender.send(value).map_err(|e| e.0)));
                }
                Op::Replace { sender: at, value } => {
                    trace.note(sender(at).map(|sender| sender.send_replace(value)));
                }
                Op::Modify { sender: at, value } => {
                    trace.note(sender(at).map(|sender| sender.send_modify(|old| *old += value)));
                }
                Op::ModifyIf { sender: at, value, is_modified } => {
                    trace.note(sender(at).map(|sender| sender.send_if_modified(|old| {
                        *old = value;
                        is_modified == 1
                    })));
                }
                Op::Closed { slot, sender: at } => {
                    let Some(sender) = sender(at).cloned() else { return };
                    self.slots[slot].put(Box::pin(async move {
                        sender.closed().await;
                        Ok(None)
                    }));
                }
                Op::Subscribe { sender: at, to } => {
                    let Some(sender) = sender(at) else { return };
                    self.receivers[to] = Some(Shared::new(sender.subscribe()));
                }
                _ => {}
            }
        }

        /// The operations on receivers and slots.
        fn receive(&mut self, op: &Op, trace: &mut Trace) {
            let receiver = |receiver: usize| self.receivers[receiver].as_ref();
            match *op {
                Op::CloneReceiver { from, to } => {
                    let Some(receiver) = receiver(from) else { return };
                    let new = receiver.with(|receiver| receiver.clone());
                    self.receivers[to] = new.map(Shared::new);
                }
                Op::DropReceiver { receiver } => self.receivers[receiver] = None,
                Op::Changed { slot, receiver: at } => {
                    let Some(mut receiver) = receiver(at).and_then(Shared::take) else { return };
                    self.slots[slot].put(Box::pin(async move {
                        receiver.changed().await.map(|()| None)
                    }));
                }
                Op::WaitFor { slot, receiver: at, rest } => {
                    let Some(mut receiver) = receiver(at).and_then(Shared::take) else { return };
                    self.slots[slot].put(Box::pin(async move {
                        let value = receiver.wait_for(|value| value % 3 == rest).await?;
                        Ok(Some(*value))
                    }));
                }
                Op::Poll { slot, waker } => {
                    let polled = self.slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => self.slots[slot].clear(),
                Op::Update { receiver: at } => trace.note(receiver(at).map(|receiver| {
                    receiver.with(|receiver| *receiver.borrow_and_update())
                })),
                Op::MarkChanged { receiver: at } => trace.note(receiver(at).map(|receiver| {
                    receiver.with(|receiver| receiver.mark_changed())
                })),
                Op::MarkUnchanged { receiver: at } => trace.note(receiver(at).map(|receiver| {
                    receiver.with(|receiver| receiver.mark_unchanged())
                })),
                _ => {}
            }
        }

        fn look(&self, trace: &mut Trace) {
            for sender in self.senders.iter().flatten() {
                trace.note((*sender.borrow(), sender.is_closed()));
                trace.note((sender.receiver_count(), sender.sender_count()));
            }
            for receiver in self.receivers.iter().flatten() {
                let seen = receiver.with(|receiver| {
                    let value = receiver.borrow();
                    (*value, value.has_changed(), receiver.has_changed())
                });
                trace.note(seen);
            }
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let mut state = State::new();
        for op in program {
            state.send(op, trace);
            state.receive(op, trace);
            state.look(trace);
            trace.end_step();
        }
    }
}

#[test]
fn watch() {
    // Tokio wakes receivers in any order: it spreads them over several lists.
    compare_unordered("watch", ours::run, theirs::run);
}
