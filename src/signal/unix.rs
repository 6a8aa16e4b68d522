//! Streams of Unix signals.

mod disposition;
mod second_signal;

use std::fmt;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use signal_hook::SigId;
use signal_hook::consts;
use signal_hook::low_level;

use crate::io::source::{OpOutput, Source};
use crate::phase::poll::Direction;
use disposition::DefaultActionGuard;

pub(super) use second_signal::SecondSignalGuard;

/// A kind of signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

impl SignalKind {
    /// Creates a kind from the number of a signal.
    pub const fn from_raw(number: i32) -> Self {
        SignalKind(number)
    }

    /// Returns the number of the signal.
    pub const fn as_raw_value(&self) -> i32 {
        self.0
    }

    /// SIGINT: Ctrl-C at the terminal.
    pub const fn interrupt() -> Self {
        SignalKind(consts::SIGINT)
    }

    /// SIGTERM: a request to end the process.
    pub const fn terminate() -> Self {
        SignalKind(consts::SIGTERM)
    }

    /// SIGHUP: the terminal was closed. Daemons reload their configuration by convention.
    pub const fn hangup() -> Self {
        SignalKind(consts::SIGHUP)
    }

    /// SIGQUIT: Ctrl-\ at the terminal.
    pub const fn quit() -> Self {
        SignalKind(consts::SIGQUIT)
    }

    /// SIGUSR1: its meaning is defined by the program.
    pub const fn user_defined1() -> Self {
        SignalKind(consts::SIGUSR1)
    }

    /// SIGUSR2: its meaning is defined by the program.
    pub const fn user_defined2() -> Self {
        SignalKind(consts::SIGUSR2)
    }

    /// SIGCHLD: a child process has changed its state.
    pub const fn child() -> Self {
        SignalKind(consts::SIGCHLD)
    }

    /// SIGWINCH: the size of the terminal has changed.
    pub const fn window_change() -> Self {
        SignalKind(consts::SIGWINCH)
    }

    /// SIGALRM: a timer of the OS has expired.
    pub const fn alarm() -> Self {
        SignalKind(consts::SIGALRM)
    }

    /// SIGIO: a descriptor is ready.
    pub const fn io() -> Self {
        SignalKind(consts::SIGIO)
    }

    /// SIGPIPE: a write to a pipe that has no reader.
    pub const fn pipe() -> Self {
        SignalKind(consts::SIGPIPE)
    }

    /// SIGINFO: Ctrl-T at the terminal. Programs print what they are doing by convention.
    #[cfg(any(
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    pub const fn info() -> Self {
        SignalKind(consts::SIGINFO)
    }
}

impl From<i32> for SignalKind {
    fn from(number: i32) -> Self {
        SignalKind::from_raw(number)
    }
}

impl From<SignalKind> for i32 {
    fn from(kind: SignalKind) -> i32 {
        kind.as_raw_value()
    }
}

/// Creates a stream of a signal, which replaces the default action of the signal.
///
/// All signals can be awaited except SIGKILL, SIGSTOP, the faults SIGILL, SIGFPE, SIGSEGV and
/// SIGBUS, and those that the C library reserves. Real-time signals are created by number: 34 to 64
/// on Linux with glibc, 35 to 64 with musl.
///
/// The [module](crate::signal#when-the-last-stream-is-dropped) describes what the signal does after
/// its last stream is dropped.
///
/// # Errors
///
/// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if the signal cannot be
/// awaited, or the error of a system call if the process has run out of descriptors: a stream needs
/// two, and a third one while it is created. After an error the signal does what it did before.
///
/// # Examples
///
/// ```no_run
/// use quintet::signal::unix::{SignalKind, signal};
///
/// # quintet::block_on(async {
/// let mut hangups = signal(SignalKind::hangup())?;
/// while let Some(()) = hangups.recv().await {
///     println!("reading the settings again");
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let (receiver, subscription) = subscribe(kind)?;
    Ok(Signal {
        receiver: Source::new_signal(receiver),
        subscription,
    })
}

/// Takes over a signal. A byte arrives in the returned stream for each signal.
///
/// # Errors
///
/// Those of [`signal`].
pub(crate) fn subscribe(kind: SignalKind) -> io::Result<(UnixStream, Subscription)> {
    // The standard library has a handler for SIGBUS that restores the default action when it is
    // called: the stream would receive one signal, and the next one would end the process.
    if consts::FORBIDDEN.contains(&kind.0) || kind.0 == consts::SIGBUS {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("signal {} cannot be awaited", kind.0),
        ));
    }
    // What is most likely to fail comes first, because an error must not change what the signal
    // does.
    let (receiver, sender) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    let guard = DefaultActionGuard::new(kind.0)?;
    let subscription = Subscription {
        registration: register(kind, sender)?,
        _guard: guard,
    };
    Ok((receiver, subscription))
}

/// A signal that was taken over, until this is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    registration: HandlerRegistration,
    // Dropped after the registration: the default action is restored when no stream is registered.
    _guard: DefaultActionGuard,
}

/// A stream of one kind of signal, returned by [`signal`]. It never ends.
///
/// Signals are delivered after all other events of a poll phase. Like a socket, the stream belongs
/// to the loop on which it is first polled.
pub struct Signal {
    /// Receives a byte for each signal.
    receiver: Source<UnixStream>,
    subscription: Subscription,
}

/// The registration of a handler, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct HandlerRegistration(SigId);

/// Registers a handler that writes a byte to `sender` for each signal.
///
/// # Errors
///
/// Returns an error if descriptors have run out.
pub(crate) fn register(kind: SignalKind, sender: UnixStream) -> io::Result<HandlerRegistration> {
    let id = low_level::pipe::register(kind.0, sender)?;
    Ok(HandlerRegistration(id))
}

impl Drop for HandlerRegistration {
    fn drop(&mut self) {
        low_level::unregister(self.0);
    }
}

impl Signal {
    /// Waits for the next signal. It always returns `Some`, because the stream never ends.
    ///
    /// # Panics
    ///
    /// Panics if no runtime is current, or on another loop than the one that has first polled the
    /// stream.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no signal is lost.
    pub async fn recv(&mut self) -> Option<()> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Keeps the runtime alive while a task waits for this stream. This is the default.
    ///
    /// It reverses [`unref`](Signal::unref). Both may be called from any thread, any number of
    /// times; the last call counts. See [`Runtime::run`](crate::runtime::Runtime::run).
    pub fn ref_(&self) {
        self.receiver.set_ref(true);
    }

    /// Allows the runtime to end even while a task waits for this stream.
    pub fn unref(&self) {
        self.receiver.set_ref(false);
    }

    /// Returns whether the stream keeps the runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.receiver.is_ref()
    }

    /// Polls for the next signal.
    ///
    /// # Panics
    ///
    /// Panics if no runtime is current, or on another loop than the one that has first polled the
    /// stream.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if let Err(error) = ready!(self.poll_received(cx)) {
            panic!("a signal cannot be awaited: {error}");
        }
        Poll::Ready(Some(()))
    }

    pub(crate) fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let received = ready!(self.receiver.poll_operate(cx, Direction::Read, drain));
        Poll::Ready(received.map(|_| ()))
    }
}

/// Receives all signals that have arrived, as one.
fn drain(mut receiver: &UnixStream) -> io::Result<OpOutput<usize>> {
    let mut bytes = [0; 64];
    let n = receiver.read(&mut bytes)?;
    Ok(OpOutput::moved(n, bytes.len()))
}

impl Stream for Signal {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("registration", &self.subscription.registration.0)
            .finish_non_exhaustive()
    }
}
