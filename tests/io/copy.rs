//! What `quintet::io` has of its own: copying, and readers and writers that need no system call.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, SeekFrom};
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use futures::future;
use quintet::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt, BufReader, IoSlice, copy, copy_bidirectional, copy_buf, empty, repeat, sink,
};
use quintet::task::{unconstrained, yield_now};
use quintet::time::{Duration, sleep};
use quintet::{block_on, spawn};

use crate::support::tcp::connection;
use crate::support::wakers::poll;

/// What one poll of a task may spend.
const UNITS: usize = 128;

/// What is copied at once.
const BUFFER_LEN: usize = 8 << 10;

// ------------------------------------------------------------------------------------ support

/// Bytes of which each says where it stands.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

/// A reader and writer in memory, of another crate: it is always ready, has no end, and charges
/// nothing.
#[derive(Clone, Default)]
struct Endless {
    read: Rc<Cell<usize>>,
    written: Rc<Cell<usize>>,
}

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.read.set(self.read.get() + buf.len());
        Poll::Ready(Ok(buf.len()))
    }
}

impl AsyncBufRead for Endless {
    fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        Poll::Ready(Ok(&[0; 100]))
    }

    fn consume(self: Pin<&mut Self>, n: usize) {
        self.read.set(self.read.get() + n);
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written.set(self.written.get() + buf.len());
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a scripted reader or writer does in a poll; after the last one it panics.
#[derive(Clone, Copy, Debug)]
enum Step {
    Gives(&'static [u8]),
    Takes(usize),
    Flushes,
    Closes,
    Waits,
    Fails(ErrorKind),
}

/// Follows a script, and writes down what it was given.
#[derive(Default)]
struct Script {
    steps: RefCell<VecDeque<Step>>,
    written: RefCell<Vec<u8>>,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Script {
            steps: RefCell::new(steps.into_iter().collect()),
            ..Script::default()
        }
    }

    fn next(&self, asked: &str) -> Step {
        let step = self.steps.borrow_mut().pop_front();
        step.unwrap_or_else(|| panic!("{asked} too often"))
    }

    fn is_through(&self) -> bool {
        self.steps.borrow().is_empty()
    }
}

impl AsyncRead for &Script {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.next("read") {
            Step::Gives(data) => {
                buf[..data.len()].copy_from_slice(data);
                Poll::Ready(Ok(data.len()))
            }
            Step::Waits => Poll::Pending,
            Step::Fails(kind) => Poll::Ready(Err(kind.into())),
            step => panic!("a read where the script says {step:?}"),
        }
    }
}

impl AsyncWrite for &Script {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.next("written") {
            Step::Takes(n) => {
                let n = n.min(buf.len());
                self.written.borrow_mut().extend_from_slice(&buf[..n]);
                Poll::Ready(Ok(n))
            }
            Step::Waits => Poll::Pending,
            Step::Fails(kind) => Poll::Ready(Err(kind.into())),
            step => panic!("a write where the script says {step:?}"),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.next("flushed") {
            Step::Flushes => Poll::Ready(Ok(())),
            Step::Waits => Poll::Pending,
            step => panic!("a flush where the script says {step:?}"),
        }
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.next("closed") {
            Step::Closes => Poll::Ready(Ok(())),
            Step::Waits => Poll::Pending,
            step => panic!("a close where the script says {step:?}"),
        }
    }
}

// ------------------------------------------------------------------------------------ copying

#[test]
fn all_is_copied_and_counted() {
    block_on(async {
        for len in [0, 1, BUFFER_LEN - 1, BUFFER_LEN, BUFFER_LEN + 1, 100_000] {
            let data = pattern(len);
            let mut written = Vec::new();
            let n = copy(&data[..], &mut written).await.unwrap();
            assert_eq!(n, len as u64);
            assert!(written == data, "{len}");

            let mut written = Vec::new();
            let reader = BufReader::with_capacity(100, &data[..]);
            let n = copy_buf(reader, &mut written).await.unwrap();
            assert_eq!(n, len as u64);
            assert!(written == data, "{len}");
        }

        // By reference, and where neither has a size that is known.
        let (mut reader, mut writer) = (&b"ab"[..], Vec::new());
        let reader: &mut (dyn AsyncRead + Unpin) = &mut reader;
        let writer: &mut (dyn AsyncWrite + Unpin) = &mut writer;
        assert_eq!(copy(reader, writer).await.unwrap(), 2);
    });
}

#[test]
fn a_reader_that_waits_has_the_writer_flushed_and_its_end_is_asked_for_once() {
    let reader = Script::new([
        Step::Gives(b"ask"),
        Step::Waits,
        Step::Waits,
        Step::Gives(b"more"),
        Step::Gives(b""),
    ]);
    let writer = Script::new([
        Step::Takes(3),
        // While the reader waits.
        Step::Waits,
        Step::Flushes,
        Step::Takes(1),
        Step::Waits,
        Step::Takes(100),
        // At the end.
        Step::Waits,
        Step::Flushes,
    ]);
    block_on(async {
        let mut writing = &writer;
        let mut copying = pin!(copy(&reader, &mut writing));
        for _ in 0..4 {
            assert!(poll!(copying.as_mut()).is_pending());
        }
        assert_eq!(copying.await.unwrap(), 7);
    });
    assert!(reader.is_through() && writer.is_through());
    assert_eq!(*writer.written.borrow(), b"askmore");
}

