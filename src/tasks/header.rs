//! The part of a task that other threads may hold: its key, its flags and the way home.
//!
//! A waker, a join handle and an abort handle are counted references to a header, and so is a wake
//! on its way through the inbox. A header owns nothing of the user's; it may be dropped anywhere.

use std::any::Any;

use crate::inbox::Inbox;
use crate::primitive::{Arc, AtomicBool, AtomicU64, Ordering};
use crate::ready::LoopId;
use crate::slots::Key;

/// What travels to a loop through its inbox.
pub(crate) enum Message {
    /// The task was woken on another thread, or while its loop did not run.
    Wake(Arc<Header>),
    /// Something to do at home, with the loop entered.
    Call(Box<dyn FnOnce() + Send>),
    /// A panic that is to end the loop.
    Panic(Box<dyn Any + Send>),
}

/// See the [module](self).
pub(crate) struct Header {
    home: LoopId,
    inbox: Arc<Inbox<Message>>,
    /// The slot of the present tenant. Changes only while nobody else holds the header.
    key: AtomicU64,
    /// Whether the task stands in the ready queue or in pending. Only the home thread touches it;
    /// an atomic just so that the header can be shared.
    queued: AtomicBool,
    /// Whether a wake is on its way through the inbox. Set by the first waker on another thread,
    /// cleared at home *before* the task is polled: a wake after that sends a new message.
    remote: AtomicBool,
    /// Set by `abort`, which then wakes the task.
    aborted: AtomicBool,
    /// Set at home when the task has an outcome.
    finished: AtomicBool,
    /// Whether the task does not keep its loop alive.
    unref: AtomicBool,
}

impl Header {
    pub(crate) fn new(home: LoopId, inbox: Arc<Inbox<Message>>) -> Self {
        Header {
            home,
            inbox,
            key: AtomicU64::new(0),
            queued: AtomicBool::new(false),
            remote: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            unref: AtomicBool::new(false),
        }
    }

    /// Gives an unshared header to the task in slot `key`.
    pub(crate) fn assign(&self, key: Key) {
        self.key.store(key.to_bits(), Ordering::Relaxed);
        self.queued.store(false, Ordering::Relaxed);
        self.remote.store(false, Ordering::Relaxed);
        self.aborted.store(false, Ordering::Relaxed);
        self.finished.store(false, Ordering::Relaxed);
        self.unref.store(false, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn home(&self) -> LoopId {
        self.home
    }

    #[inline]
    pub(crate) fn key(&self) -> Key {
        Key::from_bits(self.key.load(Ordering::Relaxed))
    }

    /// The inbox of the loop at home.
    pub(crate) fn inbox(&self) -> &Inbox<Message> {
        &self.inbox
    }

    /// At home: whether the task stands in a queue.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.queued.load(Ordering::Relaxed)
    }

    /// At home: notes that the task is being queued, and returns its key; `None` if it already is.
    #[inline]
    pub(crate) fn enqueue(&self) -> Option<Key> {
        if self.is_queued() {
            return None;
        }
        self.queued.store(true, Ordering::Relaxed);
        Some(self.key())
    }

    /// At home, before the task is polled: from now on a wake counts again.
    #[inline]
    pub(crate) fn begin_poll(&self) {
        self.queued.store(false, Ordering::Relaxed);
        // A stale `false` is harmless: the message is then still to come and will poll once more.
        // The swap's acquire pairs with the release of the waker's swap, so this poll sees what
        // happened before the wake.
        if self.remote.load(Ordering::Relaxed) {
            self.remote.swap(false, Ordering::AcqRel);
        }
    }

    /// From anywhere but the running home loop: sends the wake, unless one is on its way. A loop
    /// that is gone needs none.
    pub(crate) fn wake_remote(this: &Arc<Self>) {
        // Release pairs with the acquire in `begin_poll`; acquire so that a wake which finds the
        // flag set is ordered before the poll that will clear it.
        if !this.remote.swap(true, Ordering::AcqRel) {
            let _refused = this.inbox.push(Message::Wake(Arc::clone(this)));
        }
    }

    pub(crate) fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// At home: the abort has been seen and could not be done.
    pub(crate) fn clear_abort(&self) {
        self.aborted.store(false, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn set_finished(&self) {
        self.finished.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn is_ref(&self) -> bool {
        !self.unref.load(Ordering::Relaxed)
    }

    /// Says whether the task keeps its loop alive. The loop must then be told to count anew.
    pub(crate) fn set_ref(&self, is_ref: bool) {
        self.unref.store(!is_ref, Ordering::Relaxed);
    }
}
