//! A state under a lock, and those who wait for it to change.
//!
//! A [`TaskTracker`](super::TaskTracker) and a [`CancellationToken`](super::CancellationToken) are
//! such states. They are changed on any thread. No waker is cloned, woken or dropped under the lock:
//! that runs users' code, which may come back here.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::tasks::wake_contained;

/// See the [module](self).
pub(super) struct Waiters<S> {
    inner: Mutex<Inner<S>>,
}

struct Inner<S> {
    state: S,
    /// Who waits, by ticket: first come, first in the line.
    line: BTreeMap<u64, Waker>,
    next_ticket: u64,
}

/// A future's place in the line: its ticket, once it has had to wait.
#[derive(Debug, Default)]
pub(super) struct Place(Option<u64>);

/// Those who are to be woken, in the order in which they came.
#[must_use = "they wait until they are woken"]
pub(super) struct Woken(BTreeMap<u64, Waker>);

impl Woken {
    pub(super) fn wake(self) {
        self.0.into_values().for_each(wake_contained);
    }
}

impl<S> Waiters<S> {
    pub(super) fn new(state: S) -> Self {
        Waiters {
            inner: Mutex::new(Inner {
                state,
                line: BTreeMap::new(),
                next_ticket: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state.
    pub(super) fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock().state)
    }

    /// Changes the state. If `change` answers true, everybody who waits is taken out of the line.
    pub(super) fn change(&self, change: impl FnOnce(&mut S) -> bool) -> Woken {
        let mut inner = self.lock();
        if change(&mut inner.state) {
            Woken(mem::take(&mut inner.line))
        } else {
            Woken(BTreeMap::new())
        }
    }

    /// Ready if the wait `is_over`; else stands in the line, at the place that was taken first.
    pub(super) fn poll(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        is_over: impl Fn(&S) -> bool,
    ) -> Poll<()> {
        let mut inner = self.lock();
        let mut unused = None;
        if !is_over(&inner.state) {
            if inner.is_known(place, cx.waker()) {
                return Poll::Pending;
            }
            drop(inner);
            let waker = cx.waker().clone();
            inner = self.lock();
            if !is_over(&inner.state) {
                let old = inner.stand(place, waker);
                drop(inner);
                drop(old);
                return Poll::Pending;
            }
            unused = Some(waker);
        }
        let old = inner.leave(place);
        drop(inner);
        drop((old, unused));
        Poll::Ready(())
    }

    /// Leaves the line.
    pub(super) fn leave(&self, place: &mut Place) {
        if place.0.is_some() {
            // Released before the waker is dropped: the guard ends with this statement.
            let old = self.lock().leave(place);
            drop(old);
        }
    }
}

impl<S> Inner<S> {
    fn is_known(&self, place: &Place, waker: &Waker) -> bool {
        let known = place.0.and_then(|ticket| self.line.get(&ticket));
        known.is_some_and(|known| known.will_wake(waker))
    }

    fn stand(&mut self, place: &mut Place, waker: Waker) -> Option<Waker> {
        let ticket = *place.0.get_or_insert_with(|| {
            self.next_ticket += 1;
            self.next_ticket
        });
        self.line.insert(ticket, waker)
    }

    fn leave(&mut self, place: &mut Place) -> Option<Waker> {
        let ticket = place.0.take()?;
        self.line.remove(&ticket)
    }
}
