//! Streams and listeners.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::future::join;
use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures::{AsyncRead, AsyncWrite, StreamExt};
use quintet::io::{Interest, Ready};
use quintet::net::unix::SocketAddr;
use quintet::net::{UnixListener, UnixSocket, UnixStream};
use quintet::runtime::Runtime;
use quintet::task::yield_now;
use rustix::net::SocketAddrUnix;

use super::{block_on, path};
use crate::support::cases::watched;
use crate::support::strict;
use crate::support::wakers::{CountingWaker, poll};

/// Two ends, one of them blocking and of the standard library.
fn pair_with_std() -> (UnixStream, StdStream) {
    let (own, peer) = StdStream::pair().unwrap();
    (UnixStream::from_std(own).unwrap(), peer)
}

#[test]
fn a_client_connects_and_both_ends_read_and_write() {
    block_on(async {
        let (_dir, path) = path();
        let listener = UnixListener::bind(&path).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(addr.as_pathname(), Some(&*path));
        let client = UnixStream::connect(&path).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert!(peer.is_unnamed(), "{peer:?}");
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
        assert!(client.local_addr().unwrap().is_unnamed());

        client.write_all(b"ping").await.unwrap();
        let mut buf = [0; 16];
        let n = server.read(&mut buf).await.unwrap();
        assert_eq!(&buf[..n], b"ping");
        server.write_all(b"pong!").await.unwrap();
        let mut exact = [0; 5];
        client.read_exact(&mut exact).await.unwrap();
        assert_eq!(&exact, b"pong!");
        let error = client.read_exact(&mut exact);
        drop(server);
        assert_eq!(error.await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn addresses_are_values_too() {
    block_on(async {
        let (_dir, path) = path();
        let addr = SocketAddr::from_pathname(&path).unwrap();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let client = UnixStream::connect_addr(&addr).await.unwrap();
        let mut incoming = listener.incoming();
        let server = incoming.next().await.unwrap().unwrap();
        drop(client);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        let std = std::os::unix::net::SocketAddr::from(addr.clone());
        assert_eq!(
            std.as_pathname(),
            SocketAddr::from(std.clone()).as_pathname()
        );
        assert!(format!("{addr:?}").contains("socket"));
        let long = "x".repeat(200);
        let error = SocketAddr::from_pathname(&long).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(UnixListener::bind(&long).is_err());
        assert!(UnixStream::connect(&long).await.is_err());
        let error = SocketAddr::from_pathname("a\0b").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn megabytes_pass_both_ways_at_once_byte_for_byte() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
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
        let (client, server) = UnixStream::pair().unwrap();
        let bufs = [
            IoSlice::new(b"abc"),
            IoSlice::new(b""),
            IoSlice::new(b"defg"),
        ];
        assert_eq!(client.write_vectored(&bufs).await.unwrap(), 7);
        let (mut first, mut second) = ([0; 2], [0; 16]);
        let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(server.read_vectored(&mut bufs).await.unwrap(), 7);
        assert_eq!((&first, &second[..5]), (b"ab", &b"cdefg"[..]));

        // More than the kernel takes are written, and read, in part.
        let bufs = vec![IoSlice::new(b"x"); 3000];
        let written = client.write_vectored(&bufs).await.unwrap();
        assert!((1..=3000).contains(&written));
        let mut bytes = vec![0; written];
        let mut bufs: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
        let read = server.read_vectored(&mut bufs).await.unwrap();
        assert!((1..=written).contains(&read));
    });
}

#[test]
fn the_end_of_the_other_side_reads_as_zero_again_and_again() {
    block_on(async {
        let (stream, mut other) = pair_with_std();
        assert!(poll!(pin!(stream.read(&mut [0; 64]))).is_pending());
        // Data and end are there before the loop looks again: one event says both.
        other.write_all(b"last words").unwrap();
        drop(other);
        let mut buf = [0; 64];
        assert_eq!(stream.read(&mut buf).await.unwrap(), 10);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
        assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn a_half_closed_connection_goes_on_the_other_way() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        client.shutdown_now(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        server.write_all(b"still").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 5);
        let error = client.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_write_after_the_other_end_has_closed_is_a_broken_pipe() {
    block_on(async {
        let (stream, other) = pair_with_std();
        drop(other);
        let error = stream.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let bufs = [IoSlice::new(b"x")];
        let error = stream.write_vectored(&bufs).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        // A writer that waits for room learns of it, too.
        let (stream, other) = pair_with_std();
        let writer =
            quintet::spawn(async move { stream.write_all(&vec![0; 8_000_000]).await.unwrap_err() });
        yield_now().await;
        assert!(!writer.is_finished());
        drop(other);
        let kind = writer.await.unwrap().kind();
        assert!(
            matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "{kind:?}"
        );
    });
}

#[test]
fn closing_with_unread_data_resets_the_connection() {
    block_on(async {
        let (stream, other) = pair_with_std();
        stream.write_all(b"never read").await.unwrap();
        let stream = Rc::new(stream);
        let reader = Rc::clone(&stream);
        let reader = quintet::spawn(async move { reader.read(&mut [0; 8]).await });
        yield_now().await;
        drop(other);
        let result = reader.await.unwrap();
        // Linux says so; other systems only report the end.
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn peek_leaves_the_data() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        client.write_all(b"abc").await.unwrap();
        let mut buf = [0; 2];
        assert_eq!(server.peek(&mut buf).await.unwrap(), 2);
        assert_eq!(server.peek(&mut buf).await.unwrap(), 2);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 3);
    });
}

#[test]
fn try_operations_do_not_wait() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
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
fn calls_of_ones_own_wait_for_readiness() {
    block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let read = || Ok(rustix::io::read(&other, &mut [0; 2][..])?);
        let error = other.try_io(Interest::READABLE, read).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut reading = pin!(other.async_io(Interest::READABLE, read));
        assert!(poll!(reading.as_mut()).is_pending());
        one.write_all(b"abcd").await.unwrap();
        assert_eq!(reading.await.unwrap(), 2);
        assert_eq!(other.try_io(Interest::READABLE, read).unwrap(), 2);
        drop(one);
        let ready = other.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_readable());
        assert_eq!(other.try_io(Interest::READABLE, read).unwrap(), 0);
    });
}

#[test]
fn nothing_is_read_and_written_at_once() {
    block_on(async {
        let (mut stream, _other) = UnixStream::pair().unwrap();
        // It is registered, and ready for neither.
        assert!(poll!(pin!(stream.read(&mut [0]))).is_pending());
        while poll!(pin!(stream.write(&[0; 65536]))).is_ready() {}
        assert_eq!(stream.read(&mut []).await.unwrap(), 0);
        assert_eq!(stream.peek(&mut []).await.unwrap(), 0);
        assert_eq!(stream.write(&[]).await.unwrap(), 0);
        assert_eq!(stream.try_read(&mut []).unwrap(), 0);
        assert_eq!(stream.try_write(&[]).unwrap(), 0);
        assert_eq!(stream.read_vectored(&mut []).await.unwrap(), 0);
        assert_eq!(stream.write_vectored(&[]).await.unwrap(), 0);
        assert_eq!(AsyncReadExt::read(&mut stream, &mut []).await.unwrap(), 0);
        let (mut reader, mut writer) = stream.split();
        assert_eq!(reader.read(&mut []).await.unwrap(), 0);
        assert_eq!(writer.write(&[]).await.unwrap(), 0);
    });
}

#[test]
fn all_tasks_that_wait_to_read_see_the_end() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let server = Rc::new(server);
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let server = Rc::clone(&server);
                quintet::spawn(async move { server.read(&mut [0; 8]).await.unwrap() })
            })
            .collect();
        yield_now().await;
        drop(client);
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 0);
        }
    });
}

