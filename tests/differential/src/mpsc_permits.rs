//! Bounded `mpsc` channels: permits that borrow their sender, one or many at a time.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

/// Permits that are asked for at a time; there may not be so many.
const MANY: usize = 5;

operations! {
    3 Reserve { slot: SLOTS };
    3 ReserveMany { slot: SLOTS, count: MANY };
    1 TryReserve { slot: SLOTS };
    // More than there are, of a closed channel: tokio says that it is full, quintet that it is
    // closed.
    1 TryReserveMany { slot: SLOTS, count: MANY - 1 };
    12 Poll { slot: SLOTS, waker: WAKERS };
    6 Send { slot: SLOTS, value: 100 };
    3 Clear { slot: SLOTS };
    6 TryRecv;
    1 Close;
    1 DropReceiver;
}

on_both_sides! {
    use super::Op;
    use crate::driver::{AnySlot, SLOTS, Trace, Value, Values};
    use side::sync::mpsc::error::{SendError, TrySendError};
    use side::sync::mpsc::{Permit, PermitIterator, channel};

    enum Permits<'a> {
        One(Permit<'a, Value>),
        Many(PermitIterator<'a, Value>),
    }

    impl std::fmt::Debug for Permits<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            match self {
                Permits::One(_) => write!(f, "one"),
                Permits::Many(many) => write!(f, "{} more", many.len()),
            }
        }
    }

    type Reserved<'a> = Result<Permits<'a>, SendError<()>>;

    fn keep<'a>(
        slot: &mut AnySlot<'a, Reserved<'a>>,
        reserved: Result<Permits<'a>, TrySendError<()>>,
    ) -> Result<(), String> {
        slot.keep(Ok(reserved.map_err(|error| error.to_string())?));
        Ok(())
    }

    /// Sends by a permit of the slot, if it has one.
    fn send<'a>(slot: &mut AnySlot<'a, Reserved<'a>>, value: Value) {
        match slot.take() {
            Some(Ok(Permits::One(permit))) => permit.send(value),
            Some(Ok(Permits::Many(mut many))) => {
                if let Some(permit) = many.next() {
                    permit.send(value);
                }
                slot.keep(Ok(Permits::Many(many)));
            }
            _ => {}
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        let values = Values::default();
        let (sender, receiver) = channel(3);
        let (sender, mut receiver) = (&sender, Some(receiver));
        let mut slots: [AnySlot<'_, Reserved<'_>>; SLOTS] = Default::default();
        for op in program {
            match *op {
                Op::Reserve { slot } => slots[slot].put(Box::pin(async {
                    sender.reserve().await.map(Permits::One)
                })),
                Op::ReserveMany { slot, count } => slots[slot].put(Box::pin(async move {
                    sender.reserve_many(count).await.map(Permits::Many)
                })),
                Op::TryReserve { slot } => {
                    let reserved = sender.try_reserve().map(Permits::One);
                    trace.note(keep(&mut slots[slot], reserved));
                }
                Op::TryReserveMany { slot, count } => {
                    let reserved = sender.try_reserve_many(count).map(Permits::Many);
                    trace.note(keep(&mut slots[slot], reserved));
                }
                Op::Poll { slot, waker } => {
                    let polled = slots[slot].poll(trace.context(waker));
                    trace.note(polled);
                }
                // Without a receiver tokio keeps the value until the sender is gone, quintet drops
                // it at once.
                Op::Send { .. } if receiver.is_none() => {}
                Op::Send { slot, value } => send(&mut slots[slot], values.make(value)),
                Op::Clear { slot } => slots[slot].clear(),
                Op::TryRecv => {
                    let received = receiver.as_mut().map(|receiver| receiver.try_recv());
                    trace.note(received);
                }
                Op::Close => trace.note(receiver.as_mut().map(|receiver| receiver.close())),
                Op::DropReceiver => receiver = None,
            }
            trace.note((sender.capacity(), sender.is_closed(), values.alive()));
            trace.end_step();
        }
    }
}

#[test]
fn mpsc_permits() {
    compare("mpsc_permits", ours::run, theirs::run);
}
