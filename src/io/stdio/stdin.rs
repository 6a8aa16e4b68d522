//! Handles of standard input.

use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncBufRead, AsyncRead};

use super::channel::LoopChannel;
use super::input::{self, Demand, INPUT, LINE_READ, ReadJob};
use super::lines::Lines;
use super::read_ahead::ReadAhead;
use crate::blocking::called_here;
use crate::coop;

/// One read moves at most so many bytes: as many as a pipe holds.
const READ_MAX: usize = 64 * 1024;

/// Returns a handle of standard input.
///
/// There may be any number of handles, on any number of loops. All share one buffer, which belongs
/// to the process: what one has read ahead is there for the next one.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
///
/// use quintet::{io, select, time};
///
/// #[quintet::main]
/// async fn main() -> io::Result<()> {
///     let mut lines = io::stdin().lines();
///     loop {
///         select! {
///             line = lines.next_line() => match line? {
///                 Some(line) => println!("{line}"),
///                 None => return Ok(()),
///             },
///             () = time::sleep(Duration::from_secs(5)) => println!("still there?"),
///         }
///     }
/// }
/// ```
pub fn stdin() -> Stdin {
    Stdin {
        stream: io::stdin(),
        channel: None,
        claimed: ReadAhead::new(),
        job: None,
    }
}

/// A handle of standard input, returned by [`stdin`].
///
/// It implements [`AsyncRead`] and [`AsyncBufRead`]. Its own methods are cancel safe, which those
/// of the extension traits of these names are not: [`read_line`](Stdin::read_line),
/// [`lines`](Stdin::lines).
///
/// # What is read ahead
///
/// [`read`](Stdin::read) reads no more than it returns. The methods for lines, and those of
/// `AsyncBufRead`, read up to 8 KiB at once. What they have read and not returned stays in the
/// buffer of the process, which all handles share, so a handle can be dropped at any time. The
/// buffer of [`std::io::stdin`] is another one, and a child that inherits standard input does not
/// get what has been read ahead either. From a terminal, a read gets one line at most, so nothing
/// is read ahead there unless it is in raw mode.
///
/// A task that waits takes nothing: whatever reads after it, the standard library or a child,
/// receives the next line. So a program can end, or return from `block_on`, while a task waits.
///
/// # How it is read
///
/// The description of standard input belongs to the parent and to children, too, and is not made
/// non-blocking.
///
/// | standard input is | on Linux | on other Unixes |
/// |---|---|---|
/// | a socket | calls with the flag `DONTWAIT`; the poller says when it is readable | likewise |
/// | a pipe | calls with the flag `NOWAIT`, and the poller | a thread, which waits by `poll` |
/// | a FIFO, or a pipe of an older kernel | it is opened again, non-blocking | a thread |
/// | a terminal | it is opened again, non-blocking | a thread |
/// | a file, a directory, `/dev/null` | jobs | jobs |
///
/// If a terminal or FIFO cannot be opened again, because it belongs to another user, or because
/// there is no `/proc`, the thread reads it. No shutdown waits for that thread. If standard input
/// is closed, or not open for reading, it is at its end, as in the standard library.
///
/// # The end
///
/// Each read at the end resolves to 0 bytes, or to no line. It need not be for good: after Ctrl-D
/// in a terminal, the next read waits for the next line.
///
/// # Terminals in the background
///
/// A process in the background that reads from its terminal is stopped by SIGTTIN. Here this
/// happens when a read begins, or when something has been typed while it waits. If SIGTTIN is
/// ignored, the read returns an error (`EIO`).
///
/// # Keeping the runtime alive
///
/// A task that waits for standard input keeps its runtime alive; see [`unref`](Stdin::unref).
pub struct Stdin {
    stream: io::Stdin,
    /// That of the loop on which it was last used.
    channel: Option<Arc<LoopChannel>>,
    /// What `poll_fill_buf` has taken from the buffer of the process.
    claimed: ReadAhead,
    /// The job that a trait caller waits for.
    job: ReadJob,
}

