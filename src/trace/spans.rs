//! With the feature `tracing`: spans and events with the names of tokio's, which tokio-console
//! knows.

use std::any;
use std::cell::Cell;
use std::panic::Location;

use tracing::span::Entered;
use tracing::{Metadata, Span};

use super::SpanKind;
use crate::identity::Identity;
use crate::panics;
use crate::primitive::{AtomicU64, Ordering};

/// The name of each span of a task or job.
const SPAN_NAME: &str = "runtime.spawn";

/// What the targets of these spans begin with.
const TARGET: &str = "tokio::task";

/// Whether tasks carry the spans in which they were spawned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpanPolicy {
    pub(crate) is_inherited: bool,
}

/// The span of a task, and with it the span in which it was spawned, if the task carries that.
#[derive(Debug)]
pub(crate) struct TaskSpan(Option<Box<Spans>>);

#[derive(Debug)]
struct Spans {
    task: Span,
    carried: Span,
    /// Whether the task has a waker. A job has none.
    has_waker: bool,
}

/// The id of a task's span, or zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanId(u64);

/// The id of a span in the header of a task.
#[derive(Debug)]
pub(crate) struct AtomicSpanId(AtomicU64);

/// What the span of a job says of its closure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosureShape {
    type_name: &'static str,
    bytes: usize,
}

impl ClosureShape {
    pub(crate) fn of<F>(closure: &F) -> Self {
        ClosureShape {
            type_name: any::type_name_of_val(closure),
            bytes: size_of_val(closure),
        }
    }
}

impl TaskSpan {
    pub(crate) const fn none() -> Self {
        TaskSpan(None)
    }

    /// Begins the span of a task, which is about to be polled for the first time. Its work takes
    /// this many bytes.
    pub(crate) fn new(kind: SpanKind, task: &Identity, bytes: usize, policy: SpanPolicy) -> Self {
        let span = TaskSpan::carrying(policy, true, |carried| {
            let kind = kind.name();
            let name = task.origin.name.as_deref().unwrap_or_default();
            let location: &Location<'_> = task.origin.location;
            tracing::trace_span!(
                target: "tokio::task",
                parent: carried,
                "runtime.spawn",
                %kind,
                task.name = %name,
                task.id = task.id,
                size.bytes = bytes,
                loc.file = location.file(),
                loc.line = location.line(),
                loc.col = location.column(),
            )
        });
        span.id().send("waker.clone");
        span
    }

    /// Begins the span of a job with a closure of this shape.
    pub(crate) fn of_job(closure: ClosureShape, job: &Identity, policy: SpanPolicy) -> Self {
        TaskSpan::carrying(policy, false, |carried| {
            let name = job.origin.name.as_deref().unwrap_or_default();
            let location: &Location<'_> = job.origin.location;
            tracing::trace_span!(
                target: "tokio::task::blocking",
                parent: carried,
                "runtime.spawn",
                kind = %"blocking",
                task.name = %name,
                task.id = job.id,
                "fn" = %closure.type_name,
                size.bytes = closure.bytes,
                loc.file = location.file(),
                loc.line = location.line(),
                loc.col = location.column(),
            )
        })
    }

    /// The spans of a task that is spawned now. `make` makes its own one.
    fn carrying(policy: SpanPolicy, has_waker: bool, make: impl FnOnce(&Span) -> Span) -> Self {
        let spans = contained(|| {
            let carried = if policy.is_inherited {
                users_span()
            } else {
                Span::none()
            };
            let task = make(&carried);
            let is_needed = !task.is_disabled() || !carried.is_disabled();
            is_needed.then(|| {
                Box::new(Spans {
                    task,
                    carried,
                    has_waker,
                })
            })
        });
        TaskSpan(spans.flatten())
    }

    /// The id for the header of the task. The wakes of a task without span are not sent.
    pub(crate) fn id(&self) -> SpanId {
        let id = self.0.as_ref().and_then(|spans| spans.task.id());
        SpanId(id.map_or(0, |id| id.into_u64()))
    }

    /// Calls `f` in the span.
    #[inline]
    pub(crate) fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.0 {
            None => f(),
            Some(spans) => spans.in_scope(f),
        }
    }

    /// Ends the span.
    #[inline]
    pub(crate) fn close(&mut self) {
        let id = self.id();
        if let Some(spans) = self.0.take() {
            if spans.has_waker {
                id.send("waker.drop");
            }
            contained(|| drop(spans));
        }
    }
}

impl Drop for TaskSpan {
    fn drop(&mut self) {
        self.close();
    }
}

impl Spans {
    /// The span that is carried is entered last, so that it is the current one: what users begin in
    /// the task, and the tasks that it spawns, are then as if there were no spans of tasks.
    fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let task = contained(|| self.task.enter());
        let carried = contained(|| self.carried.enter());
        let result = f();
        leave(carried);
        leave(task);
        result
    }
}

fn leave(entered: Option<Entered<'_>>) {
    contained(|| drop(entered));
}

/// The current span, unless that is the span of a task: a chain of tasks, each of which spawns the
/// next one, would keep all of their spans.
fn users_span() -> Span {
    let current = Span::current();
    match current.metadata() {
        Some(metadata) if !is_of_task(metadata) => current,
        _ => Span::none(),
    }
}

fn is_of_task(metadata: &Metadata<'_>) -> bool {
    metadata.name() == SPAN_NAME && metadata.target().starts_with(TARGET)
}

impl SpanKind {
    fn name(self) -> &'static str {
        match self {
            SpanKind::Task => "task",
            SpanKind::Immediate => "immediate",
            SpanKind::BlockOn => "block_on",
        }
    }
}

impl SpanId {
    /// The task is woken.
    ///
    /// Always "by reference", also where the waker is consumed, which tokio-console counts as the
    /// end of a waker: see [`send`](SpanId::send).
    #[inline]
    pub(crate) fn is_woken(self) {
        self.send("waker.wake_by_ref");
    }

    #[inline]
    pub(crate) fn is_woken_if(self, is_woken: bool) {
        if is_woken {
            self.is_woken();
        }
    }

    /// Sends what is done with a waker of the task.
    ///
    /// Clones cannot be seen here. But the loop itself has a waker of each task, from its beginning
    /// to its end, and that one is sent. Without it tokio-console would say that each task that
    /// waits has lost its waker.
    #[inline]
    fn send(self, op: &'static str) {
        if self.0 != 0 {
            contained(|| {
                tracing::trace!(target: "tokio::task::waker", op, task.id = self.0);
            });
        }
    }
}

impl AtomicSpanId {
    pub(crate) fn none() -> Self {
        AtomicSpanId(AtomicU64::new(0))
    }

    #[inline]
    pub(crate) fn set(&self, id: SpanId) {
        self.0.store(id.0, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> SpanId {
        SpanId(self.0.load(Ordering::Relaxed))
    }
}

thread_local! {
    /// Whether this thread calls the subscriber.
    static IS_SENDING: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`, which calls the subscriber. Its panics are caught: the panic hook has printed them.
///
/// Returns `None` without calling `f` if the subscriber itself has caused this. A subscriber that
/// sends what it receives through a channel would otherwise be called for the wake of the receiver,
/// and for the wake that this causes, and so on.
pub(crate) fn contained<R>(f: impl FnOnce() -> R) -> Option<R> {
    // While the thread ends, this thread-local may be destroyed.
    if IS_SENDING.try_with(|is_sending| is_sending.replace(true)) != Ok(false) {
        return None;
    }
    let result = panics::contain(f);
    IS_SENDING.set(false);
    result.map_err(panics::discard).ok()
}
