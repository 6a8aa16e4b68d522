//! One task: the contents of its slot.

use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::work::{AnyWork, Erased};
use super::{Header, Identity, Name, Note, Origin, OutcomeSink, PollCause, Spawned, Waiter, wake};
use crate::blocked::{KnownName, OriginRecorder, PollObserver};
use crate::counts::TaskEnd;
use crate::ready;
use crate::slots::Key;
use crate::trace::{AtomicSpanId, TaskSpan};
use crate::vars::Vars;

/// One task.
///
/// A task that ends leaves its header in the slot, if nothing else refers to it, with the
/// references of the slot, the waker and the handle. The next task of the slot reuses all three. So
/// spawning costs at most one allocation and no reference count.
pub(super) struct Task {
    pub(super) header: Arc<Header>,
    /// Absent while the task is polled, and for the root.
    pub(super) body: Option<TaskBody>,
    pub(super) joiner: Joiner,
    pub(super) id: u64,
    /// The spawn site.
    pub(super) location: &'static Location<'static>,
    /// How many tasks were spawned before it.
    pub(super) sequence: u64,
    /// When it was spawned, by the loop's clock.
    pub(super) spawned_at: u64,
    /// What the task waits for, as set in its last poll. That of the root is in `Tasks`.
    pub(super) note: Option<Note>,
    pub(super) extras: Option<Box<Extras>>,
    pub(super) polls: u32,
    /// Whether it is a job of the pool.
    pub(super) is_job: bool,
    /// Whether it is counted in `Jobs::referenced`.
    pub(super) is_counted: bool,
}

/// The properties that few tasks have.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) name: Option<Name>,
    /// Where a watcher of the loop finds the name, if there is one.
    pub(super) _known_name: Option<KnownName>,
    /// Its values of context variables.
    pub(super) vars: Vars,
    /// The duration of its polls in nanoseconds, if that is measured.
    pub(super) busy: u64,
    /// That of its longest poll, likewise.
    pub(super) longest_poll: u64,
    /// When its last poll ended, by the loop's clock, if that is measured.
    pub(super) polled_at: Option<u64>,
    /// Receives the outcome if the handle may be awaited on any thread.
    pub(super) sink: Option<Arc<dyn OutcomeSink>>,
}

impl Extras {
    #[inline]
    fn new(
        name: Option<Name>,
        vars: Vars,
        make_known: impl FnOnce(&Name) -> Option<KnownName>,
    ) -> Option<Box<Self>> {
        if name.is_none() && vars.is_empty() {
            return None;
        }
        Some(Box::new(Extras {
            _known_name: name.as_ref().and_then(make_known),
            name,
            vars,
            ..Extras::default()
        }))
    }
}

/// What joins a task.
pub(super) enum Joiner {
    /// A join handle that no task awaits.
    Held,
    /// A join handle that this waiter awaits.
    Awaited(Waiter),
    /// Nothing: the handle was detached or has resolved, and its reference was left here.
    Returned(Arc<Header>),
}

/// The part of a task that is taken out of the slot while it is polled.
pub(super) struct TaskBody {
    /// The future, or the outcome once the header says finished. Absent in a vacant slot.
    pub(super) work: Option<Pin<Box<dyn Erased>>>,
    pub(super) waker: Waker,
    /// None once the task has ended.
    pub(super) span: TaskSpan,
}

impl TaskBody {
    /// Polls the task with this key. Returns how it has ended, if it has, and what it waits for.
    #[inline]
    pub(super) fn poll(&mut self, key: Key, cause: PollCause) -> (Option<TaskEnd>, Option<Note>) {
        let TaskBody { work, waker, span } = self;
        let Some(work) = work else {
            unreachable!("only a vacant slot has no work");
        };
        let mut cx = Context::from_waker(waker);
        // A wake from a queue or from another thread was sent when it was made.
        span.id().is_woken_if(cause == PollCause::Event);
        let polled = span.in_scope(|| ready::polling(key, waker, || work.as_mut().poll(&mut cx)));
        if polled.0.is_some() {
            span.close();
        }
        polled
    }
}

impl Task {
    /// The contents of a slot before its first task.
    #[cold]
    pub(super) fn vacant(header: Arc<Header>) -> Task {
        Task {
            body: Some(TaskBody {
                work: None,
                waker: wake::waker(&header),
                span: TaskSpan::none(),
            }),
            joiner: Joiner::Returned(Arc::clone(&header)),
            header,
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

    /// Makes a vacant slot a new task's. Its header has the key already.
    #[inline]
    pub(super) fn occupy(
        &mut self,
        identity: Identity,
        vars: Vars,
        sequence: u64,
        now: u64,
        recorder: Option<&OriginRecorder>,
    ) -> Spawned {
        let Joiner::Returned(handle) = mem::replace(&mut self.joiner, Joiner::Held) else {
            unreachable!("a vacant slot has the reference of the last handle");
        };
        let Identity { id, origin } = identity;
        self.id = id;
        self.location = origin.location;
        if let Some(recorder) = recorder {
            recorder.add_site(origin.location);
        }
        self.extras = Extras::new(origin.name, vars, |name| {
            recorder.map(|recorder| recorder.add_name(id, name))
        });
        self.sequence = sequence;
        self.spawned_at = now;
        self.note = None;
        self.polls = 0;
        self.is_counted = true;
        Spawned { header: handle, id }
    }

    /// Makes the slot vacant. `handle` is the reference of the join handle; the waker must be
    /// present.
    #[inline(always)]
    pub(super) fn vacate(&mut self, handle: Arc<Header>) {
        self.joiner = Joiner::Returned(handle);
        self.extras = None;
    }

    /// How many references to its header are not its own.
    ///
    /// Three are: those of the slot, of the waker that it is polled with, and of the join handle,
    /// which comes back to the slot. A task from another thread has one more, in what it shares
    /// with its handle.
    pub(super) fn count_wakers(&self) -> usize {
        let has_sink = self
            .extras
            .as_ref()
            .is_some_and(|extras| extras.sink.is_some());
        Arc::strong_count(&self.header).saturating_sub(3 + usize::from(has_sink))
    }

    #[inline]
    pub(super) fn begin_poll(&mut self, observer: impl PollObserver) {
        self.polls = self.polls.wrapping_add(1);
        observer.begins(self.id, self.location);
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

    /// Gives a vacant slot the work of its task.
    #[inline]
    pub(super) fn set_work(&mut self, work: AnyWork) {
        let body = self.body.as_mut().expect("a vacant slot has a waker");
        body.work = Some(work.erased);
        self.is_job = work.is_job;
    }

    /// Takes the work: the outcome, if the task has ended.
    #[inline]
    pub(super) fn take_work(&mut self) -> Option<(&mut Self, Pin<Box<dyn Erased>>)> {
        let work = self.body.as_mut()?.work.take()?;
        Some((self, work))
    }

    /// Takes its values of context variables.
    pub(super) fn take_vars(&mut self) -> Vars {
        let extras = self.extras.as_mut();
        extras.map_or_else(Vars::default, |extras| mem::take(&mut extras.vars))
    }
}

assert_impl!(Header: Send + Sync);
const _: () = {
    // With the generation of the slot, the box and the allocator's overhead, a small idle task
    // takes 200 bytes.
    assert!(size_of::<Task>() <= 112 + size_of::<TaskSpan>());
    assert!(size_of::<Header>() <= 24 + size_of::<AtomicSpanId>());
};
