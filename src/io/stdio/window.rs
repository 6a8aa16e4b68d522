//! The size of the window of a terminal, and its changes.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use rustix::termios::tcgetwinsize;

use crate::io_error::cannot;
use crate::signal::unix::{Signal, SignalKind, signal};

/// The size of the window of a terminal, returned by [`window_size`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WindowSize {
    /// How many characters a line has. Zero if the terminal does not say.
    pub columns: u16,
    /// How many lines there are. Zero if the terminal does not say.
    pub rows: u16,
    /// The width in pixels. Zero if the terminal does not say.
    pub width: u16,
    /// The height in pixels. Zero if the terminal does not say.
    pub height: u16,
}

/// Returns the size of the window of a terminal.
///
/// # Errors
///
/// Returns the error `ENOTTY` if it is no terminal.
///
/// # Examples
///
/// ```
/// use quintet::io;
///
/// let width = io::window_size(io::stdout()).map_or(80, |size| size.columns);
/// println!("{}", "-".repeat(width.into()));
/// ```
pub fn window_size(terminal: impl AsFd) -> io::Result<WindowSize> {
    match tcgetwinsize(terminal) {
        Ok(size) => Ok(WindowSize {
            columns: size.ws_col,
            rows: size.ws_row,
            width: size.ws_xpixel,
            height: size.ws_ypixel,
        }),
        Err(error) => Err(cannot("get the size of the terminal", error.into())),
    }
}

/// Returns a stream of the changes of the size of the window of a terminal, from now on.
///
/// The terminal must be the controlling one of this process, which is told of a change by SIGWINCH
/// while it is in the foreground.
///
/// # Errors
///
/// Returns the errors of [`window_size`], those of [`signal`], and an error if descriptors have run
/// out.
///
/// # Examples
///
/// ```no_run
/// use quintet::io;
///
/// # quintet::block_on(async {
/// let mut changes = io::window_changes(io::stdout())?;
/// loop {
///     let size = changes.changed().await?;
///     println!("{} x {}", size.columns, size.rows);
/// }
/// # #[allow(unreachable_code)]
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn window_changes(terminal: impl AsFd) -> io::Result<WindowChanges> {
    // Before the size, so that no change is missed.
    let signal = signal(SignalKind::window_change())?;
    let terminal = terminal.as_fd().try_clone_to_owned()?;
    Ok(WindowChanges {
        size: window_size(&terminal)?,
        terminal,
        signal,
    })
}

/// A stream of the changes of the size of a window, returned by [`window_changes`]. It never ends.
///
/// Changes that come together are reported as one, and one that is undone at once is not reported.
/// Like a [`Signal`], the stream belongs to the loop on which it is first polled.
#[derive(Debug)]
#[must_use = "streams do nothing unless they are polled"]
pub struct WindowChanges {
    terminal: OwnedFd,
    signal: Signal,
    /// The size that was reported last.
    size: WindowSize,
}

impl WindowChanges {
    /// Waits until the size is another one than before, and returns it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`window_size`], for example if the terminal has hung up, and an error
    /// of kind [`Other`](io::ErrorKind::Other) if no loop is current or if the stream belongs to
    /// another loop.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no change is lost.
    pub async fn changed(&mut self) -> io::Result<WindowSize> {
        poll_fn(|cx| self.poll_changed(cx)).await
    }

    /// Polls for the next change.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`changed`](WindowChanges::changed).
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<WindowSize>> {
        loop {
            ready!(self.signal.poll_received(cx))?;
            let size = window_size(&self.terminal)?;
            if size != self.size {
                self.size = size;
                return Poll::Ready(Ok(size));
            }
        }
    }

    /// Returns the size that was reported last, or that of the window when this was created.
    pub fn size(&self) -> WindowSize {
        self.size
    }

    /// Keeps the runtime alive while a task waits for this stream. This is the default.
    ///
    /// It reverses [`unref`](WindowChanges::unref). Both may be called from any thread, any number
    /// of times; the last call counts. See [`Runtime::run`](crate::runtime::Runtime::run).
    pub fn ref_(&self) {
        self.signal.ref_();
    }

    /// Allows the runtime to end even while a task waits for this stream.
    pub fn unref(&self) {
        self.signal.unref();
    }

    /// Returns whether the stream keeps the runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.signal.has_ref()
    }
}

impl Stream for WindowChanges {
    type Item = io::Result<WindowSize>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_changed(cx).map(Some)
    }
}

assert_impl!(WindowChanges: Send + Sync + Unpin);
