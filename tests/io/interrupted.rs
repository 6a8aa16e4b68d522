//! A system call that a signal has interrupted is made again. `strace` lets every second one fail
//! with `EINTR`, so nothing here depends on when a signal comes.

use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::os::fd::AsFd;

use futures::future::join;
use quintet::fs::File;
use quintet::net::unix::pipe;
use quintet::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use quintet::spawn_blocking;
use quintet::time::{Duration, sleep};

use crate::support::child::in_a_child;
use crate::support::strace::traced_child;
use crate::support::strict;

/// Runs `test` where the first, the third, the fifth of each of these calls of each thread fails.
/// Asserts that those of `certain` did.
fn interrupted(test: &str, calls: &str, certain: &[&str], body: impl FnOnce()) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("calls");
    let inject = format!("inject={calls}:error=EINTR:when=1+2");
    let args = ["-e", &format!("trace={calls}"), "-e", &inject];
    let Some(command) = traced_child(test, &log, &args) else {
        return;
    };
    if in_a_child(command, body).is_none() {
        return;
    }
    let log = std::fs::read_to_string(log).unwrap();
    for call in certain {
        let mut lines = log.lines();
        let was_interrupted = lines
            .any(|line| line.contains(call) && line.contains("EINTR") && line.contains("INJECTED"));
        assert!(was_interrupted, "no {call} was interrupted");
    }
}

/// Bytes that differ from place to place.
fn data(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 / 3) as u8).collect()
}

#[test]
fn connections() {
    let calls = "accept4,accept,recvfrom,sendto,readv,writev,recvmsg,sendmsg,poll,ppoll,epoll_wait";
    let certain = ["accept4", "recvfrom", "sendto", "epoll_wait"];
    interrupted("interrupted::connections", calls, &certain, || {
        strict::block_on(async {
            let data = data(1 << 20);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            for _ in 0..3 {
                let (client, accepted) = join(TcpStream::connect(addr), listener.accept()).await;
                let (client, (server, _)) = (client.unwrap(), accepted.unwrap());
                let send = async {
                    client.writable().await.unwrap();
                    let (first, rest) = data.split_at(1000);
                    let n = client.write_vectored(&[IoSlice::new(first)]).await.unwrap();
                    assert_eq!(n, first.len());
                    client.write_all(rest).await.unwrap();
                    drop(client);
                };
                let receive = async {
                    server.readable().await.unwrap();
                    let mut received = vec![0; 500];
                    server.peek(&mut received).await.unwrap();
                    let slices = &mut [IoSliceMut::new(&mut received)];
                    assert_eq!(server.read_vectored(slices).await.unwrap(), 500);
                    let mut buf = [0; 5000];
                    loop {
                        match server.read(&mut buf).await.unwrap() {
                            0 => return received,
                            n => received.extend_from_slice(&buf[..n]),
                        }
                    }
                };
                assert!(join(receive, send).await.0 == data);
            }
        });
    });
}

#[test]
fn unix_sockets_and_pipes() {
    let calls = "accept4,accept,recvfrom,sendto,readv,writev,recvmsg,sendmsg,poll,ppoll,epoll_wait";
    let certain = [
        "accept4",
        "recvmsg",
        "sendmsg",
        "readv",
        "writev",
        "epoll_wait",
    ];
    interrupted(
        "interrupted::unix_sockets_and_pipes",
        calls,
        &certain,
        || {
            strict::block_on(async {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("socket");
                let listener = UnixListener::bind(&path).unwrap();
                let (client, accepted) = join(UnixStream::connect(&path), listener.accept()).await;
                let (client, (server, _)) = (client.unwrap(), accepted.unwrap());
                for _ in 0..4 {
                    let receive = async { server.recv_fds(&mut [0; 8], 1).await };
                    let send = async { client.send_fds(b"fd", &[dir_fd(&dir).as_fd()]).await };
                    let (received, sent) = join(receive, send).await;
                    assert_eq!((received.unwrap().fds.len(), sent.unwrap()), (1, 2));
                }

                let (one, other) = UnixDatagram::pair().unwrap();
                for n in 0..4 {
                    let mut buf = [0; 8];
                    let (received, sent) = join(other.recv(&mut buf), one.send(&[n, n])).await;
                    assert_eq!((received.unwrap(), sent.unwrap()), (2, 2));
                    assert_eq!(buf[..2], [n, n]);
                }

                let (sender, receiver) = pipe::pipe().unwrap();
                for n in 0..4 {
                    let mut buf = [0; 8];
                    let slices = &mut [IoSliceMut::new(&mut buf)];
                    let write = [n; 3];
                    let write = &[IoSlice::new(&write)];
                    let (read, written) =
                        join(receiver.read_vectored(slices), sender.write_vectored(write)).await;
                    assert_eq!((read.unwrap(), written.unwrap()), (3, 3));
                    assert_eq!(buf[..3], [n; 3]);
                }
            });
        },
    );
}

fn dir_fd(dir: &tempfile::TempDir) -> std::fs::File {
    std::fs::File::open(dir.path()).unwrap()
}

#[test]
fn datagrams_and_waits() {
    let calls = "recvfrom,sendto,recvmsg,sendmsg,poll,ppoll,epoll_wait";
    let certain = ["recvfrom", "sendto", "epoll_wait"];
    interrupted("interrupted::datagrams_and_waits", calls, &certain, || {
        strict::block_on(async {
            let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let addr = other.local_addr().unwrap();
            for n in 0..10 {
                let mut buf = [0; 8];
                let receive = other.recv_from(&mut buf);
                let (received, sent) = join(receive, one.send_to(&[n], addr)).await;
                assert_eq!(received.unwrap(), (1, one.local_addr().unwrap()));
                assert_eq!((sent.unwrap(), buf[0]), (1, n));
                // The wait for a timer, and for a worker.
                sleep(Duration::from_millis(1)).await;
                assert_eq!(spawn_blocking(move || n).await.unwrap(), n);
            }
        });
    });
}

#[test]
fn a_part_of_a_file_that_is_sent() {
    let calls = "sendfile,preadv2,recvfrom,sendto,epoll_wait";
    let certain = ["recvfrom", "epoll_wait"];
    interrupted(
        "interrupted::a_part_of_a_file_that_is_sent",
        calls,
        &certain,
        || {
            strict::block_on(async {
                let data = data(1 << 20);
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("file");
                std::fs::write(&path, &data).unwrap();
                let mut file = File::open(&path).await.unwrap();
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let addr = listener.local_addr().unwrap();
                let (client, accepted) = join(TcpStream::connect(addr), listener.accept()).await;
                let (client, (server, _)) = (client.unwrap(), accepted.unwrap());
                let len = data.len() as u64;
                let send = async {
                    assert_eq!(file.send_to(&client, 0..len).await.unwrap(), len);
                    file.seek(SeekFrom::Start(0)).await.unwrap();
                    let mut read = Vec::new();
                    futures::AsyncReadExt::read_to_end(&mut file, &mut read)
                        .await
                        .unwrap();
                    assert!(read == data);
                };
                let receive = async {
                    let mut received = vec![0; data.len()];
                    server.read_exact(&mut received).await.unwrap();
                    assert!(received == data);
                };
                join(send, receive).await;
            });
        },
    );
}
