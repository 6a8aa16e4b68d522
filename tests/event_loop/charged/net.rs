//! Sockets.

use std::io::{IoSlice, IoSliceMut};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::pin::Pin;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use quintet::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};

use socket2::SockRef;

use super::{TIMES, Table, check};
use crate::support::cases::{backlog_is, connection, deliver, listen};

/// A connection from which a byte can be read as often as a row does.
fn filled() -> (TcpStream, std::net::TcpStream) {
    let (own, peer) = connection();
    deliver(&peer, &own, &[7; TIMES as usize]);
    (own, peer)
}

/// A connection whose other end has finished.
fn finished() -> TcpStream {
    let (own, peer) = connection();
    drop(peer);
    own
}

#[test]
fn streams() {
    check(async |table| {
        let (own, _peer) = filled();
        table
            .row("peek", async || own.peek(&mut [0]).await.unwrap())
            .await;
        table
            .row("readable", async || own.readable().await.unwrap())
            .await;
        table
            .row("read", async || own.read(&mut [0]).await.unwrap())
            .await;
        table
            .row("read of nothing", async || own.read(&mut []).await.unwrap())
            .await;
        let (own, _peer) = filled();
        table
            .row("read_vectored", async || {
                own.read_vectored(&mut [IoSliceMut::new(&mut [0])])
                    .await
                    .unwrap();
            })
            .await;
        let (own, _peer) = filled();
        table
            .row("read_exact", async || {
                own.read_exact(&mut [0]).await.unwrap();
            })
            .await;
        table
            .row("read_exact of nothing", async || {
                own.read_exact(&mut []).await.unwrap();
            })
            .await;
        let own = finished();
        table
            .row("read at the end", async || {
                own.read(&mut [0]).await.unwrap();
            })
            .await;
        table
            .row("read_exact at the end", async || {
                own.read_exact(&mut [0]).await.unwrap_err();
            })
            .await;

        let (own, _peer) = connection();
        table
            .row("writable", async || own.writable().await.unwrap())
            .await;
        table
            .row("write", async || own.write(&[0]).await.unwrap())
            .await;
        table
            .row("write of nothing", async || own.write(&[]).await.unwrap())
            .await;
        table
            .row("write_vectored", async || {
                own.write_vectored(&[IoSlice::new(&[0])]).await.unwrap();
            })
            .await;
        table
            .row("write_all", async || own.write_all(&[0]).await.unwrap())
            .await;
        table
            .row("write_all of nothing", async || {
                own.write_all(&[]).await.unwrap();
            })
            .await;
    });
}

async fn reads_of(table: &mut Table, name: &str, mut reader: impl AsyncRead + Unpin) {
    let name = |what: &str| format!("{name}: {what}");
    // The first row reads all, the second nothing but the end.
    table
        .row(&name("poll_read"), async || {
            reader.read(&mut [0]).await.unwrap()
        })
        .await;

    table
        .row(&name("poll_read at the end"), async || {
            reader.read(&mut [0]).await.unwrap()
        })
        .await;
    table
        .row(&name("poll_read_vectored at the end"), async || {
            reader
                .read_vectored(&mut [IoSliceMut::new(&mut [0])])
                .await
                .unwrap()
        })
        .await;
}

async fn writes_of(table: &mut Table, name: &str, mut writer: impl AsyncWrite + Unpin) {
    let name = |what: &str| format!("{name}: {what}");
    table
        .row(&name("poll_write"), async || {
            writer.write(&[0]).await.unwrap()
        })
        .await;
    table
        .row(&name("poll_write_vectored"), async || {
            writer.write_vectored(&[IoSlice::new(&[0])]).await.unwrap()
        })
        .await;
    table
        .row(&name("poll_flush"), async || writer.flush().await.unwrap())
        .await;
    table
        .row(&name("poll_close"), async || {
            std::future::poll_fn(|cx| Pin::new(&mut writer).poll_close(cx))
                .await
                .unwrap();
        })
        .await;
}

#[test]
fn streams_and_halves_by_the_traits() {
    check(async |table| {
        let ended = || {
            let (own, peer) = filled();
            drop(peer);
            own
        };
        reads_of(table, "TcpStream", ended()).await;
        reads_of(table, "&TcpStream", &ended()).await;
        reads_of(table, "ReadHalf", ended().split().0).await;
        let (read, write) = ended().into_split();
        reads_of(table, "OwnedReadHalf", read).await;
        drop(write);

        writes_of(table, "TcpStream", connection().0).await;
        let (own, _peer) = connection();
        writes_of(table, "&TcpStream", &own).await;
        writes_of(table, "WriteHalf", connection().0.split().1).await;
        let (own, _peer) = connection();
        let (read, write) = own.into_split();
        writes_of(table, "OwnedWriteHalf", write).await;
        drop(read);
    });
}

#[test]
fn a_connection_that_its_other_half_has_closed() {
    check(async |table| {
        let (own, _peer) = connection();
        let (mut read, write) = own.into_split();
        write.close();
        table
            .row("read of what is closed", async || {
                read.read(&mut [0]).await.unwrap_err();
            })
            .await;
    });
}

