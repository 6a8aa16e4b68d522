//! `oneshot`: both ends, polled, closed, used up and dropped in any order.

use crate::driver::{RECEIVER_WAKERS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    2 Channel;
    3 Send { value: 100 };
    1 DropSender;
    4 PollClosed { waker: WAKERS };
    6 Poll { waker: RECEIVER_WAKERS };
    2 TryRecv;
    1 Close;
    1 DropReceiver;
}

on_both_sides! {
    use super::Op;
    use crate::driver::{Trace, Value, Values};
    use futures::FutureExt;
    use side::sync::oneshot::{Receiver, Sender, channel};

    struct State {
        values: Values,
        sender: Option<Sender<Value>>,
        receiver: Option<Receiver<Value>>,
        /// Whether the receiver was closed.
        is_closed: bool,
    }

    impl State {
        fn new() -> Self {
            let (sender, receiver) = channel();
            State {
                values: Values::default(),
                sender: Some(sender),
                receiver: Some(receiver),
                is_closed: false,
            }
        }

        fn step(&mut self, op: &Op, trace: &mut Trace) {
            match *op {
                Op::Channel => {
                    let (sender, receiver) = channel();
                    (self.sender, self.receiver) = (Some(sender), Some(receiver));
                    self.is_closed = false;
                }
                Op::Send { value } => {
                    let sent = self.sender.take().map(|sender| sender.send(self.values.make(value)));
                    trace.note(sent);
                }
                Op::DropSender => self.sender = None,
                Op::PollClosed { waker } => {
                    let cx = &mut trace.context(waker);
                    let polled = self.sender.as_mut().map(|sender| sender.poll_closed(cx));
                    trace.note(polled);
                }
                Op::DropReceiver => self.receiver = None,
                _ => self.receive(op, trace),
            }
        }

        fn receive(&mut self, op: &Op, trace: &mut Trace) {
            let Some(receiver) = &mut self.receiver else { return };
            match *op {
                // Polled after its end it panics, here and there.
                Op::Poll { waker } if !receiver.is_terminated() => {
                    let polled = receiver.poll_unpin(&mut trace.receiver_context(waker));
                    trace.note(polled);
                }
                Op::TryRecv => trace.note(receiver.try_recv()),
                Op::Close => {
                    receiver.close();
                    self.is_closed = true;
                }
                _ => {}
            }
        }

        /// Leaves out what a side does once the receiver was closed, when nothing need be woken:
        /// tokio's receiver wakes its sender again; quintet's sender wakes a receiver that waited.
        fn ignore_needless_wakes(&self) -> fn(&mut Trace) {
            let receiver = self.receiver.as_ref();
            let is_open = receiver.is_some_and(|receiver| !receiver.is_terminated());
            match self.is_closed {
                true if side::IS_TOKIO => Trace::ignore_wakes,
                true if is_open => Trace::ignore_receiver,
                _ => |_| {},
            }
        }

        fn look(&self, trace: &mut Trace) {
            let receiver = self.receiver.as_ref();
            trace.note(self.sender.as_ref().map(|sender| sender.is_closed()));
            trace.note(receiver.map(|receiver| (receiver.is_empty(), receiver.is_terminated())));
            trace.note(self.values.alive());
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let mut state = State::new();
        for op in program {
            let ignore = state.ignore_needless_wakes();
            state.step(op, trace);
            state.look(trace);
            ignore(trace);
            trace.end_step();
        }
        let ignore = state.ignore_needless_wakes();
        drop(state);
        ignore(trace);
    }
}

#[test]
fn oneshot() {
    compare("oneshot", ours::run, theirs::run);
}
