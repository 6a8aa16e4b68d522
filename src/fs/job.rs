//! Jobs that somebody waits for.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;

use crate::blocking::run_io;
use crate::context;
use crate::ready::LoopId;

/// Says to a job whether its future is still there.
pub(super) struct Wanted(Weak<()>);

impl Wanted {
    /// An error to end the job with if it is not. Nobody gets to see its answer then.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.strong_count() > 0 {
            return Ok(());
        }
        Err(io::Error::other("nobody waits for it any more"))
    }
}

/// Runs `f` on a worker.
///
/// If this is dropped before the job has begun, the job does not begin. To abort it is not enough:
/// that happens where its task next stands in the queue, and by then a worker may have it.
pub(super) async fn run<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    run_wanted(|_| f()).await
}

/// The same for a long job, which looks at times whether it is still wanted.
pub(super) async fn run_wanted<F, T>(f: F) -> io::Result<T>
where
    F: FnOnce(&Wanted) -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    let asker = Arc::new(());
    let wanted = Wanted(Arc::downgrade(&asker));
    let job = move || {
        wanted.check()?;
        f(&wanted)
    };
    let home = context::with(|event_loop| event_loop.id());
    let mut answer = pin!(run_io(job));
    let answer = poll_fn(|cx| match home {
        Some(home) if context::with(|event_loop| event_loop.id()) != Some(home) => {
            Poll::Ready(Err(wrong_loop(home)))
        }
        _ => answer.as_mut().poll(cx),
    });
    let answer = answer.await;
    drop(asker);
    answer
}

fn wrong_loop(home: LoopId) -> io::Error {
    io::Error::other(format!(
        "this operation on a file was begun on {}, but {}; await it there",
        context::describe(home),
        context::describe_current()
    ))
}
