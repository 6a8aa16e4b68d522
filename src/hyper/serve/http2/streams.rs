//! The tasks of connections of HTTP/2: one for each request.
//!
//! A connection has up to hundreds of them, which end within one tick, and no task waits for their
//! ends. So they are in no `JoinSet`, which would cost almost as much again as the tasks. When a
//! connection is dropped, the streams of hyper are reset: that wakes their tasks, and these end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::hyper::rt;
use pin_project_lite::pin_project;

use crate::hyper::serve::failures::Failures;
use crate::panics::{self, Payload};
use crate::serve::ServeError;
use crate::task::{self, JoinError};
use crate::tasks::Failure;

/// Spawns the tasks of connections of HTTP/2: one for each request. They end when their connection
/// ends.
#[derive(Clone)]
pub struct StreamExecutor {
    failures: Failures,
}

impl StreamExecutor {
    pub(super) fn new(failures: Failures) -> Self {
        StreamExecutor { failures }
    }
}

impl<F> rt::Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        drop(task::spawn(StreamTask {
            future: Some(future),
            failures: self.failures.clone(),
        }));
    }
}

impl fmt::Debug for StreamExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamExecutor").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of one request. Its panics are passed on.
    struct StreamTask<F> {
        #[pin]
        future: Option<F>,
        failures: Failures,
    }

    impl<F> PinnedDrop for StreamTask<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Err(payload) = panics::contain(|| this.future.set(None)) {
                note_panic(this.failures, payload);
            }
        }
    }
}

impl<F: Future<Output = ()>> Future for StreamTask<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let future = this.future.as_pin_mut().expect("only `drop` takes it");
        panics::contain(|| future.poll(cx)).unwrap_or_else(|payload| {
            note_panic(this.failures, payload);
            Poll::Ready(())
        })
    }
}

/// Passes on that the current task has panicked.
#[cold]
fn note_panic(failures: &Failures, payload: Payload) {
    let id = task::id().0;
    let error = JoinError::new(id, Failure::Panicked(payload));
    failures.note(ServeError::Panicked(error));
}
