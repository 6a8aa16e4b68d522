//! Signals of the OS.
//!
//! While there is a [`Signal`](unix::Signal) for it, a signal does not have its default action. Any
//! number of streams and loops may await one signal; each receives it. Several signals of one kind that
//! arrive together may be received as one, as the OS does.
//!
//! # When the last stream is dropped
//!
//! The signal then does what it did before its first stream was made:
//!
//! - **Its default action.** It is emulated, because safe code cannot remove a handler. A process dies
//!   of the signal, or stops, or goes on, as it would without the emulation. Only real-time signals,
//!   and on Linux SIGIO, SIGPWR and SIGSTKFLT, end it in another way: it *exits*, with the code that
//!   shells show for a signal, 128 and the signal's number.
//! - **Nothing**, if the process was started with the signal ignored, as `nohup` does.
//! - **A handler that the program had installed.** It is called for each signal, with streams and
//!   without them, and no default action is emulated.
//!
//! Which of them it was is read from `/proc/self/status`. Where there is no `/proc`, in a sandbox and
//! on systems other than Linux, the default action is not emulated, so a signal does nothing after its
//! last stream is dropped unless the program had a handler for it. Such a program has to end itself.
//!
//! A handler that is installed *after* the first stream is not known here. One of signal-hook is called
//! beside the streams, but when the last stream is dropped the default action is emulated as well:
//! install such handlers first, or keep a stream. One of `sigaction` replaces the streams', which
//! receive nothing from then on.
//!
//! # Forked children
//!
//! A child process that is forked, and does not execute another program, inherits the handlers and the
//! descriptors that they write to. So a signal that the *child* receives also arrives at the streams of
//! its *parent*. This includes what a terminal sends to all processes in its foreground, such as
//! Ctrl-C, which the parent may then receive twice. A child that executes a program, as
//! [`std::process::Command`] does, loses the handlers there. Streams that the child makes for itself
//! receive its own signals only.

pub mod unix;

use std::future::poll_fn;
use std::io;

use unix::{SignalKind, signal};

/// Waits for Ctrl-C, the signal SIGINT.
///
/// From the first poll on Ctrl-C no longer ends the process, until this is dropped.
///
/// # Errors
///
/// Returns the error of [`signal`], and an error if no runtime is current.
///
/// # Examples
///
/// ```no_run
/// # quintet::block_on(async {
/// quintet::signal::ctrl_c().await?;
/// println!("bye");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    poll_fn(|cx| interrupts.poll_received(cx)).await
}
