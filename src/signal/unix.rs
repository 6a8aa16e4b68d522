//! Unix signals, as streams.

mod disposition;

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

/// Which signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

impl SignalKind {
    /// Returns the kind with this number.
    pub const fn from_raw(number: i32) -> Self {
        SignalKind(number)
    }

    /// Returns the kind's number.
    pub const fn as_raw_value(&self) -> i32 {
        self.0
    }

    /// SIGINT: Ctrl-C at the terminal.
    pub const fn interrupt() -> Self {
        SignalKind(consts::SIGINT)
    }

    /// SIGTERM: the polite request to end.
    pub const fn terminate() -> Self {
        SignalKind(consts::SIGTERM)
    }

    /// SIGHUP: the terminal is gone; by custom, read the settings again.
    pub const fn hangup() -> Self {
        SignalKind(consts::SIGHUP)
    }

    /// SIGQUIT: Ctrl-\ at the terminal.
    pub const fn quit() -> Self {
        SignalKind(consts::SIGQUIT)
    }

    /// SIGUSR1: has no meaning but the one that the program gives it.
    pub const fn user_defined1() -> Self {
        SignalKind(consts::SIGUSR1)
    }

    /// SIGUSR2: has no meaning but the one that the program gives it.
    pub const fn user_defined2() -> Self {
        SignalKind(consts::SIGUSR2)
    }

    /// SIGCHLD: a child process has changed its state.
    pub const fn child() -> Self {
        SignalKind(consts::SIGCHLD)
    }

    /// SIGWINCH: the terminal has another size.
    pub const fn window_change() -> Self {
        SignalKind(consts::SIGWINCH)
    }

    /// SIGALRM: a timer of the OS.
    pub const fn alarm() -> Self {
        SignalKind(consts::SIGALRM)
    }

    /// SIGIO: a descriptor is ready.
    pub const fn io() -> Self {
        SignalKind(consts::SIGIO)
    }

    /// SIGPIPE: a write to a pipe that nobody reads.
    pub const fn pipe() -> Self {
        SignalKind(consts::SIGPIPE)
    }
}

/// Makes a stream of a signal, in place of the signal's default action.
///
/// Any signal can be awaited, by its number also the real-time signals (on Linux 34 to 64 with glibc,
/// 35 to 64 with musl), except for SIGKILL, SIGSTOP, the faults SIGILL, SIGFPE, SIGSEGV and SIGBUS,
/// and those that the C library keeps for itself.
///
/// What the signal does when its last stream is dropped is described in the
/// [module](crate::signal#when-the-last-stream-is-dropped).
///
/// # Errors
///
/// Returns an error of kind `InvalidInput` if the signal cannot be awaited, and the error of the
/// system call if there are no descriptors left: a stream needs two, and a third one while it is
/// made. After an error the signal does what it did before.
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
    // SIGBUS has a handler of the standard library, which puts the default action back when it is
    // called: the stream would receive one signal, and the next one would end the process.
    if consts::FORBIDDEN.contains(&kind.0) || kind.0 == consts::SIGBUS {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("signal {} cannot be awaited", kind.0),
        ));
    }
    // First what most likely fails: an error must not change what the signal does.
    let (receiver, sender) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    let guard = DefaultActionGuard::new(kind.0)?;
    let id = low_level::pipe::register(kind.0, sender)?;
    Ok(Signal {
        receiver: Source::new_signal(receiver),
        registration: HandlerRegistration(id),
        _guard: guard,
    })
}

/// A stream of one kind of signal; made by [`signal`]. It never ends.
///
/// Its events come last in a tick's poll phase.
pub struct Signal {
    /// Gets a byte for each signal.
    receiver: Source<UnixStream>,
    registration: HandlerRegistration,
    // Behind the registration: the default action comes back when no stream is registered.
    _guard: DefaultActionGuard,
}

/// The handler's part, taken back when it is dropped.
struct HandlerRegistration(SigId);

impl Drop for HandlerRegistration {
    fn drop(&mut self) {
        low_level::unregister(self.0);
    }
}

impl Signal {
    /// Waits for the next signal. It always returns `Some`: a stream of signals does not end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no signal.
    pub async fn recv(&mut self) -> Option<()> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Undoes [`unref`](Signal::unref): it keeps its runtime alive while a task waits for it, as it
    /// does from the start; see [`Runtime::run`](crate::runtime::Runtime::run).
    ///
    /// This may be called on any thread, and any number of times.
    pub fn ref_(&self) {
        self.receiver.set_ref(true);
    }

    /// Lets the runtime end even while a task waits for this.
    pub fn unref(&self) {
        self.receiver.set_ref(false);
    }

    /// Returns whether it keeps its runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.receiver.is_ref()
    }

    /// Polls for the next signal.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, and on another loop than the first one that polled it.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        if let Err(error) = ready!(self.poll_received(cx)) {
            panic!("a signal cannot be awaited: {error}");
        }
        Poll::Ready(Some(()))
    }

    pub(super) fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let received = ready!(self.receiver.poll_operate(cx, Direction::Read, drain));
        Poll::Ready(received.map(|_| ()))
    }
}

/// Takes all signals that have arrived as one.
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
            .field("registration", &self.registration.0)
            .finish_non_exhaustive()
    }
}
