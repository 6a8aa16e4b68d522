//! The ready queue of a scope: its members that were woken, and their wakers.
//!
//! Only this part of a scope is shared with other threads. It refers to members by keys and holds
//! no future, so a waker may outlive the scope and move between threads, whatever the children
//! borrow.
//!
//! No foreign waker is cloned, woken or dropped under the lock.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Wake, Waker};

use crate::panics;
use crate::primitive;
use crate::slots::Key;

/// The body's key: the body has no slot.
pub(super) const BODY: Key = Key::DANGLING;

/// The members of one scope that were woken, in the order of their wakes.
///
/// It needs no limit, since each member is in it at most once.
#[derive(Debug)]
pub(super) struct ChildQueue {
    state: Mutex<ChildQueueState>,
}

#[derive(Debug)]
struct ChildQueueState {
    woken: VecDeque<Key>,
    /// The waker of the task that polls the scope. Taken when it is woken.
    parent: Option<Waker>,
    /// Whether the scope will read the queue without another wake of its parent: the scope is being
    /// polled, or the parent has been woken.
    is_attended: bool,
    /// Whether the scope has ended.
    closed: bool,
}

impl ChildQueue {
    pub(super) fn new() -> Arc<Self> {
        let state = ChildQueueState {
            woken: VecDeque::new(),
            parent: None,
            // A new scope has not been polled, so the first poll reads the queue.
            is_attended: true,
            closed: false,
        };
        Arc::new(ChildQueue {
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, ChildQueueState> {
        primitive::lock(&self.state)
    }

    fn push(&self, key: Key) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.woken.push_back(key);
        Self::wake_parent(state);
    }

    /// Makes the parent poll the scope.
    pub(super) fn call(&self) {
        let state = self.lock();
        if !state.closed {
            Self::wake_parent(state);
        }
    }

    /// Wakes the parent unless the scope will read the queue anyway.
    fn wake_parent(mut state: MutexGuard<'_, ChildQueueState>) {
        if mem::replace(&mut state.is_attended, true) {
            return;
        }
        let parent = state.parent.take();
        drop(state);
        if let Some(parent) = parent {
            parent.wake();
        }
    }

    /// Begins a poll of the scope, in which a woken member needs no wake of the parent.
    pub(super) fn attend(&self) {
        self.lock().is_attended = true;
    }

    /// Fills `batch` if it is empty, and returns whether a member is in it.
    pub(super) fn refill(&self, batch: &mut VecDeque<Key>) -> bool {
        if batch.is_empty() {
            mem::swap(batch, &mut self.lock().woken);
        }
        !batch.is_empty()
    }

    /// Ends a poll: from now on a woken member wakes the parent. Returns false, and does nothing,
    /// if a member has been woken meanwhile.
    pub(super) fn park(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if !state.is_parent(cx.waker()) {
            drop(state);
            let new = cx.waker().clone();
            state = self.lock();
            let old = state.parent.replace(new);
            drop(state);
            panics::drop_contained(old, "the destructor of a waker");
            state = self.lock();
        }
        // Under the same lock as the queue, so that a later wake finds the flag cleared.
        state.is_attended = !state.woken.is_empty();
        !state.is_attended
    }

    /// Ends the scope: from now on wakes have no effect.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.woken = VecDeque::new();
        let parent = state.parent.take();
        drop(state);
        panics::drop_contained(parent, "the destructor of a waker");
    }
}

impl ChildQueueState {
    fn is_parent(&self, waker: &Waker) -> bool {
        let parent = self.parent.as_ref();
        parent.is_some_and(|parent| parent.will_wake(waker))
    }
}

/// The waker of one member.
#[derive(Debug)]
pub(super) struct ChildWaker {
    key: Key,
    queue: Arc<ChildQueue>,
    /// Set when it enters the queue and cleared when its turn comes; set for good when it ends.
    queued: AtomicBool,
    /// Whether its next turn drops it.
    aborted: AtomicBool,
}

impl ChildWaker {
    pub(super) fn new(key: Key, queue: &Arc<ChildQueue>) -> Arc<Self> {
        Arc::new(ChildWaker {
            key,
            queue: Arc::clone(queue),
            queued: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
        })
    }

    /// Begins its turn: a wake from now on queues it again.
    pub(super) fn begin_turn(&self) {
        // Acquires what was done before the wakes that found it queued: see `wake_by_ref`.
        self.queued.swap(false, Ordering::AcqRel);
    }

    /// Ends it: from now on its wakers have no effect.
    pub(super) fn retire(&self) {
        self.queued.store(true, Ordering::Release);
    }

    pub(super) fn abort(self: &Arc<Self>) {
        // Only the scope's own thread writes and reads it.
        self.aborted.store(true, Ordering::Relaxed);
        self.wake_by_ref();
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Relaxed)
    }
}

impl Wake for ChildWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Releases what was done before the wake to `begin_turn`.
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.push(self.key);
        }
    }
}
