//! A cell that carries one outcome to the handle that awaits it.
//!
//! It is `Send` if the outcome is. No waker and no outcome is cloned, called or dropped under its
//! lock.

use std::mem;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::panics;
use crate::primitive;

/// See the [module](self).
pub(super) struct OutcomeCell<T> {
    state: Mutex<CellState<T>>,
}

/// ```text
/// Awaited ──> Full ──> Gone
///    └────> Detached ────┘
/// ```
enum CellState<T> {
    /// There is no outcome yet. The last waker of the handle, if it was polled.
    Awaited(Option<Waker>),
    /// There is no outcome yet, and the handle was dropped.
    Detached,
    Full(T),
    /// The outcome has been taken or dropped.
    Gone,
}

impl<T> OutcomeCell<T> {
    pub(super) fn new() -> Self {
        OutcomeCell {
            state: Mutex::new(CellState::Awaited(None)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, CellState<T>> {
        primitive::lock(&self.state)
    }

    pub(super) fn is_finished(&self) -> bool {
        matches!(&*self.lock(), CellState::Full(_) | CellState::Gone)
    }

    /// Stores the outcome. Returns the waker to wake, or the outcome if no handle takes it.
    pub(super) fn fill(&self, outcome: T) -> (Option<Waker>, Option<T>) {
        let mut state = self.lock();
        match &mut *state {
            CellState::Awaited(waker) => {
                let waker = waker.take();
                *state = CellState::Full(outcome);
                (waker, None)
            }
            CellState::Detached => {
                *state = CellState::Gone;
                (None, Some(outcome))
            }
            CellState::Full(_) | CellState::Gone => (None, Some(outcome)),
        }
    }

    /// Ready if there is an outcome; otherwise `cx` is woken when there is one.
    pub(super) fn watch(&self, cx: &Context<'_>) -> Poll<()> {
        match &*self.lock() {
            CellState::Awaited(Some(waker)) if waker.will_wake(cx.waker()) => return Poll::Pending,
            CellState::Awaited(_) => {}
            _ => return Poll::Ready(()),
        }
        let mut new = Some(cx.waker().clone());
        let mut state = self.lock();
        let is_awaited = if let CellState::Awaited(waker) = &mut *state {
            mem::swap(waker, &mut new);
            true
        } else {
            false
        };
        drop(state);
        panics::drop_contained(new, "the destructor of a waker");
        if is_awaited {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// Takes the outcome, if there is one.
    pub(super) fn take(&self) -> Option<T> {
        let mut state = self.lock();
        match mem::replace(&mut *state, CellState::Gone) {
            CellState::Full(outcome) => Some(outcome),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Detaches the handle. Returns an outcome that is present already.
    pub(super) fn detach(&self) -> Option<T> {
        let mut state = self.lock();
        let next = match &*state {
            CellState::Awaited(_) | CellState::Detached => CellState::Detached,
            CellState::Full(_) | CellState::Gone => CellState::Gone,
        };
        let old = mem::replace(&mut *state, next);
        drop(state);
        match old {
            CellState::Full(outcome) => Some(outcome),
            CellState::Awaited(waker) => {
                panics::drop_contained(waker, "the destructor of a waker");
                None
            }
            CellState::Detached | CellState::Gone => None,
        }
    }
}
