//! Who waits for something: a task of the loop, or a waker from elsewhere.
//!
//! Timers, sources, joins and the lines of check and close all keep waiters. Most often the one who
//! waits is the task that is being polled, by its own waker: then its key is enough, and no counted
//! reference is made or dropped. A waiter also says on whose behalf it waits, for those who ask what
//! keeps the loop alive and what each task waits for.

use std::fmt;
use std::task::Waker;

use crate::ready::{self, LoopId};
use crate::slots::Key;

/// See the [module](self).
pub(crate) enum Waiter {
    /// A task of this loop, by itself.
    Task(Key),
    /// Somebody else: another executor, or a combinator with wakers of its own.
    Foreign(Box<ForeignWaker>),
}

/// What can be said of the task on whose behalf a waiter waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// There was none when it came.
    None,
    /// It has ended.
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
    /// The task that was being polled when it came; [`Key::DANGLING`] if none was.
    owner: Key,
}

impl Waiter {
    /// The task on whose behalf it waits, if that is known.
    pub(crate) fn owner(&self) -> Option<Key> {
        let owner = match self {
            Waiter::Task(key) => *key,
            Waiter::Foreign(foreign) => foreign.owner,
        };
        (owner != Key::DANGLING).then_some(owner)
    }

    /// Whether it is a waker that is not a task's own.
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

/// Who asks for something and will wait if it is not there yet.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    waker: &'a Waker,
    /// The task that is being polled, or [`Key::DANGLING`].
    polled: Key,
    /// Whether `waker` is that task's own.
    is_own: bool,
}

impl<'a> Caller<'a> {
    /// Whoever polls with `waker` on the loop `home`.
    #[inline]
    pub(crate) fn new(home: LoopId, waker: &'a Waker) -> Self {
        let (polled, is_own) = ready::polled_by(home, waker);
        Caller {
            waker,
            polled,
            is_own,
        }
    }

    /// A task that polls by its own waker.
    #[cfg(test)]
    pub(crate) fn task(waker: &'a Waker, polled: Key) -> Self {
        Caller {
            waker,
            polled,
            is_own: true,
        }
    }

    /// One that polls outside of any task.
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

    /// The task that asks, if it does so by its own waker.
    #[inline]
    pub(crate) fn as_task(self) -> Option<Key> {
        self.is_own.then_some(self.polled)
    }

    /// Whether `waiter` stands for the same.
    #[inline]
    pub(crate) fn is(&self, waiter: &Waiter) -> bool {
        match waiter {
            Waiter::Task(key) => self.is_own && *key == self.polled,
            Waiter::Foreign(foreign) => {
                !self.is_own && foreign.owner == self.polled && foreign.waker.will_wake(self.waker)
            }
        }
    }

    /// The one who waits. May clone a waker, which runs foreign code: not to be called under a
    /// borrow.
    #[inline]
    pub(crate) fn to_waiter(self) -> Waiter {
        if self.is_own {
            return Waiter::Task(self.polled);
        }
        Waiter::Foreign(Box::new(ForeignWaker {
            waker: self.waker.clone(),
            owner: self.polled,
        }))
    }
}

const _: () = assert!(size_of::<Option<Waiter>>() == 16);
