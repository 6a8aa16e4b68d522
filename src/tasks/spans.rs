//! With the feature `tracing`: a task that was just spawned gets its span.

use super::{Identity, Task, Tasks};
use crate::slots::Key;
use crate::trace::TaskSpan;

impl Tasks {
    /// What the span of a task says: its identity, and how many bytes its work takes.
    pub(crate) fn describe_for_span(&self, key: Key) -> Option<(Identity, usize)> {
        let slots = self.slots.borrow();
        let task = slots.get(key)?;
        let work = task.body.as_ref()?.work.as_ref()?;
        Some((task.identity(), size_of_val(&**work)))
    }

    /// Sets the span of a task that has none. Returns the span if there is no such task.
    #[must_use = "to drop a span runs user code, which no borrow may be held for"]
    pub(crate) fn set_span(&self, key: Key, span: TaskSpan) -> Option<TaskSpan> {
        let mut slots = self.slots.borrow_mut();
        let Some(Task {
            header,
            body: Some(body),
            ..
        }) = slots.get_mut(key)
        else {
            return Some(span);
        };
        header.span().set(span.id());
        Some(std::mem::replace(&mut body.span, span))
    }
}
