//! Child processes.
//!
//! [`Command`] starts a program, with the builder methods of [`std::process::Command`]. [`Child`]
//! is the running process: its exit can be awaited, and its pipes are streams.
//!
//! ```
//! use quintet::process::Command;
//!
//! # quintet::block_on(async {
//! let output = Command::new("echo").arg("hello").output().await?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello\n");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # Pipes
//!
//! A standard stream of the child that is set to [`Stdio::piped`](std::process::Stdio::piped) is a
//! pipe to this process. Take the ends out of the child to use them in separate tasks. A child that
//! writes more than a pipe holds (64 KiB on Linux) waits until it is read, so read its output while
//! waiting for it, as [`wait_with_output`](Child::wait_with_output) does.
//!
//! ```
//! use std::process::Stdio;
//!
//! use quintet::process::Command;
//!
//! # quintet::block_on(async {
//! let mut child = Command::new("cat")
//!     .stdin(Stdio::piped())
//!     .stdout(Stdio::piped())
//!     .spawn()?;
//! let mut stdin = child.stdin.take().unwrap();
//! let writing = quintet::spawn(async move {
//!     stdin.write_all(b"hello").await
//!     // Dropping `stdin` ends the input of the child.
//! });
//! let output = child.wait_with_output().await?;
//! writing.await.unwrap()?;
//! assert_eq!(output.stdout, b"hello");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! An end converts into [`Stdio`](std::process::Stdio), which connects one child to the next:
//!
//! ```
//! use std::process::Stdio;
//!
//! use quintet::process::Command;
//!
//! # quintet::block_on(async {
//! let mut echo = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn()?;
//! let between: Stdio = echo.stdout.take().unwrap().try_into()?;
//! let output = Command::new("tr").arg("a-z").arg("A-Z").stdin(between).output().await?;
//! assert!(echo.wait().await?.success());
//! assert_eq!(output.stdout, b"HELLO\n");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # Starting a process blocks
//!
//! [`Command::spawn`] returns when the child has executed its program, as in the standard library,
//! in tokio and in Node. This takes about 0.1 ms, however much memory this process has, and some
//! milliseconds where other programs keep all processors busy. The loop does nothing else
//! meanwhile. It is not a job of the worker pool, because a job takes longer, and because the
//! program is then started, or the error known, when `spawn` returns. Where a loop must not pause
//! for it, start the child of the standard library in a job, and convert it:
//!
//! ```
//! use quintet::process::Child;
//!
//! # quintet::block_on(async {
//! let spawning = quintet::spawn_blocking(|| std::process::Command::new("true").spawn());
//! let mut child = Child::from_std(spawning.await.unwrap()?)?;
//! assert!(child.wait().await?.success());
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```
//!
//! # Order
//!
//! An exit is an event of the poll phase, like that of a socket: each is a callback of its own, in
//! the order in which the kernel reports it. Where there are pidfds, the exits of several children
//! come in the order in which they have ended, and the end of an output comes before the exit if no
//! other process has that pipe, because the kernel closes the pipes of a process first. An exit
//! does not mean that all output has been read: read a pipe up to its end, or use
//! [`wait_with_output`](Child::wait_with_output), which corresponds to the event `close` of Node's
//! child processes, as [`wait`](Child::wait) does to `exit`.
//!
//! When a child ends is up to the OS, so a [seed](crate::runtime::Builder::seed) does not repeat
//! it, and [`order_hash`](crate::runtime::Handle::order_hash) may differ.
//!
//! A task that waits for a child keeps [`Runtime::run`](crate::runtime::Runtime::run) running,
//! unless the child is excluded by [`unref`](Child::unref). In
//! [paused time](crate::time::pause) a child is not waited for: the clock moves to the next
//! deadline while the child runs, unless a [`KeepAlive`](crate::runtime::KeepAlive) guard exists.
//!
//! # A child that is dropped
//!
//! Dropping a [`Child`] does not end the process, unless [`Command::kill_on_drop`] is set. A
//! process that has ended remains as a zombie until its parent has asked for its status, so a
//! runtime does that for a dropped child, when it ends. Until then it keeps one descriptor, and
//! does not keep the runtime alive. (The standard library leaves a zombie.)
//!
//! If the runtime ends first, or if a child is dropped where there is no runtime, the next runtime
//! of this process that spawns a child takes care of it.
//!
//! # How an exit is noticed
//!
//! On Linux each child has a pidfd, a descriptor that is readable when the process has ended.
//! Signals are sent through it, so they never reach another process that has got the same id.
//!
//! On other systems, and where a sandbox or an old kernel refuses pidfds, the exit of a child is
//! noticed by SIGCHLD, and then each child that is waited for is asked for its status. A handler of
//! the program for SIGCHLD is called as well; one that is installed *after* the first wait by
//! `sigaction` replaces ours, and no exit is noticed.
//!
//! A process that has called `waitpid` for all children, or that ignores SIGCHLD, has taken away
//! the status of a child. [`wait`](Child::wait) then returns an error.
//!
//! # Descriptors
//!
//! A child inherits its standard streams only. All descriptors of this crate are closed when a
//! program is executed.
//!
//! # What is missing
//!
//! There is no `pre_exec`, because it is `unsafe`: its closure runs in the child between `fork` and
//! `exec`, where little is allowed. A program that needs it can call it on
//! [`as_std_mut`](Command::as_std_mut).

mod child;
mod command;
mod orphans;
mod running;
mod sigchld;
mod stdio;

pub use child::Child;
pub use command::Command;
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};