impl Stdin {
    /// Reads some bytes into `buf` and returns how many, waiting until there is at least one. It
    /// resolves to 0 at the end, or if `buf` is empty.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, an error of kind [`Other`](io::ErrorKind::Other) if no
    /// loop is current, or an error if descriptors or memory have run out.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data is lost.
    #[track_caller]
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        called_here(self.run(Bytes { buf }))
    }

    /// Reads a line, and appends it to `line`, with its end `\n`. Returns how many bytes it has
    /// read.
    ///
    /// The last line need not have an end. At the end of the input it resolves to 0.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](Stdin::read), and an error of kind
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the line is not valid UTF-8. That line is
    /// skipped then.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no data is lost,
    /// and `line` has not changed. The method of the same name of
    /// [`AsyncBufReadExt`](crate::io::AsyncBufReadExt) is not.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # quintet::block_on(async {
    /// let mut name = String::new();
    /// quintet::io::stdin().read_line(&mut name).await?;
    /// println!("hello {}", name.trim_end());
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn read_line(&mut self, line: &mut String) -> impl Future<Output = io::Result<usize>> {
        called_here(async move {
            let read = self.run(Line).await?;
            let text = String::from_utf8(read).map_err(not_text)?;
            line.push_str(&text);
            Ok(text.len())
        })
    }

    /// Returns the lines, without their ends, as a stream that ends at the end of the input.
    ///
    /// The stream can be created again and again, because it has no buffer of its own.
    pub fn lines(self) -> Lines {
        Lines::new(self)
    }

    /// Reads a line without its end: `\n` or `\r\n`. `None` at the end.
    pub(super) async fn next_line(&mut self) -> io::Result<Option<String>> {
        let line = self.run(Line).await?;
        line_of(line)
    }

    #[inline]
    pub(super) fn poll_next_line(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        self.put_back();
        let line = ready!(self.poll(cx, &mut Line))?;
        Poll::Ready(line_of(line))
    }

    async fn run<D: Demand>(&mut self, demand: D) -> io::Result<D::Output> {
        self.put_back();
        let channel = INPUT.channel(&mut self.channel)?;
        input::run(&channel, demand).await
    }

    fn poll<D: Demand>(
        &mut self,
        cx: &mut Context<'_>,
        demand: &mut D,
    ) -> Poll<io::Result<D::Output>> {
        let known = self.channel.as_ref().map(Arc::as_ptr);
        let channel = INPUT.channel(&mut self.channel)?;
        if known != Some(Arc::as_ptr(&channel)) {
            // It is awaited on its own loop.
            self.job = None;
        }
        input::poll(cx, &channel, &mut self.job, demand)
    }

    fn put_back(&mut self) {
        INPUT.put_back(&mut self.claimed);
    }

    /// Returns whether standard input is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.stream.is_terminal()
    }

    /// Keeps the runtime alive while a task waits for standard input. This is the default.
    ///
    /// It reverses [`unref`](Stdin::unref). Both are about standard input, not about this handle:
    /// they count for all handles of the process. They may be called from any thread, any number of
    /// times; the last call counts. See [`Runtime::run`](crate::runtime::Runtime::run).
    pub fn ref_(&self) {
        INPUT.channels.set_ref(true);
    }

    /// Allows the runtime to end even while a task waits for standard input.
    pub fn unref(&self) {
        INPUT.channels.set_ref(false);
    }

    /// Returns whether standard input keeps the runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        INPUT.channels.is_ref()
    }
}

/// Some bytes.
struct Bytes<'a> {
    buf: &'a mut [u8],
}

impl Demand for Bytes<'_> {
    type Output = usize;

    fn take(&mut self, data: &mut ReadAhead) -> Option<(usize, usize)> {
        if data.is_empty() && !self.buf.is_empty() {
            return None;
        }
        Some(self.end(data))
    }

    fn end(&mut self, data: &mut ReadAhead) -> (usize, usize) {
        let len = self.buf.len().min(data.as_slice().len());
        self.buf[..len].copy_from_slice(&data.as_slice()[..len]);
        data.consume(len);
        (len, len)
    }

    fn limit(&self) -> usize {
        self.buf.len().min(READ_MAX)
    }
}

/// A line with its end.
struct Line;

impl Demand for Line {
    type Output = Vec<u8>;

    fn take(&mut self, data: &mut ReadAhead) -> Option<(Vec<u8>, usize)> {
        let len = data.line_len()?;
        let line = data.as_slice()[..len].to_vec();
        data.consume(len);
        Some((line, len))
    }

    fn end(&mut self, data: &mut ReadAhead) -> (Vec<u8>, usize) {
        let line = data.as_slice().to_vec();
        let len = line.len();
        data.consume(len);
        (line, len)
    }

    fn limit(&self) -> usize {
        LINE_READ
    }
}

/// All that there is, as a buffer of its own.
struct Claim<'a> {
    claimed: &'a mut ReadAhead,
}

impl Demand for Claim<'_> {
    type Output = ();

    fn take(&mut self, data: &mut ReadAhead) -> Option<((), usize)> {
        if data.is_empty() {
            return None;
        }
        std::mem::swap(self.claimed, data);
        Some(((), self.claimed.as_slice().len()))
    }

    fn end(&mut self, data: &mut ReadAhead) -> ((), usize) {
        self.take(data).unwrap_or(((), 0))
    }

    fn limit(&self) -> usize {
        LINE_READ
    }
}

/// Returns a line without its end; `None` if there is none.
fn line_of(mut line: Vec<u8>) -> io::Result<Option<String>> {
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    String::from_utf8(line).map(Some).map_err(not_text)
}

fn not_text(error: std::string::FromUtf8Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl AsyncRead for Stdin {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.put_back();
        self.poll(cx, &mut Bytes { buf })
    }
}

/// What `fill_buf` has returned belongs to this handle until it is consumed, or until the handle is
/// used otherwise or dropped. Other handles read what follows.
impl AsyncBufRead for Stdin {
    #[inline]
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.claimed.is_empty() {
            let mut claimed = ReadAhead::new();
            let demand = &mut Claim {
                claimed: &mut claimed,
            };
            ready!(this.poll(cx, demand))?;
            this.claimed = claimed;
        } else {
            ready!(coop::poll_operate(cx));
        }
        Poll::Ready(Ok(this.claimed.as_slice()))
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.claimed.consume(amount);
        self.put_back();
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        self.put_back();
    }
}

impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

assert_impl!(Stdin: Send + Sync + Unpin);