#[test]
fn each_of_many_readers_gets_a_part() {
    const COUNT: usize = 200;
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let server = Rc::new(server);
        let readers: Vec<_> = (0..COUNT)
            .map(|_| {
                let server = Rc::clone(&server);
                quintet::spawn(async move {
                    let mut byte = [0];
                    server.read_exact(&mut byte).await.unwrap();
                    byte[0]
                })
            })
            .collect();
        yield_now().await;
        let bytes: Vec<u8> = (0..COUNT as u8).collect();
        client.write_all(&bytes).await.unwrap();
        let mut received = Vec::new();
        for reader in readers {
            received.push(reader.await.unwrap());
        }
        received.sort_unstable();
        assert_eq!(received, bytes);
    });
}

#[test]
fn callers_of_the_trait_and_of_references_are_woken() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        let mut buf = [0; 8];
        let poll = Pin::new(&mut &server).poll_read(&mut cx, &mut buf);
        assert!(poll.is_pending());
        let poll = Pin::new(&mut &client).poll_write(&mut cx, b"abc");
        assert!(matches!(poll, Poll::Ready(Ok(3))), "{poll:?}");
        while counter.wakes() == 0 {
            yield_now().await;
        }
        let poll = Pin::new(&mut &server).poll_read(&mut cx, &mut buf);
        assert!(matches!(poll, Poll::Ready(Ok(3))), "{poll:?}");
        let poll = Pin::new(&mut &client).poll_flush(&mut cx);
        assert!(matches!(poll, Poll::Ready(Ok(()))), "{poll:?}");
        let mut client = client;
        client.close_by_trait().await;
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
    });
}

