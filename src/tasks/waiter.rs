//! Waiters: a task of the loop, or a foreign waker.
//!
//! Timers, sources, joins and the queues of check and close store waiters. Usually the waiter is
//! the task that is being polled with its own waker: then its key is enough, and no reference is
//! counted. A waiter also names the task for which it waits, which dumps and the check for what
//! keeps the loop alive use.

use std::fmt;
use std::task::Waker;

use crate::ready::{self, LoopId};
use crate::slots::Key;

/// See the [module](self).
pub(crate) enum Waiter {
    /// A task of this loop that polls with its own waker.
    Task(Key),
    /// Another waker: of another executor, or of a combinator.
    Foreign(Box<ForeignWaker>),
}

/// The task for which a waiter waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// No task was being polled when it was registered.
    None,
    /// The task has ended.
    Gone,
    Task {
        is_ref: bool,
        /// How often it has been polled.
        polls: u32,
    },
}

/// A waker that is not a task's own.
pub(crate) struct ForeignWaker {
    pub(crate) waker: Waker,
    /// The task that was being polled when it was registered, or [`Key::DANGLING`].
    owner: Key,
    /// Whether it is the own waker of a member of a scope, if waits are tracked.
    is_of_member: bool,
}

impl Waiter {
    /// The task for which it waits, if that is known.
    pub(crate) fn owner(&self) -> Option<Key> {
        let owner = match self {
            Waiter::Task(key) => *key,
            Waiter::Foreign(foreign) => foreign.owner,
        };
        (owner != Key::DANGLING).then_some(owner)
    }

    /// Whether it is the own waker of a member of a scope, if waits are tracked.
    pub(crate) fn is_of_member(&self) -> bool {
        matches!(self, Waiter::Foreign(foreign) if foreign.is_of_member)
    }

    /// Whether it is a foreign waker.
    #[inline]
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self, Waiter::Foreign(_))
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiter::Task(key) => f.debug_tuple("Task").field(key).finish(),
            Waiter::Foreign(foreign) => f.debug_tuple("Foreign").field(&foreign.owner).finish(),
        }
    }
}

/// The caller of a poll function, which waits if the result is not ready.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    waker: &'a Waker,
    /// The task that is being polled, or [`Key::DANGLING`].
    polled: Key,
    /// Whether `waker` is that task's own.
    is_own: bool,
}

impl<'a> Caller<'a> {
    /// The caller that polls with `waker` on the loop `home`.
    #[inline]
    pub(crate) fn new(home: LoopId, waker: &'a Waker) -> Self {
        let (polled, is_own) = ready::polled_by(home, waker);
        Caller {
            waker,
            polled,
            is_own,
        }
    }

    /// A task that polls with its own waker.
    #[cfg(test)]
    pub(crate) fn task(waker: &'a Waker, polled: Key) -> Self {
        Caller {
            waker,
            polled,
            is_own: true,
        }
    }

    /// A caller outside of any task.
    #[cfg(test)]
    pub(crate) fn foreign(waker: &'a Waker) -> Self {
        Caller {
            waker,
            polled: Key::DANGLING,
            is_own: false,
        }
    }

    /// The task that is being polled, or [`Key::DANGLING`].
    pub(crate) fn polled(self) -> Key {
        self.polled
    }

    /// The calling task, if it polls with its own waker.
    #[inline]
    pub(crate) fn as_task(self) -> Option<Key> {
        self.is_own.then_some(self.polled)
    }

    /// Whether `waiter` is this caller.
    #[inline]
    pub(crate) fn is(&self, waiter: &Waiter) -> bool {
        match waiter {
            Waiter::Task(key) => self.is_own && *key == self.polled,
            Waiter::Foreign(foreign) => {
                !self.is_own && foreign.owner == self.polled && foreign.waker.will_wake(self.waker)
            }
        }
    }

    /// The waiter of this caller. May clone a waker, which runs foreign code, so not to be called
    /// under a borrow.
    #[inline]
    pub(crate) fn to_waiter(self) -> Waiter {
        if self.is_own {
            return Waiter::Task(self.polled);
        }
        Waiter::Foreign(Box::new(ForeignWaker {
            waker: self.waker.clone(),
            owner: self.polled,
            is_of_member: ready::is_member_waker(self.waker),
        }))
    }
}

const _: () = assert!(size_of::<Option<Waiter>>() == 16);
