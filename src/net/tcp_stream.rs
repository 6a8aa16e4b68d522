//! A TCP connection.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use super::addr::{self, ToSocketAddrs};
use super::socket::{self, UnlessEmpty};
use super::tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::blocking::called_here;
use crate::coop;
use crate::io::source::{OpOutput, Source};
use crate::phase::poll::Direction;

/// A TCP connection.
///
/// It implements the I/O traits of `futures`, also by reference, so that one task may read while
/// another writes; and the common operations as methods of its own, which take `&self`.
///
/// Dropping it closes the connection.
///
/// # Examples
///
/// ```
/// use quintet::net::{TcpListener, TcpStream};
///
/// # quintet::block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _) = listener.accept().await?;
///
/// client.write_all(b"ping").await?;
/// let mut buf = [0; 16];
/// let n = server.read(&mut buf).await?;
/// assert_eq!(&buf[..n], b"ping");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub struct TcpStream {
    source: Source<std::net::TcpStream>,
}

impl TcpStream {
    /// Connects to the first of the addresses that accepts the connection.
    ///
    /// # Errors
    ///
    /// Returns the error for the last of the addresses, which it names:
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused),
    /// [`TimedOut`](io::ErrorKind::TimedOut) and others. The OS's error is its
    /// [`source`](std::error::Error::source). Returns the errors of the look-up of a name, too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the connection.
    #[track_caller]
    pub fn connect(addr: impl ToSocketAddrs) -> impl Future<Output = io::Result<Self>> {
        called_here(async move { addr::on_any("connect to", addr, TcpStream::connect_to).await })
    }

    async fn connect_to(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::from_connected(socket::start_connect(addr)?);
        let connecting = stream.source.operate(Direction::Write, is_connected);
        connecting.await?;
        Ok(stream)
    }

    /// Takes over a non-blocking socket.
    pub(super) fn from_connected(stream: std::net::TcpStream) -> Self {
        TcpStream {
            source: Source::new(stream),
        }
    }

    /// Takes over a stream of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream::from_connected(stream))
    }

    /// Lets it keep its runtime alive again while a task waits for it, which it does from the start;
    /// see [`Runtime::run`](crate::runtime::Runtime::run).
    ///
    /// Like `unref` this may be called on any thread, and any number of times.
    pub fn ref_(&self) {
        self.source.set_ref(true);
    }

    /// Lets the runtime end though a task waits for this.
    pub fn unref(&self) {
        self.source.set_ref(false);
    }

    /// Returns whether it keeps its runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.source.is_ref()
    }

    /// Takes it from its loop. The stream is still non-blocking.
    ///
    /// # Errors
    ///
    /// None at present.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        Ok(self.source.into_inner())
    }

    /// Reads what is there, at least one byte; 0 means that the other end has finished, or that
    /// `buf` is empty.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no data.
    pub fn read(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self
            .source
            .operate(Direction::Read, move |stream| read(stream, buf));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Reads into several buffers, one after the other; see [`read`](TcpStream::read).
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn read_vectored(
        &self,
        bufs: &mut [IoSliceMut<'_>],
    ) -> impl Future<Output = io::Result<usize>> {
        let is_empty = bufs.iter().all(|buf| buf.is_empty());
        let operation = self
            .source
            .operate(Direction::Read, move |stream| read_vectored(stream, bufs));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Reads exactly as much as `buf` holds.
    ///
    /// # Errors
    ///
    /// The OS's; [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the other end finishes first.
    ///
    /// # Cancel safety
    ///
    /// None: what was read is lost with the future.
    pub fn read_exact(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        let wanted = buf.len();
        let mut filled = 0;
        self.source
            .operate_until_done(Direction::Read, wanted == 0, move |stream| {
                let output = read(stream, &mut buf[filled..])?;
                if output.value == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                filled += output.value;
                Ok(output.map(|_| filled == wanted))
            })
    }

    /// Reads what is there and leaves it there.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no data.
    pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self.source.operate(Direction::Read, move |stream| {
            stream.peek(buf).map(OpOutput::new)
        });
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes as much of `buf` as the OS takes, and returns how much.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it has answered has written nothing.
    pub fn write(&self, buf: &[u8]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = buf.is_empty();
        let operation = self
            .source
            .operate(Direction::Write, move |stream| write(stream, buf));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes from several buffers, one after the other; see [`write`](TcpStream::write).
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> {
        let is_empty = bufs.iter().all(|buf| buf.is_empty());
        let operation = self
            .source
            .operate(Direction::Write, move |stream| write_vectored(stream, bufs));
        UnlessEmpty::new(is_empty, operation)
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// The OS's; [`WriteZero`](io::ErrorKind::WriteZero) if it takes nothing.
    ///
    /// # Cancel safety
    ///
    /// None: how much was written is lost with the future.
    pub fn write_all(&self, mut buf: &[u8]) -> impl Future<Output = io::Result<()>> {
        self.source
            .operate_until_done(Direction::Write, buf.is_empty(), move |stream| {
                let output = write(stream, buf)?;
                if output.value == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                buf = &buf[output.value..];
                Ok(output.map(|_| buf.is_empty()))
            })
    }

    /// Waits until there may be something to read, or the other end has finished.
    ///
    /// It is a hint: [`try_read`](TcpStream::try_read) may still say that it would block.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        self.source.ready(Direction::Read)
    }

    /// Waits until something may be written.
    ///
    /// It is a hint: [`try_write`](TcpStream::try_write) may still say that it would block.
    ///
    /// # Errors
    ///
    /// The OS's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        self.source.ready(Direction::Write)
    }

    /// Reads if there is something to read.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is nothing; the OS's.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Read, |stream| read(stream, buf))
    }

    /// Writes if the OS takes something now.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if it does not; the OS's.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.source
            .try_operate(Direction::Write, |stream| write(stream, buf))
    }

    /// Shuts one or both directions down. Shutting down the write side is how the other end gets to
    /// know that there will be no more.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get().shutdown(how)
    }

    /// Closes the connection, both directions of it. The descriptor is closed at once; this ends in
    /// the close phase of the tick.
    pub async fn close(self) {
        self.source.close().await;
    }

    /// Marks it as closed though others still hold it; see `OwnedWriteHalf::close`.
    pub(super) fn end_operations(&self) {
        self.source.end_operations();
    }

    /// Borrows the two directions, for one task to use both at a time.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf::new(self), WriteHalf::new(self))
    }

    /// Splits it into two halves that can go to different tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        super::tcp::split(self)
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().local_addr()
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get().peer_addr()
    }

    /// Returns whether small writes are sent at once.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.source.get().nodelay()
    }

    /// Sets whether small writes are sent at once, and not held back to be sent together.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get().set_nodelay(nodelay)
    }

    /// Returns how long closing waits for unsent data, if it does.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Sets how long closing waits for unsent data. Zero drops it and resets the connection. While
    /// it waits the closing thread is blocked, so nothing else is of use on a loop.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn set_linger(&self, duration: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(duration)
    }

    /// Returns the time to live of packets that it sends.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.source.get().ttl()
    }

    /// Sets the time to live of packets that it sends.
    ///
    /// # Errors
    ///
    /// The OS's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.source.get().set_ttl(ttl)
    }

    /// Takes the error that the OS has noted for this socket.
    ///
    /// # Errors
    ///
    /// The OS's, of asking.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.source.get().take_error()
    }
}

