//! A channel between tasks of one thread, with room for one message.
//!
//! The same for all runtimes, so that the workloads measure the wake and the poll and not the
//! channel of the runtime. It has no lock and no atomic, and clones a waker only if it has changed.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Default)]
struct Slot {
    message: Option<u64>,
    receiver: Option<Waker>,
}

/// The sending end.
pub(super) struct Sender(Rc<RefCell<Slot>>);

/// The receiving end.
pub(super) struct Receiver(Rc<RefCell<Slot>>);

pub(super) fn channel() -> (Sender, Receiver) {
    let slot = Rc::new(RefCell::new(Slot::default()));
    (Sender(Rc::clone(&slot)), Receiver(slot))
}

impl Sender {
    /// Stores a message and wakes the receiver. The receiver has taken the previous message.
    pub(super) fn send(&self, message: u64) {
        let mut slot = self.0.borrow_mut();
        debug_assert!(slot.message.is_none(), "there is room for one message");
        slot.message = Some(message);
        let receiver = slot.receiver.take();
        drop(slot);
        if let Some(receiver) = receiver {
            receiver.wake_by_ref();
            // Keep the waker, so that the receiver need not clone it again.
            self.0.borrow_mut().receiver.get_or_insert(receiver);
        }
    }
}

impl Receiver {
    /// Receives the next message.
    pub(super) async fn receive(&mut self) -> u64 {
        poll_fn(|cx| {
            let mut slot = self.0.borrow_mut();
            if let Some(message) = slot.message.take() {
                return Poll::Ready(message);
            }
            let same = |waker: &Waker| waker.will_wake(cx.waker());
            if !slot.receiver.as_ref().is_some_and(same) {
                slot.receiver = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}
