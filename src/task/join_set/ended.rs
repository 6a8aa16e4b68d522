//! The tasks of a set that have ended, in the order of their end wakers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use crate::primitive;
use crate::slots::Key;
use crate::tasks::wake_contained;

/// The tasks whose end wakers were woken.
pub(super) struct Ended {
    state: Mutex<EndedState>,
}

struct EndedState {
    /// At most one key for each task of the set, and some of removed tasks.
    queue: VecDeque<Key>,
    /// Woken for the next key.
    waiter: Option<Waker>,
}

/// The waker of one task's end.
pub(super) struct EndWaker {
    pub(super) key: Key,
    pub(super) ended: Arc<Ended>,
}

impl Wake for EndWaker {
    fn wake(self: Arc<Self>) {
        self.ended.push(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ended.push(self.key);
    }
}

impl Ended {
    pub(super) fn new() -> Self {
        Ended {
            state: Mutex::new(EndedState {
                queue: VecDeque::new(),
                waiter: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, EndedState> {
        primitive::lock(&self.state)
    }

    pub(super) fn push(&self, key: Key) {
        let waiter = {
            let mut state = self.lock();
            state.queue.push_back(key);
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            wake_contained(waiter);
        }
    }

    pub(super) fn pop(&self) -> Option<Key> {
        self.lock().queue.pop_front()
    }

    /// Takes the first key, or registers `cx` to be woken for the next one.
    pub(super) fn poll_pop(&self, cx: &Context<'_>) -> Poll<Key> {
        if let Some(key) = self.pop() {
            return Poll::Ready(key);
        }
        // Cloning and dropping wakers runs user code, so not under the lock.
        let waiter = cx.waker().clone();
        let mut state = self.lock();
        if let Some(key) = state.queue.pop_front() {
            drop(state);
            return Poll::Ready(key);
        }
        let old = state.waiter.replace(waiter);
        drop(state);
        drop(old);
        Poll::Pending
    }

    pub(super) fn forget_waiter(&self) {
        let old = self.lock().waiter.take();
        drop(old);
    }
}
