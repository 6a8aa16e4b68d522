//! Listeners of all loops, each with its own and one for all.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as Client};
use std::thread;
use std::time::Duration;

use quintet::cluster::{self, Cluster, Listeners, Member, PerLoop};
use quintet::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use quintet::serve::Listener;
use quintet::sync::oneshot;
use quintet::task::Drained;

use crate::support::patience::in_time;
use crate::support::skipped::skip;

/// Serves on two loops, of which each writes its number to each client and reads until it closes,
/// while `clients` runs.
fn serve_while<L>(listeners: &Listeners<L>, clients: impl FnOnce(SocketAddr) + Send)
where
    L: Listener<Connection = TcpStream> + Send + 'static,
{
    let addr = listeners.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            clients(addr);
            stop.send(()).unwrap();
        });
        let outputs = Cluster::new(2).until(stopped).run(async |member: Member| {
            let number = [u8::try_from(member.index()).unwrap()];
            let handler = async move |stream: TcpStream, _peer| {
                stream.write_all(&number).await?;
                while stream.read(&mut [0; 16]).await? > 0 {}
                Ok::<(), io::Error>(())
            };
            let listener = listeners.take(member.index());
            quintet::serve(listener, handler)
                .until(member.shutdown())
                .await
        });
        let ends = outputs.unwrap();
        assert!(ends.iter().all(Drained::is_complete), "{ends:?}");
    });
    // It is closed.
    let refused = Client::connect(addr).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

/// Connects, and returns the number of the loop that serves the connection.
fn connect(addr: SocketAddr) -> (Client, u8) {
    let mut client = Client::connect(addr).unwrap();
    let mut number = [0];
    client.read_exact(&mut number).unwrap();
    (client, number[0])
}

#[test]
fn each_loop_serves_on_a_listener_of_its_own() {
    in_time(|| {
        let listeners = match cluster::bind_each("127.0.0.1:0", 2) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                assert!(error.to_string().contains("bind_shared"), "{error}");
                skip("this system does not divide connections");
                return;
            }
            listeners => listeners.unwrap(),
        };
        serve_while(&listeners, |addr| {
            let mut counts = [0; 2];
            for _ in 0..200 {
                counts[usize::from(connect(addr).1)] += 1;
            }
            // By a hash: each gets some of so many.
            assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
        });
    });
}

#[test]
fn one_loop_accepts_and_both_serve() {
    in_time(|| {
        let listeners = cluster::bind_shared("127.0.0.1:0", 2).unwrap();
        serve_while(&listeners, |addr| {
            let clients: Vec<_> = (0..10).map(|_| connect(addr)).collect();
            let loops = clients.iter().map(|(_, number)| *number);
            assert!(loops.eq([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]));
        });
    });
}

#[test]
fn many_short_connections_are_all_served() {
    in_time(|| {
        let listeners = cluster::bind_shared("127.0.0.1:0", 2).unwrap();
        serve_while(&listeners, |addr| {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(move || {
                        for _ in 0..500 {
                            let (mut client, _) = connect(addr);
                            client.write_all(b"bye").unwrap();
                        }
                    });
                }
            });
        });
    });
}

#[test]
fn connections_of_a_unix_socket_are_dealt_too() {
    in_time(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listeners = cluster::deal(UnixListener::bind(&path).unwrap(), 2);
        cluster::run(2, async |member| {
            let index = member.index();
            let served = Cell::new(0);
            let handler = async move |stream: UnixStream, _| {
                served.set(served.get() + 1);
                let numbers = [u8::try_from(index).unwrap(), served.get()];
                stream.write_all(&numbers).await?;
                while stream.read(&mut [0; 16]).await? > 0 {}
                Ok::<(), io::Error>(())
            };
            let server = quintet::serve(listeners.take(index), handler).until(member.shutdown());
            let server = quintet::spawn(server.into_future());
            if index == 1 {
                let mut clients = Vec::new();
                let mut numbers = [0; 2];
                for number in 0..6 {
                    let client = UnixStream::connect(&path).await?;
                    client.read_exact(&mut numbers).await?;
                    assert_eq!(numbers, [number % 2, number / 2 + 1]);
                    clients.push(client);
                }
                member.token().cancel();
            }
            server.await.unwrap()
        })
        .unwrap();
    });
}