trait CloseByTrait {
    async fn close_by_trait(&mut self);
}

impl CloseByTrait for UnixStream {
    async fn close_by_trait(&mut self) {
        AsyncWriteExt::close(self).await.unwrap();
    }
}

#[test]
fn tokios_traits_work_on_it() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let (mut read, write) = client.into_split();
        let mut write = write;
        tokio::io::AsyncWriteExt::write_all(&mut write, b"abc")
            .await
            .unwrap();
        drop(write);
        let mut server = server;
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut server, &mut text)
            .await
            .unwrap();
        assert_eq!(text, "abc");
        drop(server);
        let n = tokio::io::AsyncReadExt::read(&mut read, &mut [0; 8]).await;
        assert_eq!(n.unwrap(), 0);
    });
}

#[test]
fn halves_can_be_reunited_and_those_of_others_not() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let (read, write) = client.into_split();
        let (other_read, other_write) = server.into_split();
        let error = read.reunite(other_write).unwrap_err();
        let text = "the halves belong to different connections";
        assert_eq!(error.to_string(), text);
        let (read, other_write) = (error.0, error.1);
        assert!(read.local_addr().unwrap().is_unnamed());
        assert!(write.peer_addr().unwrap().is_unnamed());
        let client = read.reunite(write).unwrap();
        let server = other_write.reunite(other_read).unwrap();
        // The write side is still open.
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn a_forgotten_write_half_leaves_the_write_side_open() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let (read, write) = client.into_split();
        write.forget();
        assert!(poll!(pin!(server.read(&mut [0; 8]))).is_pending());
        drop(read);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn closing_one_half_ends_a_read_that_waits_in_the_other() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        let (mut read, write) = client.into_split();
        let reader = quintet::spawn(async move { read.read(&mut [0; 8]).await });
        yield_now().await;
        write.close();
        let error = reader.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn borrowed_halves_work_side_by_side() {
    block_on(async {
        let (mut client, server) = UnixStream::pair().unwrap();
        let (mut read, mut write) = UnixStream::split(&mut client);
        server.write_all(b"three").await.unwrap();
        let mut buf = [0; 5];
        let (read, written) = join(read.read_exact(&mut buf), write.write_all(b"one")).await;
        read.unwrap();
        written.unwrap();
        assert_eq!(&buf, b"three");
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 3);
    });
}

// -------------------------------------------------------------------------------- errors

