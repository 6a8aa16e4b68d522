//! Ids of tasks, and panics that no join handle receives.

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
    /// It is a blocking job, and no worker thread could be started.
    NoWorker(std::io::Error),
}

impl Failure {
    /// The failure of a blocking job: its panic, or cancelled if it did not run.
    pub(crate) fn of_job(panic: Option<Payload>) -> Self {
        panic.map_or(Failure::Cancelled, Failure::Panicked)
    }
}

/// What happens after a panic that no join handle receives. In any case the reporter gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PanicPolicy {
    Report,
    /// The panic ends the loop.
    Shutdown,
}

impl PanicPolicy {
    /// Reports the panic of a task. Returns the payload if it is to end the loop.
    pub(crate) fn handle(
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
    /// Makes the identity of a new task.
    pub(crate) fn identify(&self, origin: Origin) -> Identity {
        let (mut next, mut end) = self.ids.get();
        if next == end {
            (next, end) = identity::next_block();
        }
        self.ids.set((next + 1, end));
        Identity { id: next, origin }
    }

    /// Handles a panic that no join handle receives.
    pub(crate) fn panic_unhandled(&self, identity: &Identity, payload: Payload) {
        let policy = self.unhandled_panic;
        if let Some(fatal) = policy.handle(&self.reporter, identity, payload) {
            self.end_by(fatal);
        }
    }

    /// Sets the panic that ends the loop, unless there is one already.
    pub(crate) fn end_by(&self, fatal: Payload) {
        if self.has_fatal_panic.replace(true) {
            panics::discard(fatal);
        } else {
            self.fatal_panic.replace(Some(fatal));
        }
    }

    /// Whether a panic ends the loop.
    #[inline]
    pub(crate) fn has_fatal_panic(&self) -> bool {
        self.has_fatal_panic.get()
    }

    /// Takes the panic that ends the loop.
    pub(crate) fn take_fatal_panic(&self) -> Option<Payload> {
        self.fatal_panic.take()
    }
}
