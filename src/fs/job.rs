//! Jobs that somebody waits for.

use std::io;
use std::sync::{Arc, Weak};

use crate::blocking::run_io;

/// Says to a job whether its future is still there.
pub(super) struct Wanted(Weak<()>);

impl Wanted {
    pub(super) fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }

    /// An error to end a job with whose answer nobody gets to see.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_wanted() {
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
    let answer = run_io(job).await;
    drop(asker);
    answer
}