#[test]
fn connections_that_are_open_at_the_end_are_waited_for() {
    in_time(|| {
        let listeners = cluster::bind_shared("127.0.0.1:0", 2).unwrap();
        let addr = listeners.local_addr();
        let (connected, are_connected) = oneshot::channel::<()>();
        let (told, is_told) = std::sync::mpsc::channel();
        let told = PerLoop::new([told.clone(), told]);
        thread::scope(|scope| {
            let clients = scope.spawn(move || {
                let mut clients = [connect(addr).0, connect(addr).0];
                connected.send(()).unwrap();
                is_told.recv().unwrap();
                is_told.recv().unwrap();
                for client in &mut clients {
                    let mut rest = Vec::new();
                    client.write_all(b"x").unwrap();
                    client.read_to_end(&mut rest).unwrap();
                    assert_eq!(rest, b"done");
                }
            });
            let outputs = Cluster::new(2)
                .until(are_connected)
                .run(async |member: Member| {
                    let handler = async |stream: TcpStream, _| {
                        stream.write_all(&[0]).await?;
                        stream.read_exact(&mut [0]).await?;
                        stream.write_all(b"done").await
                    };
                    let server = quintet::serve(listeners.take(member.index()), handler)
                        .until(member.shutdown());
                    let server = quintet::spawn(server.into_future());
                    member.shutdown().await;
                    told.take(member.index()).send(()).unwrap();
                    server.await.unwrap()
                });
            assert_eq!(outputs.unwrap().len(), 2);
            clients.join().unwrap();
        });
    });
}

#[test]
fn the_port_is_chosen_once() {
    let listeners = match cluster::bind_each("127.0.0.1:0", 3) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return,
        listeners => listeners.unwrap(),
    };
    let addr = listeners.local_addr();
    assert_ne!(addr.port(), 0);
    for index in 0..3 {
        assert_eq!(listeners.take(index).local_addr().unwrap(), addr);
    }
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let listeners = cluster::bind_shared("127.0.0.1:0", 1).unwrap();
    let addr = listeners.local_addr();
    let error = cluster::bind_shared(addr, 2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    let error = cluster::bind_each(addr, 2).unwrap_err();
    assert!(error.to_string().contains(&addr.to_string()), "{error}");
    // The next address is tried.
    let any = "127.0.0.1:0".parse().unwrap();
    let bound = cluster::bind_shared(&[addr, any][..], 1).unwrap();
    assert_ne!(bound.local_addr(), addr);
    let no_address: &[SocketAddr] = &[];
    let error = cluster::bind_shared(no_address, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn ipv6_is_bound_alike() {
    let listeners = match cluster::bind_shared("[::1]:0", 2) {
        Err(error) => return skip(format_args!("no IPv6: {error}")),
        Ok(listeners) => listeners,
    };
    serve_while(&listeners, |addr| {
        assert_eq!([connect(addr).1, connect(addr).1].len(), 2);
    });
}

#[test]
fn a_listener_that_is_inherited_is_dealt() {
    in_time(|| {
        let inherited = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = inherited.local_addr().unwrap();
        let listeners = cluster::deal(TcpListener::from_std(inherited).unwrap(), 2);
        let handler = async |stream: TcpStream, _| stream.write_all(b"hi").await;
        let client = thread::spawn(move || {
            let mut text = String::new();
            let mut client = Client::connect(addr).unwrap();
            client
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            client.read_to_string(&mut text).unwrap();
            text
        });
        let stop = Cluster::new(2).until(async move {
            while !client.is_finished() {
                quintet::task::yield_now().await;
            }
            assert_eq!(client.join().unwrap(), "hi");
        });
        stop.run(async |member: Member| {
            quintet::serve(listeners.take(member.index()), handler)
                .until(member.shutdown())
                .await
        })
        .unwrap();
    });
}