#[test]
fn an_error_ends_a_copy() {
    let copied = |reader: &[Step], writer: &[Step]| {
        let (reader, writer) = (Script::new(reader.to_vec()), Script::new(writer.to_vec()));
        let kind = block_on(copy(&reader, &mut &writer)).unwrap_err().kind();
        assert!(reader.is_through() && writer.is_through());
        kind
    };
    let denied = Step::Fails(ErrorKind::PermissionDenied);
    let some = Step::Gives(b"some");
    assert_eq!(copied(&[denied], &[]), ErrorKind::PermissionDenied);
    assert_eq!(copied(&[some], &[denied]), ErrorKind::PermissionDenied);
    assert_eq!(copied(&[some], &[Step::Takes(0)]), ErrorKind::WriteZero);
}

#[test]
fn a_dropped_copy_of_a_buffer_leaves_in_it_what_was_not_written() {
    let writer = Script::new([Step::Takes(3), Step::Waits]);
    block_on(async {
        let mut reader = BufReader::new(&b"012345"[..]);
        assert!(poll!(pin!(copy_buf(&mut reader, &mut &writer))).is_pending());
        assert_eq!(reader.fill_buf().await.unwrap(), b"345");
    });
}

#[test]
fn a_copy_in_memory_leaves_others_their_turn() {
    block_on(async {
        let memory = Endless::default();
        yield_now().await;
        {
            // A read and a write of a buffer are a unit each.
            let mut writer = memory.clone();
            let mut copying = pin!(copy(memory.clone(), &mut writer));
            assert!(poll!(copying.as_mut()).is_pending());
            assert_eq!(memory.read.replace(0), UNITS / 2 * BUFFER_LEN);
            assert_eq!(memory.written.replace(0), UNITS / 2 * BUFFER_LEN);
            // It goes on when the others had their turn.
            yield_now().await;
            assert!(poll!(copying.as_mut()).is_pending());
            assert_eq!(memory.written.replace(0), UNITS / 2 * BUFFER_LEN);
        }
        yield_now().await;
        // A buffer that is written is one.
        let mut writer = memory.clone();
        assert!(poll!(pin!(copy_buf(memory.clone(), &mut writer))).is_pending());
        assert_eq!(memory.written.replace(0), UNITS * 100);

        // What has been charged is not charged again.
        yield_now().await;
        let mut writer = sink();
        assert!(poll!(pin!(copy(repeat(0), &mut writer))).is_pending());
        yield_now().await;
        memory.read.set(0);
        let mut reader = memory.clone();
        assert!(poll!(pin!(copy(&mut reader, &mut writer))).is_pending());
        assert_eq!(memory.read.replace(0), UNITS / 2 * BUFFER_LEN);
    });
}

/// The readers and writers charge nothing.
#[test]
fn a_copy_of_nothing_and_a_copy_that_fails_are_charged() {
    type Copied = Pin<Box<dyn Future<Output = io::Result<u64>>>>;
    fn failing() -> Script {
        Script::new([Step::Fails(ErrorKind::PermissionDenied)])
    }
    let copies: [(bool, fn() -> Copied); 5] = [
        (true, || {
            Box::pin(async { copy(&b""[..], &mut Vec::new()).await })
        }),
        (true, || {
            Box::pin(async { copy_buf(&b""[..], &mut Vec::new()).await })
        }),
        (false, || {
            Box::pin(async { copy(&failing(), &mut Vec::new()).await })
        }),
        (false, || {
            Box::pin(async { copy_buf(&b"a"[..], &mut &failing()).await })
        }),
        (false, || {
            Box::pin(async { copy_buf(BufReader::new(&failing()), &mut Vec::new()).await })
        }),
    ];
    block_on(async {
        for (row, (succeeds, copied)) in copies.into_iter().enumerate() {
            yield_now().await;
            let mut times = 0;
            let copying = async {
                while times < 2 * UNITS {
                    assert_eq!(copied().await.is_ok(), succeeds);
                    times += 1;
                }
            };
            assert!(poll!(pin!(copying)).is_pending(), "row {row}");
            assert_eq!(times, UNITS, "row {row}");
        }
    });
}

#[test]
fn a_copy_without_end_keeps_no_timer_waiting() {
    block_on(async {
        let copied = Endless::default();
        let mut writer = copied.clone();
        let copying = spawn(async move { copy(repeat(7), &mut writer).await });
        sleep(Duration::from_millis(1)).await;
        copying.abort();
        assert!(copied.written.get() > 0);
    });
}

