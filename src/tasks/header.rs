//! The part of a task that other threads may refer to: its key, its flags and its loop's inbox.
//!
//! Wakers, join handles and abort handles are counted references to a header, and so is a wake
//! message in the inbox. A header owns no user data and may be dropped on any thread.
//!
//! Most headers are made for a slot. The header of a task that is spawned from another thread is
//! made there and moves to the loop with the task. A job from another thread has a header and no
//! slot.

use std::any::Any;

use crate::inbox::Inbox;
use crate::primitive::{Arc, AtomicBool, AtomicU8, AtomicU64, Ordering};
use crate::ready::LoopId;
use crate::slots::Key;
use crate::trace::AtomicSpanId;

/// A message to a loop, sent through its inbox.
pub(crate) enum Message {
    /// The task was woken on another thread, or while its loop did not run.
    Wake(Arc<Header>),
    /// A closure to call on the loop's thread, with the loop entered.
    Call(Box<dyn FnOnce() + Send>),
    /// A panic that ends the loop.
    Panic(Box<dyn Any + Send>),
}

/// See the [module](self).
pub(crate) struct Header {
    inbox: Arc<Inbox<Message>>,
    /// The slot of the task, which only the home thread reads. It is set once, or while nothing
    /// else refers to the header.
    key: AtomicU64,
    home: LoopId,
    /// `QUEUED` and `FINISHED`. Only the home thread writes it, so it needs no read-modify-write.
    /// It is atomic because other threads read it.
    state: AtomicU8,
    /// Whether a wake message is in the inbox. Set by the first waker on another thread, cleared at
    /// home *before* the task is polled, so that a wake after that sends a new message.
    remote: AtomicBool,
    /// Requests by any thread: `ABORTED`, `UNREF`, `UNAWAITED`, `CANCELLED`; and by a worker:
    /// `STARTED`.
    requests: AtomicU8,
    /// The span of the task, which wakes name.
    span: AtomicSpanId,
}

/// The task is in the ready queue or in pending.
const QUEUED: u8 = 1;
/// The task has an outcome.
const FINISHED: u8 = 2;

/// The key of a header without slot. No slot has this key.
const NOWHERE: u64 = u64::MAX;

/// The task is to be dropped at its next turn.
const ABORTED: u8 = 1;
/// The task does not keep its loop alive.
const UNREF: u8 = 2;
/// The task is a job that shutdown does not wait for.
const UNAWAITED: u8 = 4;
/// The task is a job that a worker has begun. Never set together with `ABORTED`.
const STARTED: u8 = 8;
/// The task is a job that has begun, and that is asked to end.
const CANCELLED: u8 = 16;

impl Header {
    pub(crate) fn new(home: LoopId, inbox: Arc<Inbox<Message>>) -> Self {
        Header {
            inbox,
            key: AtomicU64::new(NOWHERE),
            home,
            state: AtomicU8::new(0),
            remote: AtomicBool::new(false),
            requests: AtomicU8::new(0),
            span: AtomicSpanId::none(),
        }
    }

    /// Makes an unshared header that of a new task in slot `key`.
    #[inline]
    pub(crate) fn assign(&self, key: Key) {
        self.key.store(key.to_bits(), Ordering::Relaxed);
        self.state.store(0, Ordering::Relaxed);
        self.remote.store(false, Ordering::Relaxed);
        self.requests.store(0, Ordering::Relaxed);
        self.span.clear();
    }

    /// Sets the slot of a header that is shared already. Requests stay; wakes that were received
    /// before had no effect, since there was no slot.
    pub(crate) fn arrive(&self, key: Key) {
        self.state.store(0, Ordering::Relaxed);
        self.key.store(key.to_bits(), Ordering::Relaxed);
    }

    /// Where the span of the task is kept.
    #[inline]
    pub(crate) fn span(&self) -> &AtomicSpanId {
        &self.span
    }

    #[inline]
    pub(crate) fn home(&self) -> LoopId {
        self.home
    }

    #[inline]
    pub(crate) fn key(&self) -> Key {
        Key::from_bits(self.key.load(Ordering::Relaxed))
    }

