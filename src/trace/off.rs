//! Without the feature `tracing`: nothing is kept, and nothing is sent.

use super::SpanKind;
use crate::identity::Identity;

/// Whether tasks carry the spans in which they were spawned.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpanPolicy {}

/// The span of a task.
#[derive(Debug)]
pub(crate) struct TaskSpan;

/// The id of a task's span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanId;

/// The id of a span in the header of a task.
#[derive(Debug)]
pub(crate) struct AtomicSpanId;

/// What the span of a job says of its closure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosureShape;

impl ClosureShape {
    #[inline(always)]
    pub(crate) fn of<F>(_: &F) -> Self {
        ClosureShape
    }
}

impl TaskSpan {
    #[inline(always)]
    pub(crate) const fn none() -> Self {
        TaskSpan
    }

    #[inline(always)]
    pub(crate) fn new(_: SpanKind, _: &Identity, _: usize, _: SpanPolicy) -> Self {
        TaskSpan
    }

    #[inline(always)]
    pub(crate) fn of_job(_: ClosureShape, _: &Identity, _: SpanPolicy) -> Self {
        TaskSpan
    }

    #[inline(always)]
    pub(crate) fn id(&self) -> SpanId {
        SpanId
    }

    #[inline(always)]
    pub(crate) fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline(always)]
    pub(crate) fn close(&mut self) {}
}

impl SpanId {
    #[inline(always)]
    pub(crate) fn is_woken(self) {}

    #[inline(always)]
    pub(crate) fn is_woken_if(self, _: bool) {}
}

impl AtomicSpanId {
    #[inline(always)]
    pub(crate) const fn none() -> Self {
        AtomicSpanId
    }

    #[inline(always)]
    pub(crate) fn set(&self, _: SpanId) {}

    #[inline(always)]
    pub(crate) fn clear(&self) {}

    #[inline(always)]
    pub(crate) fn get(&self) -> SpanId {
        SpanId
    }
}