#[test]
fn what_cannot_be_bound_or_connected_names_the_path() {
    block_on(async {
        let (dir, path) = path();
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = format!("cannot connect to {}: ", path.display());
        assert!(error.to_string().starts_with(&text), "{error}");

        let listener = UnixListener::bind(&path).unwrap();
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = format!("cannot listen on {}: ", path.display());
        assert!(error.to_string().starts_with(&text), "{error}");
        let source = std::error::Error::source(&error).unwrap();
        let source = source.downcast_ref::<std::io::Error>().unwrap();
        assert!(source.raw_os_error().is_some());

        // The path stays when the listener is dropped, and refuses connections.
        drop(listener);
        assert!(path.exists());
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        std::fs::remove_file(&path).unwrap();
        UnixListener::bind(&path).unwrap();

        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = UnixStream::connect(&file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(UnixStream::connect("").await.is_err());
    });
}

#[test]
fn a_connect_to_a_listener_whose_backlog_is_full_does_not_wait() {
    block_on(async {
        let (_dir, path) = path();
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let listener = socket.listen(1).unwrap();
        let mut clients = Vec::new();
        let error = loop {
            match UnixStream::connect(&path).await {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
            assert!(clients.len() < 100, "the backlog is not full");
        };
        // Linux says that it would block, other systems refuse.
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::WouldBlock | ErrorKind::ConnectionRefused),
            "{error}"
        );
        // When there is room, it connects.
        drop(listener.accept().await.unwrap());
        UnixStream::connect(&path).await.unwrap();
    });
}

#[test]
fn the_longest_path_of_a_client_is_accepted() {
    block_on(async {
        let (dir, path) = path();
        let listener = UnixListener::bind(&path).unwrap();
        let room = 108 - dir.path().as_os_str().len() - 1;
        for len in [room, room - 1] {
            let client_path = dir.path().join("x".repeat(len));
            let socket = UnixSocket::new_stream().unwrap();
            // std takes no path without room for a NUL byte, the kernel does.
            let addr = SocketAddrUnix::new(&client_path).unwrap();
            if rustix::net::bind(&socket, &addr).is_err() {
                continue;
            }
            let _client = socket.connect(&path).await.unwrap();
            let (server, peer) = listener.accept().await.unwrap();
            assert_eq!(peer.as_pathname(), Some(&*client_path));
            let peer = server.peer_addr().unwrap();
            assert_eq!(peer.as_pathname(), Some(&*client_path));
        }
    });
}

#[test]
fn the_builder_refuses_what_its_kind_cannot_do() {
    block_on(async {
        let (_dir, path) = path();
        let listener = UnixListener::bind(&path).unwrap();
        let datagram = || UnixSocket::new_datagram().unwrap();
        let error = datagram().listen(1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = datagram().connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = UnixSocket::new_stream().unwrap().datagram().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = datagram().bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);

        let socket = UnixSocket::new_stream().unwrap();
        let _client = socket.connect(&path).await.unwrap();
        listener.accept().await.unwrap();
        assert!(listener.take_error().unwrap().is_none());
    });
}

#[test]
fn the_listener_polls_and_wakes() {
    block_on(async {
        let (_dir, path) = path();
        let listener = UnixListener::bind(&path).unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        assert!(listener.poll_accept(&mut cx).is_pending());
        let client = UnixStream::connect(&path).await.unwrap();
        while counter.wakes() == 0 {
            yield_now().await;
        }
        assert!(listener.poll_accept(&mut cx).is_ready());
        drop(client);
    });
}