/// Whether a socket that began to connect has done so.
fn is_connected(stream: &std::net::TcpStream) -> io::Result<OpOutput<()>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(OpOutput::new(())),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(error) => Err(error),
    }
}

fn read(mut stream: &std::net::TcpStream, buf: &mut [u8]) -> io::Result<OpOutput<usize>> {
    Ok(OpOutput::moved(stream.read(buf)?, buf.len()))
}

fn read_vectored(
    mut stream: &std::net::TcpStream,
    bufs: &mut [IoSliceMut<'_>],
) -> io::Result<OpOutput<usize>> {
    let batch = socket::io_batch(bufs);
    let bufs = &mut bufs[batch];
    let len = socket::total_len(bufs);
    Ok(OpOutput::moved(stream.read_vectored(bufs)?, len))
}

fn write(mut stream: &std::net::TcpStream, buf: &[u8]) -> io::Result<OpOutput<usize>> {
    Ok(OpOutput::moved(stream.write(buf)?, buf.len()))
}

fn write_vectored(
    stream: &std::net::TcpStream,
    bufs: &[IoSlice<'_>],
) -> io::Result<OpOutput<usize>> {
    let bufs = &bufs[socket::io_batch(bufs)];
    Ok(OpOutput::moved(
        socket::send_vectored(stream, bufs)?,
        socket::total_len(bufs),
    ))
}

impl AsyncRead for &TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Read, |stream| read(stream, buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Read, |stream| read_vectored(stream, bufs))
    }
}

impl AsyncWrite for &TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Write, |stream| write(stream, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return socket::poll_empty(cx);
        }
        self.source
            .poll_operate(cx, Direction::Write, |stream| write_vectored(stream, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What has been written is with the OS.
        coop::poll_operate(cx).map(Ok)
    }

    /// Shuts the write side down.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(coop::poll_operate(cx));
        Poll::Ready(ignore_not_connected(self.shutdown(Shutdown::Write)))
    }
}

/// The other end may have gone first: then there is nothing to shut down.
fn ignore_not_connected(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result,
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_read_vectored(cx, bufs)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut &*self).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_flush(cx)
    }

    /// Shuts the write side down; [`TcpStream::close`] closes the whole connection.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self).poll_close(cx)
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.get().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.source.get().as_raw_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

assert_impl!(TcpStream: Send + Sync + Unpin);