#[test]
fn two_directions_are_copied_until_both_have_ended() {
    let (to_server, to_client) = (pattern(1 << 20), pattern(300_000));
    block_on(async {
        let (client, mut front) = connection().await;
        let (mut back, server) = connection().await;
        let proxy = spawn(async move { copy_bidirectional(&mut front, &mut back).await });
        let send = async |stream: &quintet::net::TcpStream, data: &[u8]| {
            stream.write_all(data).await.unwrap();
            stream.shutdown_now(Shutdown::Write).unwrap();
        };
        let receive = async |mut stream: &quintet::net::TcpStream| {
            let mut data = Vec::new();
            stream.read_to_end(&mut data).await.unwrap();
            data
        };

        // One after the other: the end of one direction is passed on, and the other one goes on.
        let (received, ()) = future::join(receive(&server), send(&client, &to_server)).await;
        assert!(received == to_server);
        let (received, ()) = future::join(receive(&client), send(&server, &to_client)).await;
        assert!(received == to_client);
        let lens = (to_server.len() as u64, to_client.len() as u64);
        assert_eq!(proxy.await.unwrap().unwrap(), lens);
    });
}

#[test]
fn neither_direction_starves_the_other() {
    let (mut a, mut b) = (Endless::default(), Endless::default());
    let (at_a, at_b) = (a.clone(), b.clone());
    block_on(async {
        let mut copying = pin!(copy_bidirectional(&mut a, &mut b));
        for _ in 0..2 {
            yield_now().await;
            assert!(poll!(copying.as_mut()).is_pending());
        }
    });
    assert_eq!(at_a.written.get(), at_b.written.get());
    assert_eq!(at_a.written.get(), UNITS / 2 * BUFFER_LEN);
}

#[test]
fn an_end_closes_the_other_side_and_an_error_ends_both() {
    let end = Step::Gives(b"");
    let a = Script::new([end, Step::Waits, Step::Closes]);
    let b = Script::new([Step::Closes, Step::Waits, end]);
    block_on(async {
        let (mut from, mut to) = (&a, &b);
        let mut copying = pin!(copy_bidirectional(&mut from, &mut to));
        // b's read is asked for by turns: the script of each is in the order of its own.
        while !(a.is_through() && b.is_through()) {
            let _copied = poll!(copying.as_mut());
        }
    });

    let a = Script::new([Step::Fails(ErrorKind::ConnectionReset)]);
    let b = Script::new([Step::Waits]);
    let copied = block_on(copy_bidirectional(&mut &a, &mut &b));
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

// ------------------------------------------------------------------------- without a system call

#[test]
fn nothing_is_read_from_empty_and_all_is_taken_by_it_and_by_sink() {
    block_on(async {
        let mut buf = [1; 4];
        assert_eq!(empty().read(&mut buf).await.unwrap(), 0);
        assert_eq!(empty().fill_buf().await.unwrap(), b"");
        assert_eq!(empty().write(b"abc").await.unwrap(), 3);
        assert_eq!(empty().seek(SeekFrom::Start(9)).await.unwrap(), 0);
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cde")];
        assert_eq!(sink().write_vectored(&bufs).await.unwrap(), 5);
        assert_eq!(sink().write(b"abc").await.unwrap(), 3);
        sink().flush().await.unwrap();
        sink().close().await.unwrap();
        assert_eq!(buf, [1; 4]);
        repeat(7).read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, [7; 4]);
    });
}

#[test]
fn each_of_their_operations_is_charged() {
    /// How often it is ready in one poll of this task.
    async fn count(mut operation: impl AsyncFnMut()) -> usize {
        yield_now().await;
        let mut count = 0;
        while poll!(pin!(operation())).is_ready() {
            count += 1;
            assert!(count < 1000, "there is no end of it");
        }
        count
    }
    block_on(async {
        let (mut empty, mut repeat, mut sink) = (empty(), repeat(7), sink());
        let mut buf = [0; 16 << 10];
        assert_eq!(
            count(async || drop(empty.read(&mut buf).await)).await,
            UNITS
        );
        let fill = async || drop(empty.fill_buf().await.map(<[u8]>::len));
        assert_eq!(count(fill).await, UNITS);
        assert_eq!(count(async || drop(empty.write(b"abc").await)).await, UNITS);
        let seek = async || drop(empty.seek(SeekFrom::Start(0)).await);
        assert_eq!(count(seek).await, UNITS);
        assert_eq!(count(async || drop(sink.write(b"abc").await)).await, UNITS);
        assert_eq!(count(async || drop(sink.flush().await)).await, UNITS);
        assert_eq!(count(async || drop(sink.close().await)).await, UNITS);
        assert_eq!(
            count(async || drop(repeat.read(&mut [0]).await)).await,
            UNITS
        );
        // One unit more for each 16 KiB.
        let read = async || drop(repeat.read(&mut buf).await);
        assert_eq!(count(read).await, UNITS / 2);
        assert_eq!(
            count(async || drop(sink.write(&buf).await)).await,
            UNITS / 2
        );
        let both = unconstrained(async {
            for _ in 0..1000 {
                assert_eq!(empty.read(&mut [0]).await.unwrap(), 0);
            }
        });
        both.await;
    });
}
