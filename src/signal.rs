//! Signals of the OS.
//!
//! A signal's default action is switched off while somebody awaits it, and in force again when the
//! last [`Signal`](unix::Signal) for it is dropped. Any number of loops may await one signal; each is
//! told. Several signals of one kind that arrive together may be told as one, as the OS does.

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
/// The OS's, of taking the signal over; if no runtime is current.
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
