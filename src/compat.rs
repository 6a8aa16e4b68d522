//! tokio and quintet on one thread, with the feature `tokio`.
//!
//! Some crates need a context of tokio: they call `tokio::spawn`, or await tokio's sleeps and
//! sockets, and panic where no runtime of tokio is current. For them a runtime can be the *guest*
//! of a current-thread runtime of tokio. Then one thread runs the tasks of both, and in each of
//! them both runtimes are current: a task of quintet may await `tokio::time::sleep`, and a task of
//! tokio `quintet::time::sleep`.
//!
//! [`block_on`] runs a future so, and [`Builder::tokio`] makes such a runtime. The attributes have
//! the argument `tokio`:
//!
//! ```
//! #[quintet::main(tokio)]
//! async fn main() {
//!     let task = tokio::spawn(async {
//!         quintet::time::sleep(std::time::Duration::from_millis(1)).await;
//!         "a task of tokio"
//!     });
//!     tokio::time::sleep(std::time::Duration::from_millis(1)).await;
//!     println!("{}", task.await.unwrap());
//! }
//! ```
//!
//! # Order
//!
//! tokio does the waiting. When something has happened to quintet's loop, the loop runs ticks until
//! it has nothing to do, at most eight in a row, as one task of tokio's loop. The order *within*
//! quintet is that of [`order`](crate::order). How the tasks of tokio come in between is tokio's
//! decision, and a [seed](crate::runtime::Builder::seed) does not repeat it.
//!
//! # What is different
//!
//! - [`Runtime::run`](crate::runtime::Runtime::run) does not return
//!   [`Stalled`](crate::runtime::Stalled), and
//!   [`Runtime::block_on`](crate::runtime::Runtime::block_on) does not report it: what seems
//!   to wait for nothing may wait for tokio. The tasks of tokio do not keep `run` alive; those of
//!   quintet that wait for them do.
//! - [Paused time](crate::time::pause) is moved by [`advance`](crate::time::advance) alone, because
//!   the loop does not know what tokio waits for. tokio's clock is another one.
//! - [`Runtime::turn`](crate::runtime::Runtime::turn) and
//!   [`run_until_stalled`](crate::runtime::Runtime::run_until_stalled) do not run tokio's tasks.
//! - `tokio::task::spawn_local` needs a `LocalSet`, as always in tokio. [`spawn`](crate::spawn)
//!   takes futures that are not `Send`.
//! - A wait costs one more system call than without a host, and one more for each time that a task
//!   of tokio wakes tasks of quintet.

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;

use ::tokio::io::Interest;
use ::tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use ::tokio::runtime::{Builder as TokioBuilder, Runtime as TokioRuntime};
use ::tokio::{task, time};

use crate::runtime::{Builder, DriveByHost, Host, NextTurn};
use crate::task::boxed_if_large;

impl Builder {
    /// Sets whether the runtime is the guest of a current-thread runtime of tokio, which is made
    /// with it and ends after it.
    ///
    /// The default is `false`. See [`compat`](crate::compat). It needs the feature `tokio`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = quintet::runtime::Builder::new().tokio(true).build()?;
    /// let sum = runtime.block_on(async {
    ///     let task = quintet::spawn(async {
    ///         tokio::task::yield_now().await;
    ///         1
    ///     });
    ///     tokio::spawn(async move { task.await.unwrap() + 1 }).await.unwrap()
    /// });
    /// assert_eq!(sum, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tokio(&mut self, is_guest: bool) -> &mut Self {
        self.set_host(is_guest.then_some(TokioHost::open))
    }
}

/// Runs `future` on a new runtime that is the guest of a new runtime of tokio, and returns its
/// output.
///
/// # Panics
///
/// If a runtime cannot be built, within a runtime of tokio, and in the same cases as
/// [`Runtime::block_on`](crate::runtime::Runtime::block_on).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// quintet::compat::block_on(async {
///     tokio::time::sleep(Duration::from_millis(1)).await;
///     quintet::time::sleep(Duration::from_millis(1)).await;
/// });
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    match Builder::new().tokio(true).build() {
        Ok(runtime) => boxed_if_large!(future: F => runtime.block_on(future)),
        Err(error) => panic!("the quintet runtime could not be built: {error}"),
    }
}

#[derive(Debug)]
struct TokioHost {
    runtime: TokioRuntime,
}

impl TokioHost {
    fn open() -> io::Result<Box<dyn DriveByHost>> {
        let runtime = TokioBuilder::new_current_thread().enable_all().build()?;
        Ok(Box::new(TokioHost { runtime }))
    }
}

#[allow(
    deprecated,
    reason = "a borrowed descriptor stays open, and what replaces this is unsafe"
)]
fn watched(descriptor: BorrowedFd<'_>) -> io::Result<AsyncFd<BorrowedFd<'_>>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// Waits until `descriptor` is readable. Only one task waits, so it needs no place in a list, which
/// `AsyncFd::readable` would take: that is three times as many instructions.
fn readable<'a, 'd>(
    descriptor: &'a AsyncFd<BorrowedFd<'d>>,
) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'a, BorrowedFd<'d>>>> {
    poll_fn(|cx| descriptor.poll_read_ready(cx))
}

impl Host for TokioHost {
    #[track_caller]
    fn run(
        &self,
        descriptor: BorrowedFd<'_>,
        turn: &mut dyn FnMut() -> NextTurn,
    ) -> io::Result<()> {
        let driver = async {
            let descriptor = watched(descriptor)?;
            loop {
                match turn() {
                    NextTurn::Ended => return Ok(()),
                    NextTurn::Soon => task::yield_now().await,
                    // Cleared before the turn, so an event in the course of it is seen after it.
                    NextTurn::WhenReadable { at_most: None } => {
                        readable(&descriptor).await?.clear_ready();
                    }
                    NextTurn::WhenReadable {
                        at_most: Some(limit),
                    } => {
                        if let Ok(readable) = time::timeout(limit, readable(&descriptor)).await {
                            readable?.clear_ready();
                        }
                    }
                }
            }
        };
        // tokio's budget is for one task, and all tasks of the guest are polled here.
        self.runtime.block_on(task::unconstrained(driver))
    }

    fn enter(&self, f: &mut dyn FnMut()) {
        let _entered = self.runtime.enter();
        f();
    }
}
