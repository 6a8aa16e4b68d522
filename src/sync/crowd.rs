//! A state, and those who wait until it has changed in some way: a change wakes them all.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::lock;
use super::wait_list::{Attempt, Guest, Ticket, WaitList, Wakes, poll_leaf};
use crate::coop;
use crate::tasks::Note;

/// See the [module](self).
pub(crate) struct Crowd<S> {
    inner: Mutex<Inner<S>>,
}

struct Inner<S> {
    state: S,
    waiters: WaitList<()>,
}

impl<S> Crowd<S> {
    pub(crate) const fn new(state: S) -> Self {
        Crowd {
            inner: Mutex::new(Inner {
                state,
                waiters: WaitList::new(),
            }),
        }
    }

    /// Calls `f` with the state locked. `f` must not run users' code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
        f(&mut lock(&self.inner).state)
    }

    /// Changes the state and calls those who wait, in order. `f` must not run users' code.
    pub(super) fn change<R>(&self, f: impl FnOnce(&mut S) -> R) -> (R, Wakes) {
        let mut wakes = Wakes::default();
        let mut inner = lock(&self.inner);
        let result = f(&mut inner.state);
        inner.waiters.call_all(&mut wakes);
        (result, wakes)
    }

    /// Changes the state, and if `f` says that it matters, calls those who wait, in order. `f` must not
    /// run users' code.
    pub(crate) fn change_if(&self, f: impl FnOnce(&mut S) -> bool) -> Wakes {
        let mut wakes = Wakes::default();
        let mut inner = lock(&self.inner);
        if f(&mut inner.state) {
            inner.waiters.call_all(&mut wakes);
        }
        wakes
    }

    /// Wakes those who wait, for a change of something that `until` looks at beside the state.
    pub(super) fn wake(&self) {
        let ((), wakes) = self.change(|_| ());
        wakes.wake();
    }

    /// Waits until `look` finds something in the state. `look` must not run users' code.
    pub(super) fn until<R, F>(&self, what: Note, look: F) -> Until<'_, S, F>
    where
        F: FnMut(&mut S) -> Option<R> + Unpin,
    {
        Until {
            crowd: self,
            what,
            look,
            place: Place::default(),
        }
    }

    /// Polls for what `look` finds in the state, on behalf of a future with this place. `look` must
    /// not run users' code.
    pub(crate) fn poll<R>(
        &self,
        cx: &Context<'_>,
        what: Note,
        place: &mut Place,
        mut look: impl FnMut(&mut S) -> Option<R>,
    ) -> Poll<R> {
        if !coop::has_budget() {
            lock(&self.inner).take_place(place);
        }
        poll_leaf(cx, what, |guest| {
            // Dropped when the lock is released, since it has a waker.
            let _departed;
            let mut inner = lock(&self.inner);
            match look(&mut inner.state) {
                Some(found) => {
                    // Here and not when the future is dropped, which saves a way through the lock.
                    if let Some(ticket) = place.ticket.take_if(|_| !place.is_kept) {
                        _departed = inner.waiters.remove(ticket);
                    }
                    Attempt::Done(found)
                }
                None => inner.wait(place, guest),
            }
        })
    }

    /// Gives a place up.
    pub(crate) fn leave(&self, place: &mut Place) {
        if let Some(ticket) = place.ticket.take() {
            let departed = lock(&self.inner).waiters.remove(ticket);
            drop(departed);
        }
    }
}

/// Where a future stands in line, once it has had to wait.
#[derive(Debug, Default)]
pub(crate) struct Place {
    ticket: Option<Ticket>,
    /// Whether it is kept when something is found, for another wait.
    is_kept: bool,
}

impl<S> Inner<S> {
    /// Stands in line without a look, for a future whose task has spent its budget and is polled
    /// again.
    #[cold]
    fn take_place(&mut self, place: &mut Place) {
        let ticket = &mut place.ticket;
        ticket.get_or_insert_with(|| self.waiters.push((), None));
    }

    /// Stands in line, at its end if it has been called in vain.
    fn wait<R>(&mut self, place: &mut Place, guest: &mut Guest<'_>) -> Attempt<R> {
        if let Some(ticket) = place.ticket {
            if !self.waiters.is_called(ticket) {
                return Attempt::waiting(self.waiters.renew(ticket, guest));
            }
            // Its waker is with those that were woken.
            self.waiters.remove(ticket);
            place.ticket = None;
        }
        match guest.spare() {
            Some(waker) => {
                place.ticket = Some(self.waiters.push((), Some(waker)));
                Attempt::Waits
            }
            None => Attempt::NeedsWaker,
        }
    }
}

/// The future of [`Crowd::until`].
pub(super) struct Until<'a, S, F> {
    crowd: &'a Crowd<S>,
    what: Note,
    look: F,
    place: Place,
}

impl<S, F> Until<'_, S, F> {
    /// Keeps its place in line when it has found something, and is polled again for the next.
    pub(super) fn keeping_its_place(mut self) -> Self {
        self.place.is_kept = true;
        self
    }
}

impl<S, F, R> Future for Until<'_, S, F>
where
    F: FnMut(&mut S) -> Option<R> + Unpin,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        this.crowd
            .poll(cx, this.what, &mut this.place, &mut this.look)
    }
}

impl<S, F> Drop for Until<'_, S, F> {
    fn drop(&mut self) {
        self.crowd.leave(&mut self.place);
    }
}
