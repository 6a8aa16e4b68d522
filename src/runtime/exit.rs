//! The end of the process, and what is to be done before it.

use std::convert::Infallible;
use std::future::{Pending, pending};

use super::Runtime;
use crate::context;
use crate::event_loop::EventLoop;

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
/// let mut batches = 2;
/// runtime.before_exit(move || {
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
    add_before_exit(&context::expect_current(), hook);
}

/// Has `hook` called once when the runtime ends, before its tasks are dropped. It is given the code
/// that the process exits with, as far as the runtime knows.
///
/// # Panics
///
/// If no runtime is current on this thread.
#[track_caller]
pub fn on_exit(hook: impl FnOnce(i32) + 'static) {
    add_on_exit(&context::expect_current(), hook);
}

fn add_before_exit(event_loop: &EventLoop, hook: impl FnMut() + 'static) {
    let mut hooks = event_loop.hooks.borrow_mut();
    hooks.before_exit.push(Box::new(hook));
}

fn add_on_exit(event_loop: &EventLoop, hook: impl FnOnce(i32) + 'static) {
    let mut hooks = event_loop.hooks.borrow_mut();
    hooks.on_exit.push(Box::new(hook));
}

/// For the end of the process.
impl Runtime {
    /// Has `hook` called whenever [`run`](Runtime::run) finds nothing alive; see [`before_exit`].
    pub fn before_exit(&self, hook: impl FnMut() + 'static) {
        add_before_exit(&self.event_loop, hook);
    }

    /// Has `hook` called once when this runtime ends; see [`on_exit`].
    pub fn on_exit(&self, hook: impl FnOnce(i32) + 'static) {
        add_on_exit(&self.event_loop, hook);
    }
}
