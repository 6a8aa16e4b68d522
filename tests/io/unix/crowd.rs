//! Many connections at once, and none left: in processes of their own, which count descriptors.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use futures::AsyncReadExt;
use futures::future::join;
use quintet::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use quintet::net::{UnixDatagram, UnixListener, UnixStream};
use quintet::runtime::Builder;
use quintet::task::{JoinSet, yield_now};
use quintet::time::sleep;
use rustix::io::Errno;

use super::{block_on, path};
use crate::support::child::{child, in_a_child};
use crate::support::skipped::skip;
use crate::support::strict;

/// A process of one test, with a limit of descriptors.
fn child_with_limit(test: &str, limit: &str) -> Command {
    let plain = child(test);
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(plain.get_program());
    command.args(plain.get_args());
    let envs = plain.get_envs();
    command.envs(envs.filter_map(|(name, value)| Some((name, value?))));
    command
}

/// The most that this user may have.
const HARD_LIMIT: &str = "\"$(ulimit -Hn)\"";

fn open_descriptors() -> usize {
    std::fs::read_dir("/dev/fd").unwrap().count()
}

/// Random numbers that repeat: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Waits for a while, or not at all. Time is paused, so no thread waits.
    async fn stall(&mut self) {
        match self.below(5) {
            0 => yield_now().await,
            1 => sleep(Duration::from_millis(self.below(20) as u64)).await,
            _ => {}
        }
    }
}

// ----------------------------------------------------------------------- out of descriptors

#[test]
fn a_process_without_descriptors_accepts_later() {
    let child = child_with_limit(
        "unix::crowd::a_process_without_descriptors_accepts_later",
        "64",
    );
    let _output = in_a_child(child, || {
        block_on(async {
            let (_dir, path) = path();
            let listener = UnixListener::bind(&path).unwrap();
            let (receiver, sender) = UnixStream::pair().unwrap();
            let clients: Vec<_> = (0..5).map(|_| StdStream::connect(&path).unwrap()).collect();
            sender.send_fds(b"x", &[clients[0].as_fd()]).await.unwrap();
            let mut fill: Vec<OwnedFd> = Vec::new();
            while let Ok(fd) = listener.as_fd().try_clone_to_owned() {
                fill.push(fd);
            }
            let code = Some(Errno::MFILE.raw_os_error());
            for _ in 0..3 {
                let error = listener.accept().await.unwrap_err();
                assert_eq!(error.raw_os_error(), code);
            }
            assert_eq!(UnixStream::pair().unwrap_err().raw_os_error(), code);
            assert_eq!(UnixDatagram::unbound().unwrap_err().raw_os_error(), code);
            assert!(UnixStream::connect(&path).await.is_err());
            // What cannot be received is said to be missing.
            let received = receiver.recv_fds(&mut [0; 8], 4).await.unwrap();
            assert_eq!((received.len, received.fds.len()), (1, 0));
            assert!(received.is_truncated);

            fill.truncate(fill.len() - clients.len());
            for mut client in clients {
                let (server, _) = listener.accept().await.unwrap();
                server.write_all(b"late").await.unwrap();
                drop(server);
                let mut text = String::new();
                std::io::Read::read_to_string(&mut client, &mut text).unwrap();
                assert_eq!(text, "late");
            }
        });
    });
}

// --------------------------------------------------------------------- thousands of events

#[test]
fn five_thousand_sockets_that_are_ready_at_once_are_all_served() {
    // The loop fetches some hundred events at once.
    const PAIRS: usize = 2500;
    let child = child_with_limit(
        "unix::crowd::five_thousand_sockets_that_are_ready_at_once_are_all_served",
        HARD_LIMIT,
    );
    let _output = in_a_child(child, || {
        let before = open_descriptors();
        block_on(async {
            let mut ends = Vec::new();
            for _ in 0..PAIRS {
                match UnixStream::pair() {
                    Ok((one, other)) => ends.extend([Rc::new(one), Rc::new(other)]),
                    Err(error) => return skip(error),
                }
            }
            let mut readers = Vec::new();
            for end in &ends {
                let end = Rc::clone(end);
                readers.push(quintet::spawn(async move {
                    let mut buf = [0; 8];
                    end.read_exact(&mut buf).await.unwrap();
                    usize::from_le_bytes(buf)
                }));
            }
            yield_now().await;
            for (n, end) in ends.iter().enumerate() {
                assert_eq!(end.try_write(&n.to_le_bytes()).unwrap(), 8);
            }
            for (n, reader) in readers.into_iter().enumerate() {
                // Each has the number of its other end.
                assert_eq!(reader.await.unwrap(), n ^ 1);
            }
        });
        assert_eq!(open_descriptors(), before);
    });
}

