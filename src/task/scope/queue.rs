//! Whose turn it is in a scope: the queue of its members that were woken, and their wakers.
//!
//! This is all that leaves the scope's thread. It names members by keys and knows no future, so a
//! waker may outlive the scope, and travel, whatever the children borrow.
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

/// The body's key: it lives in no slot.
pub(super) const BODY: Key = Key::DANGLING;

/// The members of one scope that were woken, in the order of their wakes.
///
/// It needs no limit: a member stands in it at most once.
#[derive(Debug)]
pub(super) struct ChildQueue {
    state: Mutex<ChildQueueState>,
}

#[derive(Debug)]
struct ChildQueueState {
    woken: VecDeque<Key>,
    /// Who polls the scope. Taken when it is woken.
    parent: Option<Waker>,
    /// Whether the scope looks into the queue without being told: it is being polled, or its parent
    /// has been woken.
    attentive: bool,
    /// Whether the scope has ended.
    closed: bool,
}

impl ChildQueue {
    pub(super) fn new() -> Arc<Self> {
        let state = ChildQueueState {
            woken: VecDeque::new(),
            parent: None,
            // Whoever makes a scope polls it.
            attentive: true,
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
        Self::rouse(state);
    }

    /// Has the scope polled.
    pub(super) fn call(&self) {
        let state = self.lock();
        if !state.closed {
            Self::rouse(state);
        }
    }

    /// Wakes the parent if the scope would not look into the queue by itself.
    fn rouse(mut state: MutexGuard<'_, ChildQueueState>) {
        if mem::replace(&mut state.attentive, true) {
            return;
        }
        let parent = state.parent.take();
        drop(state);
        if let Some(parent) = parent {
            parent.wake();
        }
    }

    /// A poll of the scope begins: what is woken in it needs no wake of the parent.
    pub(super) fn attend(&self) {
        self.lock().attentive = true;
    }

    /// Fills `batch` if it is empty, and returns whether somebody stands in it.
    pub(super) fn refill(&self, batch: &mut VecDeque<Key>) -> bool {
        if batch.is_empty() {
            mem::swap(batch, &mut self.lock().woken);
        }
        !batch.is_empty()
    }

    /// From now on a wake wakes the parent. False, with nothing done, if somebody has been woken.
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
        // Looked at under the same lock: whoever is woken after this finds the scope inattentive.
        state.attentive = !state.woken.is_empty();
        !state.attentive
    }

    /// The scope has ended: wakes come to nothing.
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

/// What a member's wakers point at.
#[derive(Debug)]
pub(super) struct ChildWaker {
    key: Key,
    queue: Arc<ChildQueue>,
    /// Set when it enters the queue and cleared when its turn comes; set for good when it ends.
    queued: AtomicBool,
    /// Whether it is to be dropped where its turn comes.
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

    /// Its turn has come: a wake from now on is for the next one.
    pub(super) fn begin_turn(&self) {
        // Acquires what those did who found it queued and so left it at that: see `wake_by_ref`.
        self.queued.swap(false, Ordering::AcqRel);
    }

    /// It has ended: its wakers come to nothing.
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
