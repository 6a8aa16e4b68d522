//! The end of the process, and what is to be done before it.

use std::convert::Infallible;
use std::future::{Pending, pending};

use crate::context;

/// Ends the process with `code`, in order: no other task is polled any more, all futures are
/// dropped, what they close is closed, running jobs are given the
/// [grace](super::Builder::shutdown_grace), the [`on_exit`] hooks are called.
///
/// The poll that calls this comes to its end first. To stop right here, await what it returns, which
/// never ends.
///
/// # Panics
///
/// If no runtime is current on this thread.
///
/// # Examples
///
/// ```no_run
/// # quintet::block_on(async {
/// # let settings: Result<(), &str> = Err("no");
/// if let Err(error) = settings {
///     eprintln!("{error}");
///     quintet::runtime::exit(2).await;
/// }
/// # });
/// ```
#[track_caller]
pub fn exit(code: i32) -> Pending<Infallible> {
    context::expect_current().exit(code);
    pending()
}

/// Has `hook` called whenever [`Runtime::run`](super::Runtime::run) finds that nothing is alive any
/// more. If it starts something, the loop goes on, and it is called again later.
///
/// # Panics
///
/// If no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let runtime = quintet::runtime::Runtime::new()?;
/// let _guard = runtime.enter();
/// let mut batches = 2;
/// quintet::runtime::before_exit(move || {
///     if batches > 0 {
///         batches -= 1;
///         quintet::spawn(async { println!("another batch") });
///     }
/// });
/// runtime.run()?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn before_exit(hook: impl FnMut() + 'static) {
    let event_loop = context::expect_current();
    event_loop
        .hooks
        .borrow_mut()
        .before_exit
        .push(Box::new(hook));
}

/// Has `hook` called once when the runtime ends, before its tasks are dropped. It is given the code
/// that the process exits with, as far as the runtime knows.
///
/// # Panics
///
/// If no runtime is current on this thread.
#[track_caller]
pub fn on_exit(hook: impl FnOnce(i32) + 'static) {
    let event_loop = context::expect_current();
    event_loop.hooks.borrow_mut().on_exit.push(Box::new(hook));
}
