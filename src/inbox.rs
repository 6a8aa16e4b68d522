//! The inbox: the only door through which other threads reach a loop.
//!
//! Wakes and calls from elsewhere are pushed here and fetched by the poll phase. The inbox knows
//! nothing of what its messages mean. The whole handshake between a pusher and a loop that falls
//! asleep is under one mutex: "the queue is empty" and "the loop is asleep" are one critical
//! section, so a push comes either before it, and is seen, or after it, and sees the sleeper. It
//! then makes the one write that ends this sleep; while the loop is awake nobody writes anything.

use std::fmt;
use std::mem;

use crate::primitive::{self, AtomicBool, Mutex, MutexGuard, Ordering};

/// How many messages the queue keeps room for when it has been emptied.
///
/// A burst may need more; the memory beyond this is given back at the next fetch.
const ROOM_KEPT_MAX: usize = 4096;

/// Messages from other threads to one loop.
pub(crate) struct Inbox<M> {
    state: Mutex<InboxState<M>>,
    /// Whether the queue may hold something. A hint: stale answers delay a message to the next
    /// tick or sleep, where the lock decides.
    pending: AtomicBool,
    /// Makes the loop's wait return; called at most once a sleep, outside the lock.
    unpark: Box<dyn Fn() + Send + Sync>,
}

struct InboxState<M> {
    queue: Vec<M>,
    /// Set when the loop is about to wait; cleared by the first pusher that sees it, or when the
    /// loop is awake again.
    asleep: bool,
    /// How many hold the loop: see [`add_keep_alive`](Inbox::add_keep_alive).
    keep_alives: usize,
    /// Set when the last of them let go while the loop was awake: it may be about to wait for them.
    was_released: bool,
    /// Set once, when the loop is gone.
    closed: bool,
}

impl<M> Inbox<M> {
    pub(crate) fn new(unpark: Box<dyn Fn() + Send + Sync>) -> Self {
        Inbox {
            state: Mutex::new(InboxState {
                queue: Vec::new(),
                asleep: false,
                keep_alives: 0,
                was_released: false,
                closed: false,
            }),
            pending: AtomicBool::new(false),
            unpark,
        }
    }

    /// Queues `message` and ends the loop's sleep if it sleeps. Gives the message back, to be
    /// dropped where it came from, if the loop is gone.
    pub(crate) fn push(&self, message: M) -> Result<(), M> {
        let was_asleep = {
            let mut state = self.lock();
            if state.closed {
                return Err(message);
            }
            state.queue.push(message);
            self.pending.store(true, Ordering::Relaxed);
            mem::take(&mut state.asleep)
        };
        if was_asleep {
            (self.unpark)();
        }
        Ok(())
    }

    /// Makes the loop's next wait return at once.
    pub(crate) fn unpark(&self) {
        (self.unpark)();
    }

    /// Says that a message may still come, so that the loop is not at its end.
    pub(crate) fn add_keep_alive(&self) {
        self.lock().keep_alives += 1;
    }

    /// Takes back a [`add_keep_alive`](Inbox::add_keep_alive). The last one ends the loop's sleep, or keeps it from
    /// beginning: the loop may be at its end.
    pub(crate) fn remove_keep_alive(&self) {
        let was_asleep = {
            let mut state = self.lock();
            state.keep_alives -= 1;
            let is_last = state.keep_alives == 0;
            let was_asleep = is_last && mem::take(&mut state.asleep);
            state.was_released |= is_last && !was_asleep;
            was_asleep
        };
        if was_asleep {
            (self.unpark)();
        }
    }

    /// Whether somebody holds the loop.
    pub(crate) fn has_keep_alive(&self) -> bool {
        self.lock().keep_alives > 0
    }

    /// Whether there is no message and nobody who says that there may be one.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.queue.is_empty() && state.keep_alives == 0
    }

    /// Whether a fetch is likely to find something.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed)
    }

    /// Says that the loop is about to wait. False, and the loop must not wait, if there is a
    /// message already, or if it has been let go since it last asked: what it waits for may be gone.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.lock();
        let was_released = mem::take(&mut state.was_released);
        state.asleep = state.queue.is_empty() && !was_released;
        state.asleep
    }

    /// Says that the loop is awake, and hands all messages to `take`, in order of arrival.
    pub(crate) fn fetch(&self, take: impl FnMut(M)) {
        let mut queue = {
            let mut state = self.lock();
            state.asleep = false;
            self.pending.store(false, Ordering::Relaxed);
            if state.queue.is_empty() {
                return;
            }
            mem::take(&mut state.queue)
        };
        queue.drain(..).for_each(take);
        if queue.capacity() <= ROOM_KEPT_MAX {
            self.restore_buffer(queue);
        }
    }

    /// Returns an emptied buffer, so that the next messages need no allocation.
    fn restore_buffer(&self, buffer: Vec<M>) {
        let mut state = self.lock();
        if state.queue.capacity() == 0 {
            state.queue = buffer;
        }
    }

    /// Whether the loop is gone, so that nothing more is fetched.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Refuses everything from now on and returns what was still queued, to be dropped by the
    /// caller: nothing is dropped under the lock.
    pub(crate) fn close(&self) -> Vec<M> {
        let mut state = self.lock();
        state.closed = true;
        mem::take(&mut state.queue)
    }

    fn lock(&self) -> MutexGuard<'_, InboxState<M>> {
        primitive::lock(&self.state)
    }
}

impl<M> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}
