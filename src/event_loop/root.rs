//! The root: the future of `block_on`, a task whose future is on the stack.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::blocked::PollObserver;
use crate::panics::{self, Payload};
use crate::ready;
use crate::slots::Key;
use crate::tasks::{PollCause, Spawned, Tasks};
use crate::trace::TaskSpan;
use crate::vars::Vars;

/// See the [module](self).
pub(super) struct Root<'a> {
    pub(super) key: Key,
    pub(super) spawned: Spawned,
    pub(super) waker: Waker,
    pub(super) future: Pin<&'a mut dyn Future<Output = ()>>,
    pub(super) result: Option<Result<(), Payload>>,
    pub(super) vars: Vars,
    pub(super) span: TaskSpan,
}

impl Root<'_> {
    /// Polls the root like `Tasks::run`. Returns false if it is not due, or has completed.
    #[inline]
    pub(super) fn run(
        &mut self,
        tasks: &Tasks,
        cause: PollCause,
        observer: impl PollObserver,
    ) -> bool {
        let header = &self.spawned.header;
        if self.result.is_some() || !header.begin_poll(cause == PollCause::Queued) {
            return false;
        }
        let key = self.key;
        tasks.count_poll(key, observer);
        let mut cx = Context::from_waker(&self.waker);
        self.span.id().is_woken_if(cause == PollCause::Event);
        let (polled, note) = self.vars.with(|| {
            self.span.in_scope(|| {
                ready::polling(key, &self.waker, || {
                    panics::contain(|| self.future.as_mut().poll(&mut cx))
                })
            })
        });
        tasks.keep_root_note(note);
        self.result = match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(())) => Some(Ok(())),
            Err(payload) => Some(Err(payload)),
        };
        true
    }
}
