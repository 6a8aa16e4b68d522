//! Timeouts.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::{Instant, Sleep, sleep, sleep_until};
use crate::coop;

/// Waits for `future`, but at most for `duration`.
///
/// When the time has passed, the future is polled once more, and I/O in it makes its system call
/// even without known readiness. So data that arrived while the loop was busy is not lost.
///
/// # Errors
///
/// Resolves to [`Elapsed`] if the time passes first. The future is dropped with the timeout.
///
/// # Examples
///
/// ```
/// use quintet::time::{Duration, timeout};
///
/// # quintet::block_on(async {
/// let late = timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
/// assert!(late.is_err());
///
/// let done = timeout(Duration::from_secs(1), async { 5 }).await;
/// assert_eq!(done, Ok(5));
/// # });
/// ```
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: sleep(duration),
        has_elapsed: false,
    }
}

/// Waits for `future`, but not beyond `deadline`; see [`timeout`].
///
/// # Errors
///
/// Resolves to [`Elapsed`] if the deadline passes first.
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: sleep_until(deadline),
        has_elapsed: false,
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// # Cancel safety
    ///
    /// The same as that of the future inside.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
        // Whether it has resolved to `Elapsed`. A poll after that is charged like any operation.
        has_elapsed: bool,
    }
}

impl<F> Timeout<F> {
    /// Returns a reference to the future inside.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// Returns a mutable reference to the future inside.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Drops the timeout and returns the future.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if *this.has_elapsed {
            ready!(coop::poll_proceed(cx));
        }
        if let Poll::Ready(output) = this.future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Separate budgets: a future that spends the whole budget in each poll must not hide an
        // expired timer, and the last poll must be able to complete.
        if coop::with_own_budget(|| Pin::new(this.sleep).poll(cx)).is_pending() {
            return Poll::Pending;
        }
        match coop::with_own_budget(|| coop::insist(|| this.future.poll(cx))) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => {
                *this.has_elapsed = true;
                Poll::Ready(Err(Elapsed(())))
            }
        }
    }
}

/// The error of [`timeout`] when the time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has elapsed")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(error: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, error)
    }
}
