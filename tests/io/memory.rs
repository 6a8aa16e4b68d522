//! Streams in memory: `duplex` and `simplex`; and `split` and `join` of any stream.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::future::join_all;
use quintet::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, IoSlice,
    IoSliceMut, ReadHalf, SimplexStream, WriteHalf, copy_bidirectional_with_sizes, duplex, join,
    simplex, split,
};
use quintet::task::yield_now;
use quintet::{block_on, spawn};

use crate::support::panics::panic_of;
use crate::support::wakers::{CountingWaker, hooked_waker, poll};

fn read(stream: &mut (impl AsyncRead + Unpin), waker: &Waker) -> Poll<io::Result<Vec<u8>>> {
    let mut buf = [0; 64];
    let read = Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut buf);
    read.map_ok(|n| buf[..n].to_vec())
}

fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    data: &[u8],
    waker: &Waker,
) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_write(&mut Context::from_waker(waker), data)
}

/// The value or the kind of the error of an operation that need not wait.
fn now<T>(poll: Poll<io::Result<T>>) -> Result<T, ErrorKind> {
    match poll {
        Poll::Ready(result) => result.map_err(|error| error.kind()),
        Poll::Pending => panic!("it waits"),
    }
}

// ------------------------------------------------------------------------------------ duplex

#[test]
fn each_direction_has_a_buffer_of_its_own() {
    let (mut a, mut b) = duplex(4);
    let waker = Waker::noop();
    assert_eq!(now(write(&mut a, b"012345", waker)), Ok(4));
    assert!(write(&mut a, b"45", waker).is_pending());
    assert_eq!(now(write(&mut b, b"xyz", waker)), Ok(3));
    assert_eq!(now(read(&mut b, waker)), Ok(b"0123".to_vec()));
    assert!(read(&mut b, waker).is_pending());
    assert_eq!(now(write(&mut a, b"45", waker)), Ok(2));
    assert_eq!(now(read(&mut b, waker)), Ok(b"45".to_vec()));
    assert_eq!(now(read(&mut a, waker)), Ok(b"xyz".to_vec()));
}

