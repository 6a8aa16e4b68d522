//! TCP: connecting, accepting, reading, writing, closing.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use futures::future::join;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures::{AsyncRead, StreamExt};
use quintet::net::{TcpListener, TcpStream, lookup_host};
use quintet::runtime::Runtime;
use quintet::time::timeout;

use crate::support::asleep::Watched;
use crate::support::patience::in_time;
use crate::support::strict;
use crate::support::wakers::poll;

/// A wait that only a hang makes longer.
const LONG: Duration = Duration::from_secs(60);

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Listens where no other test does: an address whose port stays free after it was given up.
async fn listener_apart(host: u8) -> (TcpListener, SocketAddr) {
    let addr = (Ipv4Addr::new(127, 77, 0, host), 0);
    let listener = TcpListener::bind(addr).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Two ends of one connection.
async fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listener().await;
    let client = TcpStream::connect(addr).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

/// Two ends, one of them blocking and of the standard library.
async fn pair_with_std() -> (TcpStream, std::net::TcpStream) {
    let (listener, addr) = listener().await;
    let other = std::net::TcpStream::connect(addr).unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    (stream, other)
}

fn block_on<F: Future>(future: F) -> F::Output {
    // Not a timeout of the loop: when that expires, it tries the system call once more, and a wake
    // that was lost would not be noticed.
    in_time(|| strict::block_on(future))
}

struct CountWakes(AtomicUsize);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn counting_waker() -> (Arc<CountWakes>, Waker) {
    let count = Arc::new(CountWakes(AtomicUsize::new(0)));
    (Arc::clone(&count), Waker::from(count))
}

#[test]
fn what_is_written_at_one_end_is_read_at_the_other() {
    block_on(async {
        let (client, server) = pair().await;
        assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());

        client.write_all(b"ping").await.unwrap();
        let mut buf = [0; 16];
        let n = server.read(&mut buf).await.unwrap();
        assert_eq!(&buf[..n], b"ping");

        server.write_all(b"pong!").await.unwrap();
        let mut exact = [0; 5];
        client.read_exact(&mut exact).await.unwrap();
        assert_eq!(&exact, b"pong!");
    });
}

#[test]
fn megabytes_pass_both_ways_at_once_byte_for_byte() {
    block_on(async {
        let (client, server) = pair().await;
        let data: Vec<u8> = (0..4_000_000u32).map(|i| ((i * 31) >> 7) as u8).collect();
        let sent = data.clone();
        let echo = quintet::spawn(async move {
            let mut buf = vec![0; 10_000];
            loop {
                let n = server.read(&mut buf).await.unwrap();
                if n == 0 {
                    return;
                }
                server.write_all(&buf[..n]).await.unwrap();
            }
        });
        let (mut read, mut write) = client.into_split();
        let send = async move {
            write.write_all(&sent).await.unwrap();
            // Dropping the half shuts the write side down.
        };
        let mut received = Vec::new();
        let (result, ()) = join(read.read_to_end(&mut received), send).await;
        assert_eq!(result.unwrap(), data.len());
        assert!(received == data, "the bytes came back changed");
        echo.await.unwrap();
    });
}

#[test]
fn vectored_reads_and_writes_keep_the_order() {
    block_on(async {
        let (client, server) = pair().await;
        let n = client
            .write_vectored(&[
                IoSlice::new(b"abc"),
                IoSlice::new(b""),
                IoSlice::new(b"defg"),
            ])
            .await
            .unwrap();
        assert_eq!(n, 7);
        let (mut first, mut second) = ([0; 2], [0; 16]);
        let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let n = server.read_vectored(&mut bufs).await.unwrap();
        assert_eq!(n, 7);
        assert_eq!((&first, &second[..5]), (b"ab", &b"cdefg"[..]));
    });
}

#[test]
fn more_buffers_than_the_kernel_takes_are_written_in_part() {
    block_on(async {
        let (client, server) = pair().await;
        let bufs = vec![IoSlice::new(b"x"); 3000];
        let n = client.write_vectored(&bufs).await.unwrap();
        assert!((1..=3000).contains(&n));
        drop(client);
        let mut received = Vec::new();
        let mut server = server;
        server.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.len(), n);
    });
}