#[test]
fn listeners() {
    check(async |table| {
        let listener = listen().await;
        let addr = listener.local_addr().unwrap();
        let connect_all = || {
            let connect = |_| std::net::TcpStream::connect(addr).unwrap();
            let clients: Vec<_> = (0..TIMES).map(connect).collect();
            backlog_is(addr, clients.len());
            clients
        };
        let _clients = connect_all();
        table
            .row("accept", async || listener.accept().await.unwrap())
            .await;
        let _clients = connect_all();
        table
            .row("incoming", async || {
                listener.incoming().next().await.unwrap().unwrap();
            })
            .await;
    });
}

/// A socket of datagrams, and a peer that has sent as many to it as a row receives.
async fn filled_udp() -> (UdpSocket, std::net::UdpSocket) {
    let peer = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let own = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    // The kernel counts some hundred bytes for each.
    SockRef::from(&own).set_recv_buffer_size(1 << 20).unwrap();
    peer.connect(own.local_addr().unwrap()).unwrap();
    own.connect(peer.local_addr().unwrap()).await.unwrap();
    for _ in 0..TIMES {
        peer.send(&[7]).unwrap();
    }
    (own, peer)
}

#[test]
fn datagrams() {
    check(async |table| {
        let (own, _peer) = filled_udp().await;
        table
            .row("peek", async || own.peek(&mut [0]).await.unwrap())
            .await;
        table
            .row("peek_from", async || own.peek_from(&mut [0]).await.unwrap())
            .await;
        table
            .row("peek_sender", async || own.peek_sender().await.unwrap())
            .await;
        table
            .row("readable", async || own.readable().await.unwrap())
            .await;
        table
            .row("recv", async || own.recv(&mut [0]).await.unwrap())
            .await;
        let (own, peer) = filled_udp().await;
        table
            .row("recv_from", async || own.recv_from(&mut [0]).await.unwrap())
            .await;
        table
            .row("writable", async || own.writable().await.unwrap())
            .await;
        table
            .row("send", async || own.send(&[0]).await.unwrap())
            .await;
        table
            .row("send of nothing", async || own.send(&[]).await.unwrap())
            .await;
        let addr = peer.local_addr().unwrap();
        table
            .row("send_to", async || own.send_to(&[0], addr).await.unwrap())
            .await;
        table
            .row("send_to a string", async || {
                own.send_to(&[0], addr.to_string()).await.unwrap();
            })
            .await;
        table
            .row("connect", async || own.connect(addr).await.unwrap())
            .await;
    });
}

#[test]
fn unix_streams() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut clients = Vec::new();
        table
            .row("UnixStream::connect", async || {
                clients.push(UnixStream::connect(&path).await.unwrap());
            })
            .await;
        table
            .row("UnixListener::readable", async || {
                listener.readable().await.unwrap();
            })
            .await;
        table
            .row("UnixListener::accept", async || {
                listener.accept().await.unwrap();
            })
            .await;
        table
            .row("UnixStream::connect to nowhere", async || {
                UnixStream::connect(dir.path().join("none"))
                    .await
                    .unwrap_err();
            })
            .await;
        let (one, other) = UnixStream::pair().unwrap();
        table
            .row("write", async || one.write(&[0]).await.unwrap())
            .await;
        table
            .row("read", async || other.read(&mut [0]).await.unwrap())
            .await;
        let file = std::fs::File::open("/dev/null").unwrap();
        table
            .row("send_fds and recv_fds", async || {
                one.try_send_fds(&[0], &[file.as_fd()]).unwrap();
                other.recv_fds(&mut [0], 1).await.unwrap();
            })
            .await;
        table
            .row("send_fds", async || {
                one.send_fds(&[0], &[file.as_fd()]).await.unwrap();
                other.try_recv_fds(&mut [0], 1).unwrap();
            })
            .await;
    });
}

#[test]
fn unix_datagrams() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        table
            .row("send_to", async || {
                sender.send_to(&[0], &path).await.unwrap();
                receiver.try_recv(&mut [0]).unwrap();
            })
            .await;
        table
            .row("send_to a path that is too long", async || {
                let path = "x".repeat(200);
                sender.send_to(&[0], path).await.unwrap_err();
            })
            .await;
        table
            .row("recv_from", async || {
                sender.try_send_to(&[0], &path).unwrap();
                receiver.recv_from(&mut [0]).await.unwrap();
            })
            .await;
    });
}

#[test]
fn addresses() {
    check(async |table| {
        let local = (Ipv4Addr::LOCALHOST, 0);
        table
            .row("bind", async || TcpListener::bind(local).await.unwrap())
            .await;
        table
            .row("UdpSocket::bind", async || {
                UdpSocket::bind(local).await.unwrap();
            })
            .await;
        table
            .row("bind to nonsense", async || {
                TcpListener::bind("nonsense").await.unwrap_err();
            })
            .await;
        table
            .row("connect to nonsense", async || {
                TcpStream::connect("nonsense").await.unwrap_err();
            })
            .await;
        table
            .row("connect to nowhere", async || {
                TcpStream::connect((Ipv4Addr::BROADCAST, 1))
                    .await
                    .unwrap_err();
            })
            .await;
        table
            .row("lookup_host of an address", async || {
                assert_eq!(lookup_host("127.0.0.1:80").await.unwrap().count(), 1);
            })
            .await;
        table
            .row("lookup_host of nonsense", async || {
                assert!(lookup_host("nonsense").await.is_err());
            })
            .await;
    });
}
