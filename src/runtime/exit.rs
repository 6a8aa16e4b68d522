//! The end of the process, and the hooks that run before it.

use std::convert::Infallible;
use std::future::{Pending, pending};

use super::Runtime;
use crate::context;
use crate::event_loop::EventLoop;

/// Shuts the current runtime down and exits the process with `code`.
///
/// The current poll runs to its end. Then no other task is polled, and the runtime
/// [shuts down](super::Runtime#shutdown): it calls the [`on_exit`] hooks, drops all futures, and
/// waits for running jobs up to the [grace period](super::Builder::shutdown_grace).
///
/// To stop the calling task at the call, await the returned future, which never completes.
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

/// Calls `hook` whenever nothing keeps [`Runtime::run`](super::Runtime::run) alive.
///
/// If the hook starts something, the loop continues, and the hook is called again later. This is
/// Node's `beforeExit`.
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

/// Calls `hook` once when the runtime shuts down, before its tasks are dropped. This is Node's
/// `exit`.
///
/// The argument of the hook is the exit code: that of [`exit`], 1 if a panic
/// [ends the runtime](super::UnhandledPanic::ShutdownRuntime), and otherwise 0.
///
/// If a hook panics, the panic is [reported](super::Report::HookPanicked), and the other hooks run.
///
/// # Panics
///
/// If no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// quintet::block_on(async {
///     quintet::runtime::on_exit(|code| println!("exit with {code}"));
/// });
/// ```
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

/// Hooks for the end of a run and of the runtime.
impl Runtime {
    /// Calls `hook` whenever nothing keeps [`run`](Runtime::run) alive; see [`before_exit`].
    pub fn before_exit(&self, hook: impl FnMut() + 'static) {
        add_before_exit(&self.event_loop, hook);
    }

    /// Calls `hook` once when this runtime shuts down; see [`on_exit`].
    pub fn on_exit(&self, hook: impl FnOnce(i32) + 'static) {
        add_on_exit(&self.event_loop, hook);
    }
}
