//! A stream for hyper that fails if the client reads nothing for too long.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use quintet::time::{Sleep, sleep};

/// The minimum time that a client may accept no data.
///
/// The kernel of a slow reader does not announce each byte of free space, but waits until a large
/// part of the buffer is free. With a buffer of 64 KiB and 2 kB per second that takes half a
/// minute.
const STALL_MIN: Duration = Duration::from_secs(90);

/// The maximum time that a client may accept no data after it has accepted much. Some clients, such
/// as curl, limit their rate by reading hundreds of kilobytes at once, and then nothing for
/// minutes.
const STALL_MAX: Duration = Duration::from_secs(600);

/// Each time that the client has accepted this many bytes, it may pause for one second longer.
const BYTES_PER_SECOND: u64 = 1024;

/// The first bytes do not extend the pause, since buffers accept them even if the client reads
/// nothing.
const BUFFERED_MAX: u64 = 256 * 1024;

/// See the [module](self).
pub(crate) struct PatientStream<S> {
    stream: S,
    /// The minimum time that the client may accept no data.
    patience: Duration,
    /// The number of bytes that have been accepted.
    accepted: u64,
    /// The timeout of a write that is pending.
    stalled: Option<Sleep>,
}

impl<S: Read + Write + Unpin> PatientStream<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        PatientStream {
            stream,
            patience: patience.max(STALL_MIN),
            accepted: 0,
            stalled: None,
        }
    }

    /// Returns how long the client may accept no data from now on.
    fn patience(&self) -> Duration {
        let read = self.accepted.saturating_sub(BUFFERED_MAX);
        let pause = Duration::from_secs(read / BYTES_PER_SECOND);
        self.patience.max(pause.min(STALL_MAX))
    }

    /// Returns the result of a write, or an error if no write has been accepted for too long.
    fn watch(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = &poll {
            self.stalled = None;
            self.accepted += *result.as_ref().unwrap_or(&0) as u64;
            return poll;
        }
        let patience = self.patience();
        let stalled = self.stalled.get_or_insert_with(|| sleep(patience));
        ready!(Pin::new(stalled).poll(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing");
        Poll::Ready(Err(error))
    }
}

impl<S: Read + Write + Unpin> Read for PatientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, cursor)
    }
}

impl<S: Read + Write + Unpin> Write for PatientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Waker;

    use futures::future::poll_immediate;
    use quintet::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A client that accepts as many bytes as the test allows, sends nothing, and does not
    /// disconnect.
    #[derive(Clone, Default)]
    struct Fake {
        room: Rc<Cell<usize>>,
        waker: Rc<RefCell<Option<Waker>>>,
    }

    impl Fake {
        fn take(&self, bytes: usize) {
            self.room.set(bytes);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }

        fn patient(&self, patience: Duration) -> PatientStream<Self> {
            PatientStream::new(self.clone(), patience)
        }
    }

    impl Read for Fake {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl Write for Fake {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = self.room.take().min(bytes.len());
            if taken == 0 {
                self.waker.replace(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn write(stream: &mut PatientStream<Fake>, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await
    }

    /// Waits until a write times out, and returns how long that took.
    async fn until_timeout(stream: &mut PatientStream<Fake>) -> Duration {
        let start = Instant::now();
        let error = write(stream, b"x").await.expect_err("no byte is accepted");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        start.elapsed()
    }

    #[quintet::test(start_paused)]
    async fn a_slow_reader_does_not_time_out() {
        let fake = Fake::default();
        let mut stream = fake.patient(PATIENCE);
        let start = Instant::now();
        let reader = quintet::spawn({
            let fake = fake.clone();
            async move {
                for _ in 0..100 {
                    sleep(STALL_MIN - Duration::from_secs(1)).await;
                    fake.take(2000);
                }
            }
        });
        for _ in 0..100 {
            let written = write(&mut stream, &[0; 2000]).await;
            assert_eq!(written.expect("it does not time out"), 2000);
        }
        reader.await.expect("it does not panic");
        assert!(start.elapsed() > Duration::from_secs(2 * 60 * 60));
        assert_eq!(until_timeout(&mut stream).await, STALL_MIN);
    }

    /// The client reads much at once, and then pauses as long as reading at 2 kB per second takes.
    #[quintet::test(start_paused)]
    async fn a_client_that_reads_in_bursts_does_not_time_out() {
        let fake = Fake::default();
        let mut stream = fake.patient(PATIENCE);
        let chunk = vec![0; 1 << 20];
        for (burst, pause) in [
            (450_000, 180),
            (450_000, 225),
            (200_000, 100),
            (1 << 20, 524),
        ] {
            fake.take(burst);
            let written = write(&mut stream, &chunk).await;
            assert_eq!(written.expect("there is room"), burst);
            let mut next = Box::pin(write(&mut stream, b"x"));
            assert!(poll_immediate(next.as_mut()).await.is_none());
            sleep(Duration::from_secs(pause)).await;
            fake.take(1);
            next.await.expect("it does not time out");
        }
        assert_eq!(until_timeout(&mut stream).await, STALL_MAX);
    }

    /// Bytes that only fill buffers do not show that the client reads.
    #[quintet::test(start_paused)]
    async fn a_full_buffer_does_not_extend_the_pause() {
        let fake = Fake::default();
        let mut stream = fake.patient(PATIENCE);
        fake.take(BUFFERED_MAX as usize + 1);
        let written = write(&mut stream, &vec![0; 1 << 20]).await;
        assert_eq!(written.expect("there is room") as u64, BUFFERED_MAX + 1);
        assert_eq!(until_timeout(&mut stream).await, STALL_MIN);
    }

    #[quintet::test(start_paused)]
    async fn a_client_that_reads_nothing_times_out() {
        for (patience, expected) in [
            (Duration::ZERO, STALL_MIN),
            (PATIENCE, STALL_MIN),
            (2 * STALL_MIN, 2 * STALL_MIN),
        ] {
            let mut stream = Fake::default().patient(patience);
            assert_eq!(until_timeout(&mut stream).await, expected);
        }
    }

    /// Time in which there is nothing to write does not count.
    #[quintet::test(start_paused)]
    async fn an_accepted_write_restarts_the_timeout() {
        let fake = Fake::default();
        let mut stream = fake.patient(PATIENCE);
        let pending = poll_immediate(Box::pin(write(&mut stream, b"x"))).await;
        assert!(pending.is_none());
        sleep(STALL_MIN - Duration::from_secs(1)).await;
        fake.take(1);
        write(&mut stream, b"x").await.expect("it is accepted");
        sleep(10 * STALL_MIN).await;
        assert_eq!(until_timeout(&mut stream).await, STALL_MIN);
    }
}
