//! The inbox: the queue through which other threads reach a loop.
//!
//! Other threads push wakes and calls; the poll phase fetches them. The inbox does not know what
//! its messages mean.
//!
//! A lost wake-up is impossible, because "the queue is empty" and "the loop is asleep" are checked
//! and changed under one mutex. A push comes either before the loop falls asleep, which then sees
//! the message, or after it, and then sees that the loop is asleep and unparks it. While the loop
//! is awake, a push makes no system call.

use std::fmt;
use std::mem;

use crate::primitive::{self, AtomicBool, Mutex, MutexGuard, Ordering};

/// For how many messages the queue keeps memory when it has been emptied. The next fetch frees what
/// a burst has needed beyond this.
const ROOM_KEPT_MAX: usize = 4096;

/// Messages from other threads to one loop.
pub(crate) struct Inbox<M> {
    state: Mutex<InboxState<M>>,
    /// Whether the queue may have messages. A hint: a stale value delays a message until the next
    /// tick or sleep, which looks under the lock.
    pending: AtomicBool,
    /// Ends the wait of the loop. Called outside the lock, at most once a sleep.
    unpark: Box<dyn Fn() + Send + Sync>,
}

struct InboxState<M> {
    queue: Vec<M>,
    /// Set when the loop is about to wait. Cleared by the first push, or when the loop is awake.
    asleep: bool,
    /// How many [keep-alives](Inbox::add_keep_alive) there are.
    keep_alives: usize,
    /// Set when the last keep-alive is removed while the loop is awake: it may be about to wait for
    /// them.
    was_released: bool,
    /// Set once, when the loop has ended.
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

    /// Queues `message`, and unparks the loop if it is asleep.
    ///
    /// # Errors
    ///
    /// Returns the message if the loop has ended, so that the caller drops it.
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

    /// Makes the next wait of the loop return at once.
    pub(crate) fn unpark(&self) {
        (self.unpark)();
    }

    /// Keeps the loop alive: a message may still come.
    pub(crate) fn add_keep_alive(&self) {
        self.lock().keep_alives += 1;
    }

    /// Reverses [`add_keep_alive`](Inbox::add_keep_alive). The last one unparks the loop, or keeps
    /// it from falling asleep, because nothing may keep it alive now.
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

    /// Returns whether there is a keep-alive.
    pub(crate) fn has_keep_alive(&self) -> bool {
        self.lock().keep_alives > 0
    }

    /// Returns whether there is neither a message nor a keep-alive.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.queue.is_empty() && state.keep_alives == 0
    }

    /// Returns how many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// Returns whether a fetch is likely to find a message.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed)
    }

    /// Marks the loop as asleep. Returns false, and the loop must not wait, if there is a message,
    /// or if the last keep-alive has been removed since the last call.
    pub(crate) fn fall_asleep(&self) -> bool {
        let mut state = self.lock();
        let was_released = mem::take(&mut state.was_released);
        state.asleep = state.queue.is_empty() && !was_released;
        state.asleep
    }

    /// Marks the loop as awake, and passes all messages to `take`, in order of arrival.
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

    /// Puts an emptied buffer back, so that the next messages need no allocation.
    fn restore_buffer(&self, buffer: Vec<M>) {
        let mut state = self.lock();
        if state.queue.capacity() == 0 {
            state.queue = buffer;
        }
    }

    /// Returns whether the loop has ended, so that no message is fetched.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Refuses all later messages, and returns those in the queue. The caller drops them, outside
    /// of the lock.
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