#[test]
fn the_end_of_the_other_side_reads_as_zero_again_and_again() {
    block_on(async {
        let (client, server) = pair().await;
        client.write_all(b"last words").await.unwrap();
        drop(client);
        let mut buf = [0; 64];
        assert_eq!(server.read(&mut buf).await.unwrap(), 10);
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn an_end_that_came_with_the_last_data_is_not_lost() {
    block_on(async {
        let (stream, mut other) = pair_with_std().await;
        let mut buf = [0; 64];
        // Registers the stream.
        let early = timeout(Duration::ZERO, stream.read(&mut buf)).await;
        assert!(early.is_err());
        // Data and end are there before the loop looks again: one event says both.
        other.write_all(b"data").unwrap();
        drop(other);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 4);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn a_half_closed_connection_goes_on_the_other_way() {
    block_on(async {
        let (client, server) = pair().await;
        client.shutdown_now(Shutdown::Write).unwrap();
        let mut buf = [0; 8];
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
        server.write_all(b"still").await.unwrap();
        assert_eq!(client.read(&mut buf).await.unwrap(), 5);
    });
}

#[test]
fn a_read_into_nothing_is_not_an_end() {
    block_on(async {
        let (client, server) = pair().await;
        client.write_all(b"x").await.unwrap();
        server.readable().await.unwrap();
        assert_eq!(server.read(&mut []).await.unwrap(), 0);
        let mut buf = [0; 8];
        assert_eq!(server.read(&mut buf).await.unwrap(), 1);
    });
}

#[test]
fn peek_leaves_the_data() {
    block_on(async {
        let (client, server) = pair().await;
        client.write_all(b"abc").await.unwrap();
        let mut buf = [0; 2];
        assert_eq!(server.peek(&mut buf).await.unwrap(), 2);
        assert_eq!(server.peek(&mut buf).await.unwrap(), 2);
        let mut all = [0; 8];
        assert_eq!(server.read(&mut all).await.unwrap(), 3);
    });
}

#[test]
fn try_operations_do_not_wait() {
    block_on(async {
        let (client, server) = pair().await;
        let mut buf = vec![0; 1 << 16];
        let error = server.try_read(&mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        client.writable().await.unwrap();
        let mut written = 0;
        loop {
            match client.try_write(&[7; 1 << 16]) {
                Ok(n) => written += n,
                Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        let mut read = 0;
        while read < written {
            server.readable().await.unwrap();
            match server.try_read(&mut buf) {
                Ok(n) => read += n,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        client.writable().await.unwrap();
        assert!(client.try_write(b"more").unwrap() > 0);
    });
}

#[test]
fn a_writer_waits_until_the_reader_has_made_room() {
    block_on(async {
        let (client, mut server) = pair().await;
        let writer = quintet::spawn(async move {
            client.write_all(&vec![1; 8_000_000]).await.unwrap();
        });
        // The buffers of the OS are full long before that.
        quintet::time::sleep(Duration::from_millis(1)).await;
        assert!(!writer.is_finished());
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 8_000_000);
        writer.await.unwrap();
    });
}

#[test]
fn all_tasks_that_wait_to_read_see_the_end() {
    block_on(async {
        let (client, server) = pair().await;
        let server = Rc::new(server);
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let server = Rc::clone(&server);
                quintet::spawn(async move { server.read(&mut [0; 8]).await.unwrap() })
            })
            .collect();
        quintet::task::yield_now().await;
        drop(client);
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 0);
        }
    });
}

#[test]
fn a_reader_and_a_writer_share_one_stream() {
    block_on(async {
        let (client, server) = pair().await;
        let read = async {
            let mut buf = [0; 8];
            client.read(&mut buf).await.unwrap()
        };
        let write = async {
            client.write_all(b"go").await.unwrap();
            let mut buf = [0; 8];
            server.read(&mut buf).await.unwrap();
            server.write_all(b"ok!").await.unwrap();
        };
        assert_eq!(join(read, write).await.0, 3);
    });
}

#[test]
fn a_poll_with_another_waker_moves_the_wake_there() {
    block_on(async {
        let (client, server) = pair().await;
        let (first, first_waker) = counting_waker();
        let mut buf = [0; 8];
        let mut read = pin!(server.read(&mut buf));
        let poll = read.as_mut().poll(&mut Context::from_waker(&first_waker));
        assert!(poll.is_pending());
        let writer = quintet::spawn(async move {
            client.write_all(b"x").await.unwrap();
            client
        });
        assert_eq!(read.await.unwrap(), 1);
        assert_eq!(first.0.load(Ordering::SeqCst), 0);
        drop(writer.await.unwrap());
    });
}

#[test]
fn callers_of_the_trait_do_not_pile_up() {
    block_on(async {
        let (client, server) = pair().await;
        let wakers: Vec<_> = (0..1000).map(|_| counting_waker()).collect();
        let mut stream = &server;
        for (_, waker) in &wakers {
            let poll = Pin::new(&mut stream).poll_read(&mut Context::from_waker(waker), &mut [0]);
            assert!(poll.is_pending());
        }
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
        // Tasks that were displaced were woken to poll again; the others are woken by the event.
        // A few were not woken at all if the reader was faster than the event.
        let woken = wakers
            .iter()
            .filter(|(count, _)| count.0.load(Ordering::SeqCst) == 1)
            .count();
        assert!(woken >= 990, "only {woken} of 1000 were woken");
    });
}

#[test]
fn a_dropped_read_is_not_woken() {
    block_on(async {
        let (client, server) = pair().await;
        let (count, waker) = counting_waker();
        {
            let mut buf = [0; 8];
            let mut read = pin!(server.read(&mut buf));
            assert!(
                read.as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
        }
        client.write_all(b"x").await.unwrap();
        server.readable().await.unwrap();
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn closing_frees_the_port_and_later_connections_are_refused() {
    block_on(async {
        let (listener, addr) = listener_apart(1).await;
        listener.close().await;
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let again = TcpListener::bind(addr).await.unwrap();
        assert_eq!(again.local_addr().unwrap(), addr);
    });
}

#[test]
fn close_ends_the_connection() {
    block_on(async {
        let (client, server) = pair().await;
        client.close().await;
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn closing_one_half_ends_a_read_that_waits_in_the_other() {
    block_on(async {
        let (client, server) = pair().await;
        let (mut read, write) = client.into_split();
        let reader = quintet::spawn(async move { read.read(&mut [0; 8]).await });
        quintet::task::yield_now().await;
        write.close();
        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn halves_of_one_connection_can_be_reunited_and_others_not() {
    block_on(async {
        let (client, server) = pair().await;
        let (read, write) = client.into_split();
        let (other_read, other_write) = server.into_split();
        let error = read.reunite(other_write).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the halves belong to different connections"
        );
        let (read, other_write) = (error.0, error.1);
        let client = read.reunite(write).unwrap();
        let server = other_write.reunite(other_read).unwrap();
        // The write side is still open.
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn borrowed_halves_work_side_by_side() {
    block_on(async {
        let (mut client, mut server) = pair().await;
        let (mut read, mut write) = TcpStream::split(&mut client);
        let (mut other_read, mut other_write) = TcpStream::split(&mut server);
        let send = async {
            write.write_all(b"one").await.unwrap();
            other_write.write_all(b"three").await.unwrap();
        };
        let (mut a, mut b) = ([0; 5], [0; 3]);
        let receive = join(read.read_exact(&mut a), other_read.read_exact(&mut b));
        let (_, (first, second)) = join(send, receive).await;
        first.unwrap();
        second.unwrap();
        assert_eq!((&a, &b), (b"three", b"one"));
    });
}

#[test]
fn a_reset_is_an_error() {
    block_on(async {
        let (stream, other) = pair_with_std().await;
        let stream = Rc::new(stream);
        let reader = Rc::clone(&stream);
        let reader = quintet::spawn(async move { reader.read(&mut [0; 8]).await });
        quintet::task::yield_now().await;
        // Closing with unread data resets.
        stream.write_all(b"unread").await.unwrap();
        quintet::spawn_blocking(move || {
            other.peek(&mut [0]).unwrap();
            drop(other);
        })
        .await
        .unwrap();
        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn writing_to_a_closed_connection_is_an_error_and_no_signal() {
    block_on(async {
        let (stream, other) = pair_with_std().await;
        drop(other);
        let error = loop {
            let bufs = [IoSlice::new(b"x"), IoSlice::new(b"y")];
            match stream.write_vectored(&bufs).await {
                Ok(_) => quintet::task::yield_now().await,
                Err(error) => break error,
            }
        };
        assert!(matches!(
            error.kind(),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        ));
    });
}

#[test]
fn a_refused_connection_is_an_error() {
    block_on(async {
        let (listener, addr) = listener_apart(2).await;
        drop(listener);
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn connect_tries_the_addresses_in_order() {
    block_on(async {
        let (dead, dead_addr) = listener_apart(3).await;
        drop(dead);
        let (_listener, addr) = listener().await;
        let stream = TcpStream::connect(&[dead_addr, addr][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        let error = TcpStream::connect(&[][..] as &[SocketAddr])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn host_names_are_looked_up() {
    block_on(async {
        let (_listener, addr) = listener().await;
        TcpStream::connect(("localhost", addr.port()))
            .await
            .unwrap();
        TcpStream::connect(format!("127.0.0.1:{}", addr.port()))
            .await
            .unwrap();
        let found: Vec<_> = lookup_host("localhost:80").await.unwrap().collect();
        assert!(
            found
                .iter()
                .all(|addr| addr.ip().is_loopback() && addr.port() == 80)
        );

        for text in ["localhost", "", ":80", "localhost:99999"] {
            let error = TcpStream::connect(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}: {error}");
            assert!(error.to_string().contains("host:port"), "{error}");
        }
    });
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_address() {
    block_on(async {
        let (_listener, addr) = listener().await;
        let error = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
    });
}

#[test]
fn connections_are_accepted_in_order() {
    block_on(async {
        let (listener, addr) = listener().await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(TcpStream::connect(addr).await.unwrap());
        }
        let mut incoming = listener.incoming();
        for client in &clients {
            let server = incoming.next().await.unwrap().unwrap();
            assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
        }
    });
}

#[test]
fn hundreds_of_ready_sockets_are_all_served() {
    // More than one fetch of events holds.
    const COUNT: usize = 300;
    block_on(async {
        let (listener, addr) = listener().await;
        let mut clients = Vec::new();
        let mut servers = Vec::new();
        for i in 0..COUNT {
            let client = TcpStream::connect(addr).await.unwrap();
            let (server, _) = listener.accept().await.unwrap();
            clients.push(client);
            servers.push(quintet::spawn(async move {
                let mut buf = [0; 8];
                server.read_exact(&mut buf).await.unwrap();
                usize::from_le_bytes(buf) == i
            }));
        }
        quintet::task::yield_now().await;
        for (i, client) in clients.iter().enumerate() {
            assert_eq!(client.try_write(&i.to_le_bytes()).unwrap(), 8);
        }
        for server in servers {
            assert!(server.await.unwrap());
        }
    });
}

#[test]
fn a_connection_can_be_moved_to_another_loop_before_its_first_use() {
    let stream = block_on(async {
        let (listener, addr) = listener().await;
        let client = thread::spawn(move || {
            let mut client = std::net::TcpStream::connect(addr).unwrap();
            client.write_all(b"hello").unwrap();
            let mut output = String::new();
            client.read_to_string(&mut output).unwrap();
            output
        });
        let (stream, _) = listener.accept().await.unwrap();
        (stream, client)
    });
    let (stream, client) = stream;
    let server = thread::spawn(move || {
        block_on(async move {
            let mut buf = [0; 5];
            stream.read_exact(&mut buf).await.unwrap();
            stream.write_all(b"from another loop").await.unwrap();
        });
    });
    server.join().unwrap();
    assert_eq!(client.join().unwrap(), "from another loop");
}

#[test]
fn a_connection_used_on_the_wrong_loop_is_an_error_that_names_both() {
    let (client, server) = block_on(async {
        let (client, server) = pair().await;
        client.write_all(b"x").await.unwrap();
        server.readable().await.unwrap();
        (client, server)
    });
    block_on(async move {
        let error = server.read(&mut [0; 8]).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(text.matches("quintet loop").count(), 2, "{text}");
        assert!(text.contains("into_std"), "{text}");

        // Which is how it moves all the same.
        let server = TcpStream::from_std(server.into_std().unwrap()).unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
        drop(client);
    });
}

#[test]
fn outside_of_a_runtime_an_operation_is_an_error() {
    let (client, _server) = block_on(pair());
    let mut read = pin!(async { client.write(b"x").await });
    let poll = read.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(error)) = poll else {
        panic!("it must be an error, not {poll:?}");
    };
    assert!(!error.to_string().is_empty());
}

#[test]
fn a_socket_dropped_on_another_thread_is_closed_at_once() {
    block_on(async {
        let (client, server) = pair().await;
        let early = timeout(Duration::ZERO, server.read(&mut [0; 8])).await;
        assert!(early.is_err(), "the socket is registered now");
        thread::spawn(move || drop(server)).join().unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn sockets_may_outlive_their_runtime() {
    let runtime = Runtime::new().unwrap();
    let (client, server) = runtime.block_on(async {
        let (client, server) = pair().await;
        let early = timeout(Duration::ZERO, server.read(&mut [0; 8])).await;
        assert!(early.is_err(), "the socket is registered now");
        (client, server)
    });
    drop(runtime);
    drop(client);
    let mut server = server.into_std().unwrap();
    server.set_nonblocking(false).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_descriptor_that_is_used_again_gets_no_old_events() {
    block_on(async {
        let (client, server) = pair().await;
        let early = timeout(Duration::ZERO, server.read(&mut [0; 8])).await;
        assert!(early.is_err(), "the socket is registered now");
        let number = server.as_raw_fd();
        // Readable, but closed before the loop has looked.
        assert_eq!(client.try_write(b"old").unwrap(), 3);
        drop(server);
        let (listener, addr) = listener().await;
        let mut again = Vec::new();
        let mut peers = Vec::new();
        while again
            .iter()
            .all(|stream: &TcpStream| stream.as_raw_fd() != number)
        {
            peers.push(TcpStream::connect(addr).await.unwrap());
            again.push(listener.accept().await.unwrap().0);
            let found = peers.last().unwrap().as_raw_fd() == number;
            if found || again.len() > 50 {
                break;
            }
        }
        for stream in again.iter().chain(&peers) {
            let quiet = timeout(Duration::ZERO, stream.read(&mut [0; 8])).await;
            assert!(quiet.is_err(), "nothing was written to the new one");
        }
    });
}

#[test]
fn descriptors_are_closed_on_exec_and_do_not_block() {
    block_on(async {
        let (listener, addr) = listener().await;
        let client = TcpStream::connect(addr).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        for fd in [listener.as_raw_fd(), client.as_raw_fd(), server.as_raw_fd()] {
            let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
            let flags = info
                .lines()
                .find_map(|line| line.strip_prefix("flags:"))
                .unwrap();
            let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
            assert_ne!(flags & 0o2000000, 0, "O_CLOEXEC is not set");
            assert_ne!(flags & 0o4000, 0, "O_NONBLOCK is not set");
        }
    });
}

#[test]
fn options_are_passed_on() {
    block_on(async {
        let (client, _server) = pair().await;
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        client.set_ttl(17).unwrap();
        assert_eq!(client.ttl().unwrap(), 17);
        client.set_linger(Some(Duration::from_secs(3))).unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::from_secs(3)));
        assert!(client.take_error().unwrap().is_none());
    });
}

#[test]
fn an_idle_server_sleeps() {
    let (sender, receiver) = mpsc::channel();
    let (ready, is_ready) = mpsc::channel();
    let server = thread::spawn(move || {
        block_on(async {
            let (listener, addr) = listener().await;
            sender.send((Watched::this_thread(), addr)).unwrap();
            let mut connections = Vec::new();
            for _ in 0..100 {
                let (stream, _) = listener.accept().await.unwrap();
                connections.push(quintet::spawn(async move {
                    // A timeout that waits, too, does not wake anybody before its time.
                    timeout(LONG, stream.read(&mut [0; 8]))
                        .await
                        .unwrap()
                        .unwrap()
                }));
            }
            // All tasks wait when this goes on, and so will the loop.
            quintet::task::yield_now().await;
            ready.send(()).unwrap();
            for connection in connections {
                assert_eq!(connection.await.unwrap(), 0);
            }
        });
    });
    let (thread, addr) = receiver.recv().unwrap();
    let connect = || std::net::TcpStream::connect(addr).unwrap();
    let clients: Vec<_> = (0..100).map(|_| connect()).collect();

    is_ready.recv().unwrap();
    thread.falls_asleep();
    let before = thread.activity();
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(20));
        assert_eq!(thread.activity(), before, "the idle loop was woken");
    }
    drop(clients);
    server.join().unwrap();
}

// -------------------------------------------------------------------------- errors and nothing

#[test]
fn what_cannot_be_connected_or_bound_names_the_address() {
    block_on(async {
        let (listener, addr) = listener_apart(99).await;
        let error = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = format!("cannot listen on {addr}: ");
        assert!(error.to_string().starts_with(&text), "{error}");
        drop(listener);

        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let text = format!("cannot connect to {addr}: ");
        assert!(error.to_string().starts_with(&text), "{error}");
        assert_eq!(
            format!("{error:?}"),
            format!("Custom {{ kind: ConnectionRefused, error: {error} }}")
        );
        let source = std::error::Error::source(&error).unwrap();
        let source = source.downcast_ref::<std::io::Error>().unwrap();
        assert!(source.raw_os_error().is_some());
    });
}

#[test]
fn nothing_is_read_and_written_at_once_even_when_the_socket_is_not_ready() {
    block_on(async {
        let (mut stream, _other) = pair().await;
        // It is registered, and ready for neither.
        let mut read = [0];
        assert!(poll!(pin!(stream.read(&mut read))).is_pending());
        while poll!(pin!(stream.write(&[0; 65536]))).is_ready() {}

        assert_eq!(stream.read(&mut []).await.unwrap(), 0);
        assert_eq!(stream.peek(&mut []).await.unwrap(), 0);
        assert_eq!(stream.write(&[]).await.unwrap(), 0);
        assert_eq!(stream.try_read(&mut []).unwrap(), 0);
        assert_eq!(stream.try_write(&[]).unwrap(), 0);
        let (mut a, mut b) = ([], []);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(stream.read_vectored(&mut bufs).await.unwrap(), 0);
        assert_eq!(stream.read_vectored(&mut []).await.unwrap(), 0);
        let bufs = [IoSlice::new(&[]), IoSlice::new(&[])];
        assert_eq!(stream.write_vectored(&bufs).await.unwrap(), 0);

        // By the traits, and by halves.
        assert_eq!(AsyncReadExt::read(&mut stream, &mut []).await.unwrap(), 0);
        assert_eq!(AsyncWriteExt::write(&mut stream, &[]).await.unwrap(), 0);
        let (mut reader, mut writer) = stream.split();
        assert_eq!(reader.read(&mut []).await.unwrap(), 0);
        assert_eq!(writer.write_vectored(&bufs).await.unwrap(), 0);
    });
}

#[test]
fn reading_nothing_is_charged() {
    block_on(async {
        let (stream, _other) = pair().await;
        quintet::task::yield_now().await;
        let mut count = 0;
        while poll!(pin!(stream.read(&mut []))).is_ready() {
            count += 1;
            assert!(count < 1000, "there is no end of it");
        }
        assert_eq!(count, 128);
    });
}
