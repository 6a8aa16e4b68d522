//! One task: what its slot holds.

use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::work::Erased;
use super::{Header, Identity, Name, Note, Origin, OutcomeSink, Spawned, Waiter};
use crate::ready;
use crate::slots::Key;
use crate::vars::Vars;

/// One task. What a task leaves in its slot serves the next one there: a header that nobody else
/// holds, with three references to it, so that to spawn costs at most one allocation and touches no counter.
pub(super) struct Task {
    pub(super) header: Arc<Header>,
    /// The future, later, when the header says finished, the outcome. Absent while the task is being polled, and for the root.
    pub(super) work: Option<Pin<Box<dyn Erased>>>,
    /// Absent while the task is being polled, and for the root.
    pub(super) waker: Option<Waker>,
    pub(super) joiner: Joiner,
    pub(super) id: u64,
    /// Where it was spawned.
    pub(super) location: &'static Location<'static>,
    /// How many were spawned before it.
    pub(super) sequence: u64,
    /// When it was spawned, by the loop's clock.
    pub(super) spawned_at: u64,
    /// What it says in this poll, or said in the last one, that it waits for.
    pub(super) note: Option<Note>,
    pub(super) extras: Option<Box<Extras>>,
    pub(super) polls: u32,
    /// Whether the pool does it.
    pub(super) is_job: bool,
    /// Whether it is counted among the referenced ones.
    pub(super) is_counted: bool,
}

/// What few tasks have.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) name: Option<Name>,
    /// What it sees as the values of context variables.
    pub(super) vars: Vars,
    /// How long its polls took, in nanoseconds, where that is measured.
    pub(super) busy: u64,
    /// Where its outcome goes if its handle is for any thread.
    pub(super) sink: Option<Arc<dyn OutcomeSink>>,
}

impl Extras {
    #[inline]
    fn new(name: Option<Name>, vars: Vars) -> Option<Box<Self>> {
        if name.is_none() && vars.is_empty() {
            return None;
        }
        Some(Box::new(Extras {
            name,
            vars,
            ..Extras::default()
        }))
    }
}

/// Who may ask for a task's outcome.
pub(super) enum Joiner {
    /// A join handle, which nobody awaits.
    Held,
    /// A join handle, on which this one waits.
    Awaited(Waiter),
    /// Nobody any more: the handle is gone, and has left its reference here.
    Returned(Arc<Header>),
}

/// What is taken out of the slot while the task is polled.
pub(super) struct TaskBody {
    pub(super) work: Pin<Box<dyn Erased>>,
    pub(super) waker: Waker,
}

impl TaskBody {
    /// Polls the task, whose key this is. Returns whether it has ended.
    #[inline]
    pub(super) fn poll(&mut self, key: Key) -> bool {
        let TaskBody { work, waker } = self;
        let mut cx = Context::from_waker(waker);
        ready::polling(key, waker, || work.as_mut().poll(&mut cx).is_ready())
    }
}

impl Task {
    /// What stands in a slot before its first task comes.
    #[cold]
    pub(super) fn vacant(header: Arc<Header>) -> Task {
        Task {
            waker: Some(Waker::from(Arc::clone(&header))),
            joiner: Joiner::Returned(Arc::clone(&header)),
            header,
            work: None,
            id: 0,
            location: Location::caller(),
            sequence: 0,
            spawned_at: 0,
            note: None,
            extras: None,
            polls: 0,
            is_job: false,
            is_counted: false,
        }
    }

    /// A new task takes the slot, whose header knows its key already.
    #[inline]
    pub(super) fn occupy(
        &mut self,
        identity: Identity,
        vars: Vars,
        sequence: u64,
        now: u64,
    ) -> Spawned {
        let Joiner::Returned(handle) = mem::replace(&mut self.joiner, Joiner::Held) else {
            unreachable!("the last task has left all that it got");
        };
        let Identity { id, origin } = identity;
        self.id = id;
        self.location = origin.location;
        self.extras = Extras::new(origin.name, vars);
        self.sequence = sequence;
        self.spawned_at = now;
        self.note = None;
        self.polls = 0;
        self.is_counted = true;
        Spawned { header: handle, id }
    }

    /// The task goes. `handle` is its join handle's reference; the waker must be there.
    #[inline]
    pub(super) fn vacate(&mut self, handle: Arc<Header>) {
        self.joiner = Joiner::Returned(handle);
        self.extras = None;
    }

    #[inline]
    pub(super) fn begin_poll(&mut self) {
        self.polls = self.polls.wrapping_add(1);
    }

    pub(super) fn identity(&self) -> Identity {
        let name = self.extras.as_ref().and_then(|extras| extras.name.clone());
        Identity {
            id: self.id,
            origin: Origin {
                name,
                location: self.location,
            },
        }
    }

    /// Takes the work out: the outcome, if the task has ended.
    #[inline]
    pub(super) fn take_work(&mut self) -> Option<(&mut Self, Pin<Box<dyn Erased>>)> {
        let work = self.work.take()?;
        Some((self, work))
    }

    /// Takes out what it takes to poll it.
    #[inline]
    pub(super) fn take_body(&mut self) -> Option<TaskBody> {
        let work = self.work.take()?;
        let waker = self.waker.take()?;
        Some(TaskBody { work, waker })
    }

    /// Takes out what it saw as the values of context variables.
    pub(super) fn take_vars(&mut self) -> Vars {
        let extras = self.extras.as_mut();
        extras.map_or_else(Vars::default, |extras| mem::take(&mut extras.vars))
    }
}

assert_impl!(Header: Send + Sync);
const _: () = {
    // With the key's generation, a box and the allocator's part: 200 bytes for a small idle task.
    assert!(size_of::<Task>() <= 112);
    assert!(size_of::<Header>() <= 24);
};