#[test]
fn data_passes_in_order_however_it_is_cut() {
    let data: Vec<u8> = (0..5000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    for capacity in [1, 3, 1000, 1 << 20] {
        let (mut a, mut b) = duplex(capacity);
        let sent = data.clone();
        let received = block_on(async move {
            let sending = spawn(async move { a.write_all(&sent).await.unwrap() });
            let mut received = Vec::new();
            b.read_to_end(&mut received).await.unwrap();
            sending.await.unwrap();
            received
        });
        assert!(received == data, "capacity {capacity}");
    }
}

#[test]
fn vectored_operations_move_what_fits() {
    block_on(async {
        let (mut a, mut b) = duplex(5);
        let slices = [b"".as_slice(), b"ab", b"cd", b"ef"].map(IoSlice::new);
        assert_eq!(a.write_vectored(&slices).await.unwrap(), 5);
        let (mut first, mut second) = ([0; 2], [0; 8]);
        let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(b.read_vectored(&mut slices).await.unwrap(), 5);
        assert_eq!((&first, &second[..3]), (b"ab", &b"cde"[..]));
    });
}

#[test]
fn empty_operations_do_not_wait() {
    let (mut a, mut b) = duplex(1);
    block_on(async {
        assert_eq!(a.read(&mut []).await.unwrap(), 0);
        a.write_all(b"x").await.unwrap();
        assert_eq!(a.write(b"").await.unwrap(), 0);
        drop(a);
        let error = b.write(b"").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_dropped_end_is_an_end_for_reads_and_an_error_for_writes() {
    let (mut a, mut b) = duplex(4);
    let waker = Waker::noop();
    assert_eq!(now(write(&mut a, b"rest", waker)), Ok(4));
    drop(a);
    assert_eq!(
        now(write(&mut b, b"lost", waker)),
        Err(ErrorKind::BrokenPipe)
    );
    assert_eq!(now(read(&mut b, waker)), Ok(b"rest".to_vec()));
    assert_eq!(now(read(&mut b, waker)), Ok(vec![]));
    assert_eq!(now(read(&mut b, waker)), Ok(vec![]));
}

#[test]
fn a_close_ends_one_direction_only() {
    block_on(async {
        let (mut a, mut b) = duplex(4);
        a.write_all(b"end").await.unwrap();
        a.close().await.unwrap();
        a.close().await.unwrap();
        let error = a.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let mut text = String::new();
        b.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "end");
        b.write_all(b"more").await.unwrap();
        assert_eq!(now(read(&mut a, Waker::noop())), Ok(b"more".to_vec()));
    });
}

#[test]
fn what_waits_is_woken_by_data_room_and_ends() {
    let (reads, reader) = CountingWaker::new();
    let (writes, writer) = CountingWaker::new();
    let noop = Waker::noop();

    let (mut a, mut b) = duplex(2);
    assert!(read(&mut b, &reader).is_pending());
    assert!(read(&mut b, &reader).is_pending());
    assert_eq!(now(write(&mut a, b"ab", noop)), Ok(2));
    assert_eq!(reads.wakes(), 1);
    assert!(write(&mut a, b"c", &writer).is_pending());
    assert_eq!(now(read(&mut b, noop)), Ok(b"ab".to_vec()));
    assert_eq!(writes.wakes(), 1);
    assert!(read(&mut b, &reader).is_pending());
    block_on(a.close()).unwrap();
    assert_eq!(reads.wakes(), 2);

    let (mut a, mut b) = duplex(1);
    assert_eq!(now(write(&mut b, b"a", noop)), Ok(1));
    assert!(read(&mut b, &reader).is_pending());
    assert!(write(&mut b, b"b", &writer).is_pending());
    drop(read(&mut a, noop));
    assert_eq!(writes.wakes(), 2);
    assert_eq!(now(write(&mut b, b"b", noop)), Ok(1));
    assert!(write(&mut b, b"c", &writer).is_pending());
    drop(a);
    assert_eq!((reads.wakes(), writes.wakes()), (3, 3));
}

/// As after a send on a channel: what is ready already runs first.
#[test]
fn a_reader_that_is_woken_takes_its_turn() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let note = |what| {
        let log = Rc::clone(&log);
        move || log.borrow_mut().push(what)
    };
    block_on(async {
        let (mut a, mut b) = duplex(8);
        let read = note("read");
        let reader = spawn(async move {
            b.read_exact(&mut [0]).await.unwrap();
            read();
        });
        yield_now().await;
        let (before, after) = (note("before"), note("after"));
        let before = spawn(async move { before() });
        a.write_all(b"x").await.unwrap();
        note("written")();
        let after = spawn(async move { after() });
        for task in [reader, before, after] {
            task.await.unwrap();
        }
    });
    assert_eq!(*log.borrow(), ["written", "before", "read", "after"]);
}

/// Wakers of other executors run code. It may use the stream.
#[test]
fn a_waker_may_use_the_stream_that_wakes_it() {
    let (mut a, b) = duplex(8);
    let b = Arc::new(Mutex::new(b));
    let found = Arc::new(Mutex::new(Vec::new()));
    let waker = hooked_waker(
        {
            let (b, found) = (Arc::clone(&b), Arc::clone(&found));
            move || {
                let data = now(read(&mut *b.lock().unwrap(), Waker::noop()));
                found.lock().unwrap().push(data.unwrap());
            }
        },
        || (),
    );
    assert!(read(&mut *b.lock().unwrap(), &waker).is_pending());
    assert_eq!(now(write(&mut a, b"data", Waker::noop())), Ok(4));
    assert_eq!(*found.lock().unwrap(), [b"data"]);
}

#[test]
fn the_ends_may_be_on_two_threads() {
    let (mut a, mut b) = duplex(16);
    let echo = thread::spawn(move || {
        block_on(async {
            let mut buf = [0; 7];
            while let n @ 1.. = b.read(&mut buf).await.unwrap() {
                b.write_all(&buf[..n]).await.unwrap();
            }
        });
    });
    block_on(async {
        for i in 0..1000_u32 {
            a.write_all(&i.to_be_bytes()).await.unwrap();
            let mut echoed = [0; 4];
            a.read_exact(&mut echoed).await.unwrap();
            assert_eq!(u32::from_be_bytes(echoed), i);
        }
    });
    drop(a);
    echo.join().unwrap();
}

#[test]
fn a_buffer_of_no_bytes_is_refused_at_its_line() {
    let refused = [
        panic_of(|| duplex(0)),
        panic_of(|| simplex(0)),
        panic_of(|| SimplexStream::new_unsplit(0)),
    ];
    for panicked in refused {
        assert!(panicked.message.contains("`max_buf_size` is 0"));
        assert!(panicked.file.ends_with("memory.rs"), "{}", panicked.file);
    }
    let (mut a, mut b) = (duplex(1).0, duplex(1).0);
    let panicked = panic_of(|| copy_bidirectional_with_sizes(&mut a, &mut b, 1, 0));
    assert!(panicked.file.ends_with("memory.rs"), "{}", panicked.file);
}

#[test]
fn a_proxy_copies_through_buffers_of_the_given_sizes() {
    let (mut client, mut front) = duplex(100);
    let (mut back, mut server) = duplex(100);
    block_on(async {
        let proxy = async {
            copy_bidirectional_with_sizes(&mut front, &mut back, 7, 1)
                .await
                .unwrap()
        };
        let exchange = async {
            client.write_all(b"a request").await.unwrap();
            client.close().await.unwrap();
            let mut request = String::new();
            server.read_to_string(&mut request).await.unwrap();
            server
                .write_all(request.to_uppercase().as_bytes())
                .await
                .unwrap();
            server.close().await.unwrap();
            let mut response = String::new();
            client.read_to_string(&mut response).await.unwrap();
            response
        };
        let (copied, response) = quintet::join!(proxy, exchange);
        assert_eq!(copied, (9, 9));
        assert_eq!(response, "A REQUEST");
    });
}

#[test]
fn each_direction_is_copied_through_a_buffer_of_its_size() {
    let (mut a, mut front) = duplex(100);
    let (mut back, mut b) = duplex(100);
    let waker = Waker::noop();
    // Both readers have data, and neither writer has room.
    for stream in [&mut a, &mut b, &mut front, &mut back] {
        assert_eq!(now(write(stream, &[7; 100], waker)), Ok(100));
    }
    block_on(async {
        let copying = copy_bidirectional_with_sizes(&mut front, &mut back, 16, 40);
        assert!(poll!(pin!(copying)).is_pending());
    });
    let left = async |stream: &mut DuplexStream| {
        let mut buf = [0; 100];
        stream.read(&mut buf).await.unwrap()
    };
    let left = block_on(async { (left(&mut front).await, left(&mut back).await) });
    assert_eq!(left, (84, 60));
}

// ------------------------------------------------------------------------------------ halves

#[test]
fn a_pipe_ends_when_its_writer_is_closed() {
    block_on(async {
        let (mut reader, mut writer) = simplex(4);
        let writing = spawn(async move {
            writer.write_all(b"more than fits").await.unwrap();
            writer.close().await.unwrap();
            writer
        });
        let mut text = String::new();
        reader.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "more than fits");
        let mut stream = reader.unsplit(writing.await.unwrap());
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        let error = stream.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

/// A stream that is not `Unpin`, which polls what it is told to.
struct Nested<F>(F, std::marker::PhantomPinned);

impl<F> Nested<F> {
    fn new(poll: F) -> Self {
        Nested(poll, std::marker::PhantomPinned)
    }
}

impl<F: Fn(&mut Context<'_>) -> Poll<io::Result<usize>>> AsyncRead for Nested<F> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        (self.as_ref().get_ref().0)(cx)
    }
}

impl<F> AsyncWrite for Nested<F> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

type Hook = Box<dyn Fn(&mut Context<'_>) -> Poll<io::Result<usize>>>;

#[test]
fn a_half_that_finds_the_stream_in_use_is_woken_when_it_is_not() {
    let (wakes, waker) = CountingWaker::new();
    let writer: Rc<RefCell<Option<WriteHalf<Nested<Hook>>>>> = Rc::default();
    let nested = Rc::clone(&writer);
    let (mut reader, half) = split(Nested::new(Box::new(move |_: &mut Context<'_>| {
        let mut writer = nested.borrow_mut();
        let writer = writer.as_mut().unwrap();
        assert!(write(writer, b"abc", &waker).is_pending());
        Poll::Ready(Ok(1_usize))
    }) as Hook));
    writer.replace(Some(half));

    assert_eq!(wakes.wakes(), 0);
    assert_eq!(now(read(&mut reader, Waker::noop())), Ok(vec![0]));
    assert_eq!(wakes.wakes(), 1);
    let mut writer = writer.borrow_mut();
    let written = write(writer.as_mut().unwrap(), b"abc", Waker::noop());
    assert_eq!(now(written), Ok(3));
}

#[test]
fn a_panic_of_the_stream_leaves_it_to_the_halves() {
    let (mut reader, mut writer) = split(Nested::new(|_: &mut Context<'_>| panic!("on purpose")));
    let caught = catch_unwind(AssertUnwindSafe(|| read(&mut reader, Waker::noop())));
    assert!(caught.is_err());
    assert_eq!(now(write(&mut writer, b"abc", Waker::noop())), Ok(3));
}

#[test]
fn halves_are_sent_to_two_threads() {
    let (near, far) = duplex(8);
    let echo = thread::spawn(move || {
        let (mut reader, mut writer) = split(far);
        block_on(async { quintet::io::copy(&mut reader, &mut writer).await.unwrap() })
    });
    let (mut reader, mut writer) = split(near);
    let data: Vec<u8> = (0..5000_u32).map(|i| i as u8).collect();
    let sent = data.clone();
    let sending = thread::spawn(move || {
        block_on(async {
            writer.write_all(&sent).await.unwrap();
            writer.close().await.unwrap();
        });
    });
    let received = block_on(async {
        let mut received = vec![0; data.len()];
        reader.read_exact(&mut received).await.unwrap();
        received
    });
    assert!(received == data);
    sending.join().unwrap();
    assert_eq!(echo.join().unwrap(), 5000);
}

#[test]
fn only_halves_of_one_stream_fit_together() {
    let (reader, writer) = simplex(1);
    let (other, _) = simplex(1);
    assert!(reader.is_pair_of(&writer) && writer.is_pair_of(&reader));
    assert!(!other.is_pair_of(&writer) && !writer.is_pair_of(&other));
    let panicked = panic_of(|| other.unsplit(writer));
    assert!(panicked.message.contains("different streams"));
    assert!(panicked.file.ends_with("memory.rs"), "{}", panicked.file);
}

#[test]
fn halves_are_send_where_their_stream_is() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<ReadHalf<std::cell::Cell<u8>>>();
    check::<WriteHalf<DuplexStream>>();
}

#[test]
fn a_reader_and_a_writer_are_one_stream() {
    block_on(async {
        let mut stream = join(&b"one\ntwo"[..], Vec::new());
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert_eq!(line, "one\n");
        let slices = [b"ab", b"cd"].map(|slice| IoSlice::new(slice));
        assert_eq!(stream.write_vectored(&slices).await.unwrap(), 4);
        stream.flush().await.unwrap();
        stream.close().await.unwrap();
        assert_eq!(stream.reader(), b"two");
        stream.writer_mut().push(b'!');
        assert_eq!(Pin::new(&mut stream).reader_pin_mut().len(), 3);
        let (mut first, mut second) = ([0; 2], [0; 8]);
        let mut slices = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(stream.read_vectored(&mut slices).await.unwrap(), 3);
        assert_eq!(stream.into_inner().1, b"abcd!");
    });
}

#[test]
fn many_streams_at_once() {
    let total = block_on(async {
        let pairs = (0..100).map(|i| async move {
            let (mut a, mut b) = duplex(i + 1);
            let sending = spawn(async move { a.write_all(&vec![1; 10 * i]).await.unwrap() });
            let mut received = Vec::new();
            b.read_to_end(&mut received).await.unwrap();
            sending.await.unwrap();
            received.len()
        });
        join_all(pairs).await.into_iter().sum::<usize>()
    });
    assert_eq!(total, (0..100).map(|i| 10 * i).sum());
}