#[test]
fn a_listener_closed_on_request_refuses_connections() {
    block_on(async {
        let (_dir, path) = path();
        let listener = UnixListener::bind(&path).unwrap();
        assert!(poll!(pin!(listener.accept())).is_pending());
        listener.close().await;
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_credentials_of_the_other_end_are_known() {
    let (one, _other) = UnixStream::pair().unwrap();
    match one.peer_cred() {
        Ok(peer) => {
            assert_eq!(peer.pid(), i32::try_from(std::process::id()).ok());
            let metadata = std::fs::metadata("/proc/self").unwrap();
            use std::os::unix::fs::MetadataExt;
            assert_eq!(peer.uid(), metadata.uid());
            assert_eq!(peer.gid(), metadata.gid());
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
}

// ------------------------------------------------------------------- loops and descriptors

#[test]
fn a_stream_used_on_the_wrong_loop_is_an_error_that_names_both() {
    let (client, server) = block_on(async {
        strict::may_leak();
        let (client, server) = UnixStream::pair().unwrap();
        client.write_all(b"x").await.unwrap();
        server.readable().await.unwrap();
        (client, server)
    });
    block_on(async move {
        let error = server.read(&mut [0; 8]).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(text.matches("quintet loop").count(), 2, "{text}");
        // Which is how it moves all the same.
        let server = UnixStream::try_from(server.into_std().unwrap()).unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
        drop(client);
    });
}

#[test]
fn outside_of_a_runtime_an_operation_is_an_error() {
    let (client, _server) = UnixStream::pair().unwrap();
    let mut write = pin!(client.write(b"x"));
    let poll = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(poll, Poll::Ready(Err(_))), "{poll:?}");
}

#[test]
fn a_stream_may_outlive_its_runtime() {
    let runtime = Runtime::new().unwrap();
    let (client, server) = runtime.block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        assert!(poll!(pin!(server.read(&mut [0; 8]))).is_pending());
        (client, server)
    });
    drop(runtime);
    drop(client);
    let mut server = server.into_std().unwrap();
    server.set_nonblocking(false).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_stream_dropped_on_another_thread_is_closed_at_once() {
    block_on(async {
        let (client, server) = UnixStream::pair().unwrap();
        assert!(poll!(pin!(server.read(&mut [0; 8]))).is_pending());
        thread::spawn(move || drop(server)).join().unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn waiting_keeps_the_runtime_alive_unless_unreferenced() {
    let runtime = Runtime::new().unwrap();
    let (dir, path) = path();
    let listener = Rc::new(UnixListener::bind(&path).unwrap());
    let task = runtime.spawn({
        let listener = Rc::clone(&listener);
        async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.read(&mut [0; 8]).await.unwrap()
        }
    });
    assert!(listener.has_ref());
    listener.unref();
    assert!(!listener.has_ref());
    watched(|| runtime.run()).unwrap();
    assert!(!task.is_finished());

    listener.ref_();
    let client = thread::spawn(move || {
        let mut client = StdStream::connect(&path).unwrap();
        client.write_all(b"x").unwrap();
        client
    });
    watched(|| runtime.run()).unwrap();
    assert!(task.is_finished());
    drop(client.join().unwrap());
    drop(dir);
}

#[test]
fn descriptors_are_closed_on_exec_and_do_not_block() {
    fn check(socket: impl AsFd) {
        let flags = rustix::io::fcntl_getfd(&socket).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let flags = rustix::fs::fcntl_getfl(&socket).unwrap();
        assert!(flags.contains(rustix::fs::OFlags::NONBLOCK));
    }
    block_on(async {
        let (_dir, path) = path();
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (one, other) = UnixStream::pair().unwrap();
        check(&listener);
        for stream in [client, server, one, other] {
            check(&stream);
        }
        check(UnixSocket::new_stream().unwrap());
    });
}

#[test]
fn a_listener_is_readable_when_a_connection_waits() {
    block_on(async {
        let (_dir, path) = path();
        let listener = Rc::new(UnixListener::bind(&path).unwrap());
        let error = listener.try_accept().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let waits = quintet::spawn({
            let listener = Rc::clone(&listener);
            async move { listener.ready(Interest::READABLE).await }
        });
        yield_now().await;
        assert!(!waits.is_finished());
        let mut client = StdStream::connect(&path).unwrap();
        assert_eq!(waits.await.unwrap().unwrap(), Ready::READABLE);
        let (stream, _) = listener.try_accept().unwrap();
        client.write_all(b"x").unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 1);

        // It is known that none waits, so `f` is not called.
        let none = listener.try_accept().unwrap_err();
        assert_eq!(none.kind(), ErrorKind::WouldBlock);
        let tried = listener.try_io(Interest::READABLE, || -> std::io::Result<()> {
            panic!("no connection waits")
        });
        assert_eq!(tried.unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}
