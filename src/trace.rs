//! Spans of tasks, for subscribers of `tracing`.
//!
//! A task has a [`TaskSpan`], which is entered while the task is polled and while its future is
//! dropped, and its header has the [`SpanId`] of that, so that wakes can name it. Without the
//! feature `tracing` these types are empty, and their methods do nothing.
//!
//! A subscriber is user code: nothing here is to be called while a borrow of a loop is held, except
//! what says that it runs no user code.

#[cfg_attr(not(feature = "tracing"), path = "trace/off.rs")]
mod spans;

#[cfg(feature = "tracing")]
pub(crate) use spans::contained;
pub(crate) use spans::{AtomicSpanId, ClosureShape, SpanPolicy, TaskSpan};

/// What kind of task has a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanKind {
    /// A future that was spawned.
    Task,
    /// A closure for the check phase.
    Immediate,
    /// The future of `block_on`.
    BlockOn,
}
