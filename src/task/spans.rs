//! With the feature `tracing`: the span of a task begins when it has been spawned.

use crate::context;
use crate::tasks::Spawned;
use crate::trace::{SpanKind, TaskSpan};

/// Begins the span of a task of the current loop, which has not been polled yet.
pub(super) fn begin(spawned: &Spawned, kind: SpanKind) {
    let key = spawned.header.key();
    let described = context::with(|event_loop| {
        let (identity, bytes) = event_loop.tasks.describe_for_span(key)?;
        Some((identity, bytes, event_loop.shared.span_policy))
    });
    let Some(Some((identity, bytes, policy))) = described else {
        return;
    };
    // The subscriber is called while the loop is not borrowed.
    let span = TaskSpan::new(kind, &identity, bytes, policy);
    let unset = context::with(|event_loop| event_loop.tasks.set_span(key, span));
    drop(unset);
}
