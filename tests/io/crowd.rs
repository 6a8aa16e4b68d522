//! A thousand connections with random sizes, stalls and drops: each client gets its own bytes back,
//! and nothing is left. It runs in a process of its own, which counts descriptors.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, join, select};
use futures::{AsyncRead, AsyncReadExt};
use quintet::net::{TcpListener, TcpStream, UnixListener, UnixStream, tcp, unix};
use quintet::runtime::Builder;
use quintet::task::{JoinSet, yield_now};
use quintet::time::sleep;

use crate::support::child::{HARD_LIMIT, child_with_limit, in_a_child, open_descriptors};
use crate::support::random::Random;
use crate::support::strict;

const CONNECTIONS: u64 = 1000;

/// What connects the clients with the server.
trait Transport: 'static {
    type Addr: Clone + 'static;
    type Listener: 'static;
    type Stream: 'static;
    type ReadHalf: AsyncRead + Unpin;
    type WriteHalf: AsRef<Self::Stream>;

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream>;
    async fn connect(addr: &Self::Addr) -> io::Result<Self::Stream>;
    async fn read(stream: &Self::Stream, buf: &mut [u8]) -> io::Result<usize>;
    async fn write_all(stream: &Self::Stream, data: &[u8]) -> io::Result<()>;
    fn into_split(stream: Self::Stream) -> (Self::ReadHalf, Self::WriteHalf);
}

macro_rules! transport {
    ($name:ident, $module:ident, $listener:ident, $stream:ident, $addr:ty) => {
        struct $name;

        impl Transport for $name {
            type Addr = $addr;
            type Listener = $listener;
            type Stream = $stream;
            type ReadHalf = $module::OwnedReadHalf;
            type WriteHalf = $module::OwnedWriteHalf;

            async fn accept(listener: &$listener) -> io::Result<$stream> {
                listener.accept().await.map(|(stream, _)| stream)
            }

            async fn connect(addr: &$addr) -> io::Result<$stream> {
                $stream::connect(addr).await
            }

            async fn read(stream: &$stream, buf: &mut [u8]) -> io::Result<usize> {
                stream.read(buf).await
            }

            async fn write_all(stream: &$stream, data: &[u8]) -> io::Result<()> {
                stream.write_all(data).await
            }

            fn into_split(stream: $stream) -> (Self::ReadHalf, Self::WriteHalf) {
                stream.into_split()
            }
        }
    };
}

transport!(Tcp, tcp, TcpListener, TcpStream, SocketAddr);
transport!(Unix, unix, UnixListener, UnixStream, PathBuf);

/// Waits for a while, or not at all. Time is paused, so no thread waits.
async fn stall(random: &mut Random) {
    match random.below(5) {
        0 => yield_now().await,
        1 => sleep(Duration::from_millis(random.below(20) as u64)).await,
        _ => {}
    }
}

/// Sends back what comes, with stalls.
async fn echo<T: Transport>(stream: T::Stream, mut random: Random) {
    let mut buf = vec![0; 1 + random.below(5000)];
    loop {
        let n = match T::read(&stream, &mut buf).await {
            Ok(0) => return,
            Ok(n) => n,
            // The client has closed while it had something to read.
            Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        };
        stall(&mut random).await;
        if let Err(error) = T::write_all(&stream, &buf[..n]).await {
            let kind = error.kind();
            let is_closed = matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
            return assert!(is_closed, "{error}");
        }
    }
}

/// Writes `data` in pieces; the half is dropped afterwards.
async fn send<T: Transport>(write: T::WriteHalf, data: &[u8], random: &mut Random) {
    let mut rest = data;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + random.below(rest.len().min(8000)));
        T::write_all(write.as_ref(), piece).await.unwrap();
        rest = after;
        stall(random).await;
    }
}

/// Reads until the end, or until `limit` bytes have come.
async fn receive<T: Transport>(
    mut read: T::ReadHalf,
    limit: usize,
    random: &mut Random,
) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buf = vec![0; 1 + random.below(5000)];
    while received.len() < limit {
        let n = read.read(&mut buf).await.unwrap();
        if n == 0 {
            break;
        }
        received.extend_from_slice(&buf[..n]);
        stall(random).await;
    }
    received
}

/// A client that checks what comes back. Some go in the middle of it.
async fn client<T: Transport>(addr: T::Addr, seed: u64) {
    let mut random = Random(seed);
    let stream = loop {
        match T::connect(&addr).await {
            Ok(stream) => break stream,
            // The backlog is full.
            Err(error) if error.kind() == ErrorKind::WouldBlock => yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    let len = random.below(40_000);
    let data: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
    let does_go = random.below(4) == 0;
    let limit = if does_go {
        random.below(len + 1)
    } else {
        usize::MAX
    };
    let mut other_random = Random(random.next());
    let (read, write) = T::into_split(stream);
    let send = send::<T>(write, &data, &mut random);
    let receive = receive::<T>(read, limit, &mut other_random);
    let received = if does_go {
        // Whichever ends first, the other half is dropped where it is.
        match select(pin!(receive), pin!(send)).await {
            Either::Left((received, _send)) => received,
            Either::Right(((), _receive)) => return,
        }
    } else {
        join(send, receive).await.1
    };
    assert!(data.starts_with(&received), "connection {seed}");
    assert!(does_go || received.len() == len, "connection {seed}");
}

/// Runs the server, and all clients, in a child process.
fn crowd<T: Transport, G>(test: &str, listen: impl AsyncFn() -> (T::Listener, T::Addr, G)) {
    let _output = in_a_child(child_with_limit(test, HARD_LIMIT), || {
        let before = open_descriptors();
        let mut builder = Builder::new();
        builder.start_paused(true);
        strict::block_on_built_by(&mut builder, async {
            let (listener, addr, _guard) = listen().await;
            let server = quintet::spawn(async move {
                let mut handlers = JoinSet::new();
                for seed in 0..CONNECTIONS {
                    let stream = T::accept(&listener).await.unwrap();
                    handlers.spawn(echo::<T>(stream, Random(!seed)));
                }
                while let Some(handled) = handlers.join_next().await {
                    handled.unwrap();
                }
            });
            let mut clients = JoinSet::new();
            for seed in 0..CONNECTIONS {
                clients.spawn(client::<T>(addr.clone(), seed));
            }
            while let Some(ended) = clients.join_next().await {
                ended.unwrap();
            }
            server.await.unwrap();
        });
        assert_eq!(open_descriptors(), before);
    });
}

#[test]
fn a_thousand_tcp_connections_with_stalls_and_drops_leave_nothing() {
    let test = "crowd::a_thousand_tcp_connections_with_stalls_and_drops_leave_nothing";
    crowd::<Tcp, _>(test, async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, addr, ())
    });
}

#[test]
fn a_thousand_unix_connections_with_stalls_and_drops_leave_nothing() {
    let test = "crowd::a_thousand_unix_connections_with_stalls_and_drops_leave_nothing";
    crowd::<Unix, _>(test, async || {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        (UnixListener::bind(&path).unwrap(), path, dir)
    });
}
