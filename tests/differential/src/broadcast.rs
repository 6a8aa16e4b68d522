//! `broadcast`: senders and receivers that come and go, receives that lag, are given up, or find
//! the end.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

/// Senders, and receivers, that a program has at a time.
const ENDS: usize = 3;

operations! {
    1 Clone { from: ENDS, to: ENDS };
    1 DropSender { sender: ENDS };
    1 Downgrade { from: ENDS };
    1 Upgrade { to: ENDS };
    8 Send { sender: ENDS, value: 100 };
    1 Closed { slot: SLOTS, sender: ENDS };
    3 Subscribe { sender: ENDS, to: ENDS };
    1 Resubscribe { from: ENDS, to: ENDS };
    1 DropReceiver { receiver: ENDS };
    6 Recv { slot: SLOTS, receiver: ENDS };
    12 Poll { slot: SLOTS, waker: WAKERS };
    3 Clear { slot: SLOTS };
    3 TryRecv { receiver: ENDS };
}

on_both_sides! {
    use super::{ENDS, Op};
    use crate::driver::{AnySlot, SLOTS, Shared, Trace, Value, Values};
    use side::sync::broadcast::error::RecvError;
    use side::sync::broadcast::{Receiver, Sender, WeakSender, channel};

    #[derive(Debug)]
    #[allow(dead_code, reason = "it is shown")]
    enum Done {
        Received(Result<Value, RecvError>),
        Closed,
    }

    struct State {
        values: Values,
        senders: [Option<Sender<Value>>; ENDS],
        weak: Option<WeakSender<Value>>,
        receivers: [Option<Shared<Receiver<Value>>>; ENDS],
        slots: [AnySlot<'static, Done>; SLOTS],
    }

    impl State {
        fn new() -> Self {
            // Tokio rounds a capacity up to a power of two.
            let (sender, receiver) = channel(2);
            State {
                values: Values::default(),
                senders: [Some(sender), None, None],
                weak: None,
                receivers: [Some(Shared::new(receiver)), None, None],
                slots: Default::default(),
            }
        }

        /// The operations on senders.
        fn send(&mut self, op: &Op, trace: &mut Trace) {
            match *op {
                Op::Clone { from, to } => self.senders[to] = self.senders[from].clone(),
                Op::DropSender { sender } => self.senders[sender] = None,
                Op::Downgrade { from } => {
                    self.weak = self.senders[from].as_ref().map(|sender| sender.downgrade());
                }
                Op::Upgrade { to } => {
                    self.senders[to] = self.weak.as_ref().and_then(|weak| weak.upgrade());
                }
                Op::Send { sender, value } => {
                    let Some(sender) = &self.senders[sender] else { return };
                    let sent = sender.send(self.values.make(value));
                    trace.note(sent.map_err(|error| error.0));
                }
                Op::Closed { slot, sender } => {
                    let Some(sender) = self.senders[sender].clone() else { return };
                    self.slots[slot].put(Box::pin(async move {
                        sender.closed().await;
                        Done::Closed
                    }));
                }
                Op::Subscribe { sender, to } => {
                    let Some(sender) = &self.senders[sender] else { return };
                    self.receivers[to] = Some(Shared::new(sender.subscribe()));
                }
                _ => {}
            }
        }

        /// The operations on receivers and slots.
        fn receive(&mut self, op: &Op, trace: &mut Trace) {
            match *op {
                Op::Resubscribe { from, to } => {
                    let Some(receiver) = &self.receivers[from] else { return };
                    let new = receiver.with(|receiver| receiver.resubscribe());
                    self.receivers[to] = new.map(Shared::new);
                }
                Op::DropReceiver { receiver } => self.receivers[receiver] = None,
                Op::Recv { slot, receiver } => {
                    let Some(receiver) = &self.receivers[receiver] else { return };
                    let Some(mut receiver) = receiver.take() else { return };
                    self.slots[slot].put(Box::pin(async move {
                        Done::Received(receiver.recv().await)
                    }));
                }
                Op::Poll { slot, waker } => {
                    let polled = self.slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                    // So that it gives its value up.
                    self.slots[slot].take();
                }
                Op::Clear { slot } => self.slots[slot].clear(),
                Op::TryRecv { receiver } => {
                    let Some(receiver) = &self.receivers[receiver] else { return };
                    trace.note(receiver.with(|receiver| receiver.try_recv()));
                }
                _ => {}
            }
        }

        fn look(&self, trace: &mut Trace) {
            for sender in self.senders.iter().flatten() {
                trace.note((sender.len(), sender.is_empty(), sender.receiver_count()));
                trace.note((sender.strong_count(), sender.weak_count()));
            }
            for receiver in self.receivers.iter().flatten() {
                let seen = receiver.with(|receiver| {
                    (receiver.len(), receiver.is_empty(), receiver.is_closed())
                });
                trace.note(seen);
            }
            trace.note(self.values.alive());
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
fn broadcast() {
    compare("broadcast", ours::run, theirs::run);
}
