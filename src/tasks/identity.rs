//! How a task can end, and what becomes of a panic that no join handle receives.

use super::Tasks;
use crate::identity::{self, Identity, Origin};
use crate::panics::{self, Payload};
use crate::report::{Report, Reporter, TaskMeta};

/// How a task ended.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a task has no output.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was aborted, or its loop ended first.
    Cancelled,
    /// It panicked.
    Panicked(Payload),
    /// It is a blocking job that no worker could be had for.
    NoWorker(std::io::Error),
}

impl Failure {
    /// Why a blocking job has no output: its panic, or else it did not run.
    pub(crate) fn of_job(panic: Option<Payload>) -> Self {
        panic.map_or(Failure::Cancelled, Failure::Panicked)
    }
}

/// What becomes of a panic that no join handle receives. Whether it is reported is the reporter's
/// business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PanicPolicy {
    Report,
    /// It is reported, and ends the loop.
    Shutdown,
}

impl PanicPolicy {
    /// Deals with the panic of a task. One that is to end the loop is returned.
    pub(crate) fn deal_with(
        self,
        reporter: &Reporter,
        identity: &Identity,
        payload: Payload,
    ) -> Option<Payload> {
        reporter.report(&Report::TaskPanicked {
            task: TaskMeta::new(identity.clone()),
            message: panics::message(&*payload).to_owned(),
        });
        if self == PanicPolicy::Shutdown {
            return Some(payload);
        }
        panics::discard(payload);
        None
    }
}

impl Tasks {
    /// Makes the identity of a task that is about to be spawned.
    pub(crate) fn identify(&self, origin: Origin) -> Identity {
        let (mut next, mut end) = self.ids.get();
        if next == end {
            (next, end) = identity::next_block();
        }
        self.ids.set((next + 1, end));
        Identity { id: next, origin }
    }

    /// Deals with a panic that no join handle receives.
    pub(crate) fn panic_unhandled(&self, identity: &Identity, payload: Payload) {
        let policy = self.unhandled_panic;
        if let Some(fatal) = policy.deal_with(&self.reporter, identity, payload) {
            self.end_by(fatal);
        }
    }

    /// Lets a panic end the loop, unless an earlier one does.
    pub(crate) fn end_by(&self, fatal: Payload) {
        if self.has_fatal_panic.replace(true) {
            panics::discard(fatal);
        } else {
            self.fatal_panic.replace(Some(fatal));
        }
    }

    /// Whether a panic is to end the loop.
    #[inline]
    pub(crate) fn has_fatal_panic(&self) -> bool {
        self.has_fatal_panic.get()
    }

    /// The panic that is to end the loop. It ends it only once.
    pub(crate) fn take_fatal_panic(&self) -> Option<Payload> {
        self.fatal_panic.take()
    }
}
