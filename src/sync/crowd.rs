//! A state, and those who wait until it has changed in some way: each change wakes them all.

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::lock;
use super::wait_list::{Attempt, Guest, Ticket, WaitList, Wakes, poll_leaf};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Crowd<S> {
    inner: Mutex<Inner<S>>,
}

#[derive(Debug)]
struct Inner<S> {
    state: S,
    waiters: WaitList<()>,
}

impl<S> Crowd<S> {
    pub(super) const fn new(state: S) -> Self {
        Crowd {
            inner: Mutex::new(Inner {
                state,
                waiters: WaitList::new(),
            }),
        }
    }

    /// Calls `f` with the state locked. `f` must not run users' code.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut S) -> R) -> R {
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

    /// Wakes those who wait, for a change of something that `until` looks at beside the state.
    pub(super) fn wake(&self) {
        let ((), wakes) = self.change(|_| ());
        wakes.wake();
    }

    /// Waits until `look` finds something in the state. `look` must not run users' code.
    pub(super) fn until<R, F>(&self, what: &'static str, look: F) -> Until<'_, S, F>
    where
        F: FnMut(&mut S) -> Option<R> + Unpin,
    {
        Until {
            crowd: self,
            what,
            look,
            ticket: None,
        }
    }
}

impl<S> Inner<S> {
    /// Stands in line, at its end if it has been called in vain.
    fn wait<R>(&mut self, ticket: &mut Option<Ticket>, guest: &mut Guest<'_>) -> Attempt<R> {
        if let Some(waiting) = *ticket {
            if !self.waiters.is_called(waiting) {
                return Attempt::waiting(self.waiters.renew(waiting, guest));
            }
            // Its waker is with those that were woken.
            self.waiters.remove(waiting);
            *ticket = None;
        }
        match guest.spare() {
            Some(waker) => {
                *ticket = Some(self.waiters.push((), Some(waker)));
                Attempt::Waits
            }
            None => Attempt::NeedsWaker,
        }
    }
}

/// The future of [`Crowd::until`].
#[derive(Debug)]
pub(super) struct Until<'a, S, F> {
    crowd: &'a Crowd<S>,
    what: &'static str,
    look: F,
    /// Its place in line, once it has one.
    ticket: Option<Ticket>,
}

impl<S, F, R> Future for Until<'_, S, F>
where
    F: FnMut(&mut S) -> Option<R> + Unpin,
{
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = &mut *self;
        poll_leaf(cx, this.what, |guest| {
            let mut inner = lock(&this.crowd.inner);
            match (this.look)(&mut inner.state) {
                Some(found) => Attempt::Done(found),
                None => inner.wait(&mut this.ticket, guest),
            }
        })
    }
}

impl<S, F> Drop for Until<'_, S, F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let departed = lock(&self.crowd.inner).waiters.remove(ticket);
            drop(departed);
        }
    }
}
