//! The two halves of any stream that is read and written.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures::io::{AsyncRead, AsyncWrite};

use crate::context;
use crate::primitive::lock;
use crate::sync::wake;

/// Splits a stream into a half that reads and a half that writes.
///
/// The halves are `Send` if the stream is. They may be used by different tasks, also of different
/// threads: one waits while the other is being polled. [`unsplit`](ReadHalf::unsplit) returns the
/// stream.
///
/// A half that is dropped does not close its direction. The stream is dropped with the second half.
///
/// Streams of this crate have cheaper halves of their own, such as
/// [`TcpStream::into_split`](crate::net::TcpStream::into_split).
///
/// # Examples
///
/// ```
/// use quintet::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
///
/// # quintet::block_on(async {
/// let (near, far) = duplex(64);
/// let (mut reader, mut writer) = split(near);
/// // Echoes what the other end sends.
/// let echo = quintet::spawn(async move {
///     quintet::io::copy(&mut reader, &mut writer).await?;
///     writer.close().await
/// });
///
/// let (mut reader, mut writer) = split(far);
/// writer.write_all(b"hello").await?;
/// writer.close().await?;
/// let mut echoed = String::new();
/// reader.read_to_string(&mut echoed).await?;
/// assert_eq!(echoed, "hello");
/// echo.await.unwrap()
/// # }).unwrap();
/// ```
pub fn split<T>(stream: T) -> (ReadHalf<T>, WriteHalf<T>)
where
    T: AsyncRead + AsyncWrite,
{
    let shared = Arc::new(SharedStream {
        state: Mutex::new(SplitState {
            stream: Some(Box::pin(stream)),
            waiting: None,
        }),
    });
    let read = ReadHalf {
        shared: Arc::clone(&shared),
    };
    (read, WriteHalf { shared })
}

/// The half of a stream that reads; returned by [`split`].
pub struct ReadHalf<T> {
    shared: Arc<SharedStream<T>>,
}

/// The half of a stream that writes; returned by [`split`].
pub struct WriteHalf<T> {
    shared: Arc<SharedStream<T>>,
}

struct SharedStream<T> {
    state: Mutex<SplitState<T>>,
}

/// The stream is taken out while a half polls it, so no user code runs under the lock.
struct SplitState<T> {
    stream: Option<Pin<Box<T>>>,
    /// The half that has found the stream taken. The other half polls it, so there is only one.
    waiting: Option<Waker>,
}

impl<T> SharedStream<T> {
    /// Polls the stream, or waits until the other half has polled it.
    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let Some(stream) = self.take_or_wait(cx) else {
            context::waits_for(&"the other half of a stream");
            return Poll::Pending;
        };
        let mut taken = TakenStream {
            shared: self,
            stream: Some(stream),
        };
        match &mut taken.stream {
            Some(stream) => poll(stream.as_mut(), cx),
            None => unreachable!("only the destructor takes it"),
        }
    }

    fn take_or_wait(&self, cx: &Context<'_>) -> Option<Pin<Box<T>>> {
        if let Some(stream) = lock(&self.state).stream.take() {
            return Some(stream);
        }
        // Wakers are cloned and dropped without the lock, because they may be foreign.
        let mut waker = Some(cx.waker().clone());
        let mut state = lock(&self.state);
        let stream = state.stream.take();
        if stream.is_none() {
            std::mem::swap(&mut state.waiting, &mut waker);
        }
        drop(state);
        stream
    }

    fn restore(&self, stream: Option<Pin<Box<T>>>) {
        let mut state = lock(&self.state);
        state.stream = stream;
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waiting) = waiting {
            wake(waiting);
        }
    }
}

/// The stream while a half polls it. It is restored also if the poll panics.
struct TakenStream<'a, T> {
    shared: &'a SharedStream<T>,
    stream: Option<Pin<Box<T>>>,
}

impl<T> Drop for TakenStream<'_, T> {
    fn drop(&mut self) {
        self.shared.restore(self.stream.take());
    }
}

impl<T> ReadHalf<T> {
    /// Returns whether the two halves are of the same stream.
    pub fn is_pair_of(&self, other: &WriteHalf<T>) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Puts the two halves back together and returns the stream.
    ///
    /// # Panics
    ///
    /// Panics if the halves are not of the same stream, see [`is_pair_of`](Self::is_pair_of).
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::io::{duplex, split};
    ///
    /// let (stream, _other_end) = duplex(64);
    /// let (reader, writer) = split(stream);
    /// assert!(reader.is_pair_of(&writer));
    /// let _stream = reader.unsplit(writer);
    /// ```
    #[track_caller]
    pub fn unsplit(self, other: WriteHalf<T>) -> T
    where
        T: Unpin,
    {
        assert!(
            self.is_pair_of(&other),
            "the halves belong to different streams; `is_pair_of` tells which of them fit together"
        );
        drop(other);
        let stream = Arc::into_inner(self.shared).and_then(|shared| {
            let state = shared.state.into_inner();
            state.unwrap_or_else(PoisonError::into_inner).stream
        });
        match stream {
            Some(stream) => *Pin::into_inner(stream),
            None => unreachable!("a stream has two halves, and no half is polled"),
        }
    }
}

impl<T> WriteHalf<T> {
    /// Returns whether the two halves are of the same stream.
    pub fn is_pair_of(&self, other: &ReadHalf<T>) -> bool {
        other.is_pair_of(self)
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.shared.poll(cx, |stream, cx| stream.poll_read(cx, buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = |stream: Pin<&mut T>, cx: &mut Context<'_>| stream.poll_read_vectored(cx, bufs);
        self.shared.poll(cx, poll)
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.shared
            .poll(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = |stream: Pin<&mut T>, cx: &mut Context<'_>| stream.poll_write_vectored(cx, bufs);
        self.shared.poll(cx, poll)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll(cx, |stream, cx| stream.poll_close(cx))
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
