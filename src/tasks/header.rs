//! The part of a task that other threads may hold: its key, its flags and the way home.
//!
//! A waker, a join handle and an abort handle are counted references to a header, and so is a wake
//! on its way through the inbox. A header owns nothing of the user's; it may be dropped anywhere.
//!
//! Most headers are made for a slot. That of a task which is spawned on another thread is made there,
//! and comes home with it; a job from another thread has one and no slot.

use std::any::Any;

use crate::inbox::Inbox;
use crate::primitive::{Arc, AtomicBool, AtomicU8, AtomicU64, Ordering};
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
    inbox: Arc<Inbox<Message>>,
    /// The slot of the present tenant, which only the home thread asks for. It is set once, or while
    /// nothing else holds the header.
    key: AtomicU64,
    home: LoopId,
    /// How the task stands: `QUEUED` and `FINISHED`. Only the home thread writes it, so it needs no
    /// read-modify-write; an atomic because others read it.
    state: AtomicU8,
    /// Whether a wake is on its way through the inbox. Set by the first waker on another thread,
    /// cleared at home *before* the task is polled: a wake after that sends a new message.
    remote: AtomicBool,
    /// What was asked for, by whomever: `ABORTED`, `UNREF`, `UNAWAITED`; and by a worker: `STARTED`.
    wishes: AtomicU8,
}

/// The task stands in the ready queue or in pending.
const QUEUED: u8 = 1;
/// The task has an outcome.
const FINISHED: u8 = 2;

/// The key of a task that has no slot yet: no slot has it.
const NOWHERE: u64 = u64::MAX;

/// Set by `abort`, which then wakes the task.
const ABORTED: u8 = 1;
/// The task does not keep its loop alive.
const UNREF: u8 = 2;
/// The task is a job, and shutdown does not wait for it.
const UNAWAITED: u8 = 4;
/// The task is a job, and a worker has begun with it. Never together with `ABORTED`.
const STARTED: u8 = 8;

impl Header {
    pub(crate) fn new(home: LoopId, inbox: Arc<Inbox<Message>>) -> Self {
        Header {
            inbox,
            key: AtomicU64::new(NOWHERE),
            home,
            state: AtomicU8::new(0),
            remote: AtomicBool::new(false),
            wishes: AtomicU8::new(0),
        }
    }

    /// Gives an unshared header to the task in slot `key`.
    #[inline]
    pub(crate) fn assign(&self, key: Key) {
        self.key.store(key.to_bits(), Ordering::Relaxed);
        self.state.store(0, Ordering::Relaxed);
        self.remote.store(false, Ordering::Relaxed);
        self.wishes.store(0, Ordering::Relaxed);
    }

    /// Gives a header that others hold already to the task in slot `key`, its first. What was asked
    /// for stays, but a wake that came before found no slot.
    pub(crate) fn arrive(&self, key: Key) {
        self.state.store(0, Ordering::Relaxed);
        self.key.store(key.to_bits(), Ordering::Relaxed);
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
    pub(crate) fn inbox(&self) -> &Arc<Inbox<Message>> {
        &self.inbox
    }

    /// At home: whether the task stands in a queue.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.state.load(Ordering::Relaxed) & QUEUED != 0
    }

    /// At home: notes that the task is being queued, and returns its key; `None` if it already is.
    #[inline]
    pub(crate) fn enqueue(&self) -> Option<Key> {
        let state = self.state.load(Ordering::Relaxed);
        if state & QUEUED != 0 {
            return None;
        }
        self.state.store(state | QUEUED, Ordering::Relaxed);
        Some(self.key())
    }

    /// At home, before the task is polled: from now on a wake counts again. Returns whether there is
    /// something to poll.
    #[inline]
    pub(crate) fn begin_poll(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed) & !QUEUED;
        self.state.store(state, Ordering::Relaxed);
        // A stale `false` is harmless: the message is then still to come and will poll once more.
        // The swap's acquire pairs with the release of the waker's swap, so this poll sees what
        // happened before the wake.
        if self.remote.load(Ordering::Relaxed) {
            self.remote.swap(false, Ordering::AcqRel);
        }
        state & FINISHED == 0
    }

    /// From anywhere but the running home loop: sends the wake, unless one is on its way. A loop
    /// that is gone needs none.
    pub(crate) fn wake_remote(this: &Arc<Self>) {
        // Release pairs with the acquire in `begin_poll`; acquire so that a wake which finds the
        // flag set is ordered before the poll that will clear it.
        if !this.remote.swap(true, Ordering::AcqRel) {
            Header::send_wake(this);
        }
    }

    /// The same whether or not one is on its way: for what happens once in the life of a task, which
    /// spares it the flag. At home a wake too many finds nothing to do, or polls for nothing.
    pub(crate) fn send_wake(this: &Arc<Self>) {
        let _refused = this.inbox.push(Message::Wake(Arc::clone(this)));
    }

    /// Marks the task as aborted; false if it is a job that has been started.
    pub(crate) fn abort(&self) -> bool {
        self.add_wish(ABORTED, STARTED, Ordering::Release)
    }

    /// Claims a job for a worker; false if it has been aborted before.
    pub(crate) fn start_job(&self) -> bool {
        self.add_wish(STARTED, ABORTED, Ordering::Relaxed)
    }

    /// Adds `wish`, unless `other` has come before it: of two that compete, one wins.
    fn add_wish(&self, wish: u8, other: u8, success: Ordering) -> bool {
        let added = |wishes| (wishes & other == 0).then_some(wishes | wish);
        self.wishes
            .fetch_update(success, Ordering::Relaxed, added)
            .is_ok()
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.wishes.load(Ordering::Acquire) & ABORTED != 0
    }

    /// At home: the task has an outcome.
    #[inline]
    pub(crate) fn set_finished(&self) {
        let state = self.state.load(Ordering::Relaxed);
        self.state.store(state | FINISHED, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        self.state.load(Ordering::Acquire) & FINISHED != 0
    }

    #[inline]
    pub(crate) fn is_ref(&self) -> bool {
        self.wishes.load(Ordering::Relaxed) & UNREF == 0
    }

    /// Says whether the task keeps its loop alive. The loop must then be told to count anew.
    pub(crate) fn set_ref(&self, is_ref: bool) {
        self.set_wish(UNREF, !is_ref);
    }

    /// Whether shutdown waits for the job.
    pub(crate) fn is_awaited_at_end(&self) -> bool {
        self.wishes.load(Ordering::Relaxed) & UNAWAITED == 0
    }

    /// Says whether shutdown waits for the job.
    pub(crate) fn set_awaited_at_end(&self, is_awaited: bool) {
        self.set_wish(UNAWAITED, !is_awaited);
    }

    fn set_wish(&self, wish: u8, is_set: bool) {
        if is_set {
            self.wishes.fetch_or(wish, Ordering::Relaxed);
        } else {
            self.wishes.fetch_and(!wish, Ordering::Relaxed);
        }
    }
}