    /// The inbox of its loop.
    pub(crate) fn inbox(&self) -> &Arc<Inbox<Message>> {
        &self.inbox
    }

    /// At home: whether the task is in a queue.
    #[inline]
    pub(crate) fn is_queued(&self) -> bool {
        self.state.load(Ordering::Relaxed) & QUEUED != 0
    }

    /// At home: marks the task as queued and returns its key, or `None` if it already was.
    #[inline]
    pub(crate) fn enqueue(&self) -> Option<Key> {
        let state = self.state.load(Ordering::Relaxed);
        if state & QUEUED != 0 {
            return None;
        }
        self.state.store(state | QUEUED, Ordering::Relaxed);
        Some(self.key())
    }

    /// At home, before the task is polled: a wake from now on queues it again. Returns false if the
    /// task is not to be polled: it has finished, or whether it is in a queue is not as expected.
    #[inline]
    pub(crate) fn begin_poll(&self, expect_queued: bool) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if (state & QUEUED != 0) != expect_queued {
            return false;
        }
        self.state.store(state & !QUEUED, Ordering::Relaxed);
        // A stale `false` is harmless: the message then still causes another poll. The acquire of
        // the swap pairs with the release of the waker's swap, so this poll sees what happened
        // before the wake.
        if self.remote.load(Ordering::Relaxed) {
            self.remote.swap(false, Ordering::AcqRel);
        }
        state & FINISHED == 0
    }

    /// Sends a wake from another thread, or while the home loop does not run, unless a wake message
    /// is in the inbox already. A loop that has ended needs none.
    pub(crate) fn wake_remote(this: &Arc<Self>) {
        // Release pairs with the acquire in `begin_poll`; acquire so that a wake which finds the
        // flag set is ordered before the poll that clears it.
        if !this.remote.swap(true, Ordering::AcqRel) {
            let _refused = this.inbox.push(Message::Wake(Arc::clone(this)));
        }
    }

    /// Marks the task as aborted. If it is a job that has been started, asks it to end instead, and
    /// returns false.
    pub(crate) fn abort(&self) -> bool {
        let is_aborted = self.request_unless(ABORTED, STARTED, Ordering::Release);
        if !is_aborted {
            self.cancel_job();
        }
        is_aborted
    }

    /// Asks a job that has been started to end.
    pub(crate) fn cancel_job(&self) {
        self.set_request(CANCELLED, true);
    }

    /// Whether the job is asked to end. It reads nothing else, so the order with what other threads
    /// do before does not matter.
    #[inline]
    pub(crate) fn is_job_cancelled(&self) -> bool {
        self.requests.load(Ordering::Relaxed) & CANCELLED != 0
    }

    /// Claims a job for a worker. Returns false if it was aborted before.
    pub(crate) fn start_job(&self) -> bool {
        self.request_unless(STARTED, ABORTED, Ordering::Relaxed)
    }

    /// Sets `request` unless `other` is set: of two competing requests one wins.
    fn request_unless(&self, request: u8, other: u8, success: Ordering) -> bool {
        let added = |requests| (requests & other == 0).then_some(requests | request);
        self.requests
            .fetch_update(success, Ordering::Relaxed, added)
            .is_ok()
    }

    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        self.requests.load(Ordering::Acquire) & ABORTED != 0
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
        self.requests.load(Ordering::Relaxed) & UNREF == 0
    }

    /// Sets whether the task keeps its loop alive. The caller must then call `Tasks::recount`.
    pub(crate) fn set_ref(&self, is_ref: bool) {
        self.set_request(UNREF, !is_ref);
    }

    /// Whether shutdown waits for the job.
    pub(crate) fn is_awaited_at_end(&self) -> bool {
        self.requests.load(Ordering::Relaxed) & UNAWAITED == 0
    }

    /// Sets whether shutdown waits for the job.
    pub(crate) fn set_awaited_at_end(&self, is_awaited: bool) {
        self.set_request(UNAWAITED, !is_awaited);
    }

    fn set_request(&self, request: u8, is_set: bool) {
        if is_set {
            self.requests.fetch_or(request, Ordering::Relaxed);
        } else {
            self.requests.fetch_and(!request, Ordering::Relaxed);
        }
    }
}
