//! Handles of standard output and standard error.

use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::io::AsyncWrite;

use super::channel::LoopChannel;
use super::output::{OutputStream, QueuedWrite, STDERR, STDOUT};
use crate::blocking::called_here;
use crate::coop;

/// Returns a handle of standard output.
///
/// There may be any number of handles, on any number of loops.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// quintet::io::stdout().write_all(b"hello\n").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn stdout() -> Stdout {
    Stdout {
        stream: io::stdout(),
        channel: None,
        queued: None,
    }
}

/// Returns a handle of standard error.
///
/// There may be any number of handles, on any number of loops.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// quintet::io::stderr().write_all(b"that did not work\n").await?;
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn stderr() -> Stderr {
    Stderr {
        stream: io::stderr(),
        channel: None,
        queued: None,
    }
}

/// A handle of standard output, returned by [`stdout`].
///
/// It implements [`AsyncWrite`].
///
/// # What is written when
///
/// Nothing is buffered in this process. When a write has completed, the OS has the bytes, so they
/// are written whatever the program does next: it may return from `main`, exit or panic. A flush
/// does nothing. Many small writes are better put into a
/// [`BufWriter`](crate::io::BufWriter), which must be flushed.
///
/// `println!` has a buffer of its own, whose lines are written when they end. It blocks the thread,
/// and with it the loop, while a pipe is full or a terminal is stopped.
///
/// # The order of writes
///
/// [`write`](Stdout::write) and [`write_all`](Stdout::write_all) of one loop take turns, in the
/// order in which they are first polled: what `write_all` writes is not mixed with what other tasks
/// write by these methods. The methods of `AsyncWrite` do not wait for their turn.
///
/// # How it is written
///
/// As [standard input is read](super::Stdin#how-it-is-read): the description is not made
/// non-blocking, and a stream that another process has made non-blocking is written as well. On
/// Linux, pipes, sockets and terminals are written by the loop, and plain files by jobs; where a
/// write cannot be told not to block, a thread writes up to 4 KiB at once. If standard output is
/// closed, or not open for writing, what is written is discarded, as in the standard library.
///
/// A write to a pipe or socket that nothing reads returns an error of kind
/// [`BrokenPipe`](io::ErrorKind::BrokenPipe). Rust programs ignore SIGPIPE; one that has restored
/// its default action is ended by it, except where standard output is a socket on Linux.
///
/// # Keeping the runtime alive
///
/// A task that waits to write keeps its runtime alive; see [`unref`](Stdout::unref). A shutdown
/// waits only for a write to a plain file that has begun.
pub struct Stdout {
    stream: io::Stdout,
    /// That of the loop on which it was last used.
    channel: Option<Arc<LoopChannel>>,
    /// The write that a trait caller waits for.
    queued: Option<QueuedWrite>,
}

/// A handle of standard error, returned by [`stderr`].
///
/// It implements [`AsyncWrite`]. All that is said of [`Stdout`] holds for it. Standard output and
/// standard error need not be in order even if they are the same terminal or pipe, unless a write
/// to one is awaited before the next to the other.
pub struct Stderr {
    stream: io::Stderr,
    /// That of the loop on which it was last used.
    channel: Option<Arc<LoopChannel>>,
    /// The write that a trait caller waits for.
    queued: Option<QueuedWrite>,
}

macro_rules! impl_output_handle {
    ($handle:ident, $output:ident, $stream:literal) => {
        impl $handle {
            /// Writes some bytes of `buf` and returns how many, waiting until there is room.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call, of kind
            /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) if nothing reads what is written, an error
            /// of kind [`Other`](io::ErrorKind::Other) if no loop is current, or an error if
            /// descriptors or memory have run out.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it completes, nothing was written where the loop
            /// writes. A job or a thread that has begun to write goes on.
            #[track_caller]
            pub fn write(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
                called_here(async move {
                    let channel = $output.channel(&mut self.channel)?;
                    let _turn = channel.turn().await;
                    write_some(&$output, &channel, buf).await
                })
            }

            /// Writes all of `buf`, in one piece among what others write by these methods on this
            /// loop.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`write`](Self::write). Some of `buf` may have been written
            /// then.
            ///
            /// # Cancel safety
            ///
            /// This method is not cancel safe. If the future is dropped before it completes, some
            /// of `buf` may have been written, but it is not known how much.
            #[track_caller]
            pub fn write_all(&mut self, buf: &[u8]) -> impl Future<Output = io::Result<()>> {
                called_here(async move {
                    let channel = $output.channel(&mut self.channel)?;
                    let _turn = channel.turn().await;
                    let mut rest = buf;
                    loop {
                        let len = write_some(&$output, &channel, rest).await?;
                        rest = &rest[len..];
                        if rest.is_empty() {
                            return Ok(());
                        }
                        if len == 0 {
                            return Err(io::ErrorKind::WriteZero.into());
                        }
                    }
                })
            }

            #[doc = concat!("Returns whether ", $stream, " is a terminal.")]
            pub fn is_terminal(&self) -> bool {
                self.stream.is_terminal()
            }

            #[doc = concat!("Keeps the runtime alive while a task waits to write to ", $stream, ".")]
            /// This is the default.
            ///
            /// It reverses [`unref`](Self::unref). Both are about the stream, not about this
            /// handle: they count for all handles of the process. They may be called from any
            /// thread, any number of times; the last call counts. See
            /// [`Runtime::run`](crate::runtime::Runtime::run).
            pub fn ref_(&self) {
                $output.channels.set_ref(true);
            }

            #[doc = concat!(
                "Allows the runtime to end even while a task waits to write to ", $stream, "."
            )]
            pub fn unref(&self) {
                $output.channels.set_ref(false);
            }

            #[doc = concat!("Returns whether ", $stream, " keeps the runtime alive while a task")]
            /// waits to write to it.
            pub fn has_ref(&self) -> bool {
                $output.channels.is_ref()
            }
        }

        /// A caller that gives up a write, and begins another one with other data, may have written
        /// both where a job or a thread writes.
        impl AsyncWrite for $handle {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                if buf.is_empty() {
                    return coop::poll_operate(cx).map(|()| Ok(0));
                }
                let this = self.get_mut();
                let known = this.channel.as_ref().map(Arc::as_ptr);
                let channel = $output.channel(&mut this.channel)?;
                if known != Some(Arc::as_ptr(&channel)) {
                    // Its job is awaited on its own loop.
                    this.queued = None;
                }
                $output.poll_write(cx, &channel, buf, &mut this.queued)
            }

            /// Does nothing: there is no buffer in this process.
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                coop::poll_operate(cx).map(Ok)
            }

            /// Does nothing, as in tokio: the stream belongs to the process.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                coop::poll_operate(cx).map(Ok)
            }
        }

        impl AsFd for $handle {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.stream.as_fd()
            }
        }

        impl AsRawFd for $handle {
            fn as_raw_fd(&self) -> RawFd {
                self.stream.as_raw_fd()
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle)).finish_non_exhaustive()
            }
        }

        assert_impl!($handle: Send + Sync + Unpin);
    };
}

impl_output_handle!(Stdout, STDOUT, "standard output");
impl_output_handle!(Stderr, STDERR, "standard error");

async fn write_some(
    output: &'static OutputStream,
    channel: &LoopChannel,
    buf: &[u8],
) -> io::Result<usize> {
    if buf.is_empty() {
        coop::operate().await;
        return Ok(0);
    }
    output.write(channel, buf).await
}
