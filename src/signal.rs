//! Signals that the process receives.
//!
//! A [`Signal`](unix::Signal) is a stream of one kind of signal. While it exists, the signal does
//! not have its default action. There may be several streams for one signal, also on several loops;
//! each receives it. Signals of one kind that arrive together may be received as one, as usual on
//! Unix.
//!
//! # When the last stream is dropped
//!
//! The signal then does what it did before its first stream was made:
//!
//! - **Its default action.** It is emulated, because safe code cannot remove a handler. A process
//!   dies of the signal, or stops, or continues, as it would without the emulation. The exceptions
//!   are real-time signals, and on Linux SIGIO, SIGPWR and SIGSTKFLT: the process *exits* with the
//!   code that shells show for a signal, 128 plus its number.
//! - **Nothing**, if the process was started with the signal ignored, as `nohup` does.
//! - **A handler that the program had installed.** It is called for each signal, whether there are
//!   streams or not, and no default action is emulated.
//!
//! Which of them it was is read from `/proc/self/status`. If that does not exist, in a sandbox or
//! on another system than Linux, the default action is not emulated. The signal then does nothing
//! after its last stream is dropped, unless the program had a handler for it, and the program has
//! to exit by itself.
//!
//! A handler that is installed *after* the first stream is not detected. A handler of signal-hook
//! is called in addition to the streams, but after the last stream is dropped the default action is
//! emulated as well: install such handlers first, or keep a stream. A handler of `sigaction`
//! replaces the one of the streams, which receive nothing from then on.
//!
//! # Forked children
//!
//! A forked child that does not execute another program inherits the handlers and the descriptors
//! that they write to. So a signal that the *child* receives also arrives at the streams of its
//! *parent*. This includes signals that a terminal sends to all processes in the foreground, such
//! as Ctrl-C, which the parent may then receive twice. A child that executes a program, as
//! [`process::Command`](crate::process::Command) does, loses the handlers. Streams that the child creates itself
//! receive only its own signals.

pub mod unix;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use unix::{SecondSignalGuard, SignalKind, signal};

/// Waits for Ctrl-C (SIGINT).
///
/// From the first poll until the future is dropped, Ctrl-C does not end the process. A Ctrl-C that
/// comes before the first poll is not received.
///
/// # Errors
///
/// Returns the errors of [`signal`], and an error of kind [`Other`](io::ErrorKind::Other) if no
/// runtime is current.
///
/// # Cancel safety
///
/// If the future is dropped before it completes, a signal that has arrived may be lost. In a loop,
/// use one [`Signal`](unix::Signal) instead.
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

/// Waits for the request to end the process: SIGINT, which Ctrl-C sends, or SIGTERM.
///
/// From this call until the future is dropped or completes, the first request does not end the
/// process. The second one does, at once: also while the program still waits for its connections to
/// end, and also if a task blocks the loop, so that the future has not been polled yet. When the
/// future completes, the default actions are restored. So call this once for each process, and tell
/// the rest of a program by a [`CancellationToken`](crate::task::CancellationToken), or by
/// [`Cluster::until`](crate::cluster::Cluster::until) if it has several loops. If it is called on
/// several loops, each receives the first request.
///
/// A request for which the program has a handler of its own, or that was ignored when the program
/// was started, never ends the process.
///
/// # Errors
///
/// Returns the errors of [`signal`].
///
/// # Cancel safety
///
/// If the future is dropped before it completes, a signal that has arrived may be lost.
///
/// # Examples
///
/// ```no_run
/// # quintet::block_on(async {
/// let shutdown = quintet::signal::shutdown()?;
/// println!("press Ctrl-C to stop");
/// shutdown.await;
/// println!("stopping; press Ctrl-C again to end now");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn shutdown() -> io::Result<Shutdown> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    let [interrupt, terminate] = kinds.map(signal);
    let signals = [interrupt?, terminate?];
    let second = SecondSignalGuard::new(&kinds)?;
    Ok(Shutdown {
        waiting: Some(Waiting {
            signals,
            _second: second,
        }),
    })
}

/// The future of [`shutdown`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Shutdown {
    /// `None` after it has completed.
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    signals: [unix::Signal; 2],
    // Dropped after the signals, so that there is no moment in which a request does nothing.
    _second: SecondSignalGuard,
}

impl Future for Shutdown {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(waiting) = &mut self.waiting {
            // Both are polled, so that both wake the task.
            let received = waiting
                .signals
                .each_mut()
                .map(|signal| signal.poll_recv(cx));
            if received.iter().all(Poll::is_pending) {
                return Poll::Pending;
            }
        }
        self.waiting = None;
        Poll::Ready(())
    }
}