// ------------------------------------------------------------- sizes, stalls and drops

const CONNECTIONS: u64 = 1000;

/// Sends back what comes, with stalls.
async fn echo(stream: UnixStream, mut random: Random) {
    let mut buf = vec![0; 1 + random.below(5000)];
    loop {
        let n = match stream.read(&mut buf).await {
            Ok(0) => return,
            Ok(n) => n,
            // The client has closed while it had something to read.
            Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        };
        random.stall().await;
        if let Err(error) = stream.write_all(&buf[..n]).await {
            let kind = error.kind();
            let is_closed = matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
            return assert!(is_closed, "{error}");
        }
    }
}

/// Writes `data` in pieces; the half is dropped afterwards.
async fn send(write: OwnedWriteHalf, data: &[u8], random: &mut Random) {
    let mut rest = data;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + random.below(rest.len().min(8000)));
        let stream: &UnixStream = write.as_ref();
        stream.write_all(piece).await.unwrap();
        rest = after;
        random.stall().await;
    }
}

/// Reads until the end, or until `limit` bytes have come.
async fn receive(mut read: OwnedReadHalf, limit: usize, random: &mut Random) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buf = vec![0; 1 + random.below(5000)];
    while received.len() < limit {
        let n = read.read(&mut buf).await.unwrap();
        if n == 0 {
            break;
        }
        received.extend_from_slice(&buf[..n]);
        random.stall().await;
    }
    received
}

/// A client that checks what comes back. Some go in the middle of it.
async fn client(path: &Path, seed: u64) {
    let mut random = Random(seed);
    let stream = loop {
        match UnixStream::connect(path).await {
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
    let (read, write) = stream.into_split();
    let send = send(write, &data, &mut random);
    let receive = receive(read, limit, &mut other_random);
    let received = if does_go {
        // Whichever ends first, the other half is dropped where it is.
        let send = std::pin::pin!(send);
        let receive = std::pin::pin!(receive);
        match futures::future::select(receive, send).await {
            futures::future::Either::Left((received, _send)) => received,
            futures::future::Either::Right(((), _receive)) => return,
        }
    } else {
        join(send, receive).await.1
    };
    assert!(data.starts_with(&received), "connection {seed}");
    assert!(does_go || received.len() == len, "connection {seed}");
}

#[test]
fn a_thousand_connections_with_stalls_and_drops_leave_nothing() {
    let child = child_with_limit(
        "unix::crowd::a_thousand_connections_with_stalls_and_drops_leave_nothing",
        HARD_LIMIT,
    );
    let _output = in_a_child(child, || {
        let before = open_descriptors();
        let (dir, path) = path();
        let mut builder = Builder::new();
        builder.start_paused(true);
        strict::block_on_built_by(&mut builder, async {
            let listener = UnixListener::bind(&path).unwrap();
            let server = quintet::spawn(async move {
                let mut handlers = JoinSet::new();
                for seed in 0..CONNECTIONS {
                    let (stream, _) = listener.accept().await.unwrap();
                    handlers.spawn(echo(stream, Random(!seed)));
                }
                while let Some(handled) = handlers.join_next().await {
                    handled.unwrap();
                }
            });
            let mut clients = JoinSet::new();
            for seed in 0..CONNECTIONS {
                let path = path.clone();
                clients.spawn(async move { client(&path, seed).await });
            }
            while let Some(ended) = clients.join_next().await {
                ended.unwrap();
            }
            server.await.unwrap();
        });
        drop(dir);
        assert_eq!(open_descriptors(), before);
    });
}
