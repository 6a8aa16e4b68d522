//! Bounded `mpsc` channels: senders that are cloned, weakened and dropped, every way to send and to
//! receive, permits that are used, released and given up.

use crate::driver::{RECEIVER_WAKERS, SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

/// Senders of a kind that a program has at a time.
const SENDERS: usize = 3;

const CAPACITY: usize = 2;

operations! {
    2 Clone { from: SENDERS, to: SENDERS };
    1 DropSender { sender: SENDERS };
    1 Downgrade { from: SENDERS, to: SENDERS };
    1 Upgrade { from: SENDERS, to: SENDERS };
    1 DropWeak { sender: SENDERS };
    5 Send { slot: SLOTS, sender: SENDERS, value: 100 };
    3 TrySend { sender: SENDERS, value: 100 };
    4 Reserve { slot: SLOTS, sender: SENDERS };
    1 TryReserve { slot: SLOTS, sender: SENDERS };
    3 UsePermit { slot: SLOTS, value: 100 };
    1 Release { slot: SLOTS };
    1 Closed { slot: SLOTS, sender: SENDERS };
    12 Poll { slot: SLOTS, waker: WAKERS };
    3 Clear { slot: SLOTS };
    6 Recv { waker: RECEIVER_WAKERS };
    2 RecvMany { waker: RECEIVER_WAKERS, limit: 4 };
    2 TryRecv;
    1 Close;
    1 DropReceiver;
}

on_both_sides! {
    use super::{CAPACITY, Op, SENDERS};
    use crate::driver::{AnySlot, SLOTS, Trace, Value, Values};
    use side::sync::mpsc::{OwnedPermit, Receiver, Sender, WeakSender, channel};

    /// What a future has resolved to.
    enum Done {
        Sent(Result<(), Value>),
        Reserved(Option<OwnedPermit<Value>>),
        Closed,
    }

    impl std::fmt::Debug for Done {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Done::Sent(result) => write!(f, "{result:?}"),
                Done::Reserved(permit) => write!(f, "a permit: {}", permit.is_some()),
                Done::Closed => write!(f, "closed"),
            }
        }
    }

    struct State {
        values: Values,
        senders: [Option<Sender<Value>>; SENDERS],
        weak: [Option<WeakSender<Value>>; SENDERS],
        slots: [AnySlot<'static, Done>; SLOTS],
        receiver: Option<Receiver<Value>>,
        /// Whether the receiver's last poll was in vain.
        is_waiting: bool,
    }

    impl State {
        fn new() -> Self {
            let (sender, receiver) = channel(CAPACITY);
            State {
                values: Values::default(),
                senders: [Some(sender), None, None],
                weak: Default::default(),
                slots: Default::default(),
                receiver: Some(receiver),
                is_waiting: false,
            }
        }

        /// The operations on senders.
        fn send(&mut self, op: &Op, trace: &mut Trace) {
            match *op {
                Op::Clone { from, to } => self.senders[to] = self.senders[from].clone(),
                Op::DropSender { sender } => self.senders[sender] = None,
                Op::Downgrade { from, to } => {
                    self.weak[to] = self.senders[from].as_ref().map(|sender| sender.downgrade());
                }
                Op::Upgrade { from, to } => {
                    self.senders[to] = self.weak[from].as_ref().and_then(|weak| weak.upgrade());
                }
                Op::DropWeak { sender } => self.weak[sender] = None,
                Op::Send { slot, sender, value } => {
                    let Some(sender) = self.senders[sender].clone() else { return };
                    let value = self.values.make(value);
                    self.slots[slot].put(Box::pin(async move {
                        Done::Sent(sender.send(value).await.map_err(|error| error.0))
                    }));
                }
                Op::TrySend { sender, value } => {
                    let Some(sender) = &self.senders[sender] else { return };
                    let sent = sender.try_send(self.values.make(value));
                    trace.note(sent.map_err(|error| (error.to_string(), error.into_inner())));
                }
                Op::Reserve { slot, sender } => {
                    let Some(sender) = self.senders[sender].clone() else { return };
                    self.slots[slot].put(Box::pin(async move {
                        Done::Reserved(sender.reserve_owned().await.ok())
                    }));
                }
                Op::TryReserve { slot, sender } => {
                    let Some(sender) = self.senders[sender].clone() else { return };
                    match sender.try_reserve_owned() {
                        Ok(permit) => self.slots[slot].keep(Done::Reserved(Some(permit))),
                        Err(error) => trace.note(error.to_string()),
                    }
                }
                Op::Closed { slot, sender } => {
                    let Some(sender) = self.senders[sender].clone() else { return };
                    self.slots[slot].put(Box::pin(async move {
                        sender.closed().await;
                        Done::Closed
                    }));
                }
                _ => {}
            }
        }

        /// The operations on slots.
        fn poll(&mut self, op: &Op, trace: &mut Trace) {
            match *op {
                Op::UsePermit { slot, value } => {
                    // Without a receiver tokio keeps the value until the last sender is gone,
                    // quintet drops it at once.
                    if self.receiver.is_some()
                        && let Some(Done::Reserved(Some(permit))) = self.slots[slot].take()
                    {
                        let sender = permit.send(self.values.make(value));
                        trace.note(sender.is_closed());
                    }
                }
                Op::Release { slot } => {
                    if let Some(Done::Reserved(Some(permit))) = self.slots[slot].take() {
                        let sender = permit.release();
                        trace.note(sender.is_closed());
                    }
                }
                Op::Poll { slot, waker } => {
                    let polled = self.slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                Op::Clear { slot } => self.slots[slot].clear(),
                _ => {}
            }
        }

        /// The operations on the receiver.
        fn receive(&mut self, op: &Op, trace: &mut Trace) {
            let Some(receiver) = &mut self.receiver else { return };
            match *op {
                Op::Recv { waker } => {
                    let polled = receiver.poll_recv(&mut trace.receiver_context(waker));
                    self.is_waiting = polled.is_pending();
                    trace.note(polled);
                }
                Op::RecvMany { waker, limit } => {
                    let mut values = Vec::new();
                    let cx = &mut trace.receiver_context(waker);
                    let polled = receiver.poll_recv_many(cx, &mut values, limit);
                    // To receive none looks at nothing.
                    self.is_waiting = polled.is_pending() || limit == 0 && self.is_waiting;
                    trace.note((polled, values));
                }
                Op::TryRecv => trace.note(receiver.try_recv()),
                Op::Close => receiver.close(),
                Op::DropReceiver => {
                    self.receiver = None;
                    self.is_waiting = false;
                }
                _ => {}
            }
        }

        /// Whether wakes of the receiver say nothing. Tokio's channel keeps the waker of one that
        /// has found the end or is gone, and wakes it with the last sender. When one was closed
        /// while it waited and nothing can come, the next use of a permit wakes it in quintet's
        /// channel, only the last sender in tokio's.
        fn is_receiver_done(&self) -> bool {
            let is_at_end = self.receiver.as_ref().is_some_and(|receiver| {
                receiver.is_closed() && receiver.is_empty() && (receiver.capacity() == CAPACITY || receiver.sender_strong_count() == 0)
            });
            is_at_end || side::IS_TOKIO && !self.is_waiting
        }

        fn look(&self, trace: &mut Trace) {
            for sender in self.senders.iter().flatten() {
                trace.note((sender.capacity(), sender.is_closed()));
                trace.note((sender.strong_count(), sender.weak_count()));
            }
            if let Some(receiver) = &self.receiver {
                trace.note((receiver.len(), receiver.is_empty(), receiver.is_closed()));
                trace.note((receiver.capacity(), receiver.sender_strong_count()));
            }
            trace.note(self.values.alive());
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let mut state = State::new();
        for op in program {
            let is_receiver_done = state.is_receiver_done();
            state.send(op, trace);
            state.poll(op, trace);
            state.receive(op, trace);
            state.look(trace);
            if is_receiver_done {
                trace.ignore_receiver();
            }
            trace.end_step();
        }
        if state.is_receiver_done() {
            drop(state);
            trace.ignore_receiver();
        }
    }
}

#[test]
fn mpsc_bounded() {
    compare("mpsc_bounded", ours::run, theirs::run);
}
