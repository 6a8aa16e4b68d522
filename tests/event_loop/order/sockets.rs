//! Sockets: what poll delivers, and close.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::thread;

use futures::AsyncRead;
use futures::channel::oneshot;
use quintet::net::{TcpListener, TcpStream};
use quintet::spawn;
use quintet::task::set_immediate;
use quintet::time::{Duration, Instant, sleep, timeout};

use crate::support::cases::{
    arm, arrived, assert_order, backlog_is, block, connection, deliver, in_check, in_order,
    in_poll, keep_alive, listen, log, log_after, one_worker, record, time_passes,
};
use crate::support::wakers::poll;

#[test]
fn case_15_the_ready_queue_is_drained_between_socket_events() {
    in_order("data-1 micro-1 data-2 micro-2", || async {
        let (ends, peers): (Vec<_>, Vec<_>) = [connection(), connection()].into_iter().unzip();
        let ends: Vec<_> = ends.into_iter().map(Rc::new).collect();
        for (n, own) in (1..).zip(ends.clone()) {
            spawn(async move {
                own.read(&mut [0]).await.unwrap();
                log(format!("data-{n}"));
                spawn(async move { log(format!("micro-{n}")) });
            });
        }
        // Behind the readers: they wait by then.
        spawn(async move {
            for (own, peer) in ends.iter().zip(&peers) {
                deliver(peer, &**own, b"x");
            }
        });
    });
}

#[test]
fn case_25_close_comes_after_check_and_before_timers() {
    in_order("immediate close timeout", || async {
        let listener = listen().await;
        let addr = listener.local_addr().unwrap();
        spawn(async move {
            let _client = std::net::TcpStream::connect(addr).unwrap();
        });
        let (stream, _) = listener.accept().await.unwrap();
        spawn(async {
            stream.close().await;
            log("close");
        });
        log_after(arm(Instant::now()).await, "timeout");
        set_immediate(|| log("immediate"));
        block(5);
    });
}

#[test]
fn case_29_a_closed_listener_refuses_connections() {
    in_order("server-closed error-ECONNREFUSED", || async {
        // An address of its own, so that no other test takes the port.
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 29), 0)).await;
        let listener = listener.unwrap();
        let addr = listener.local_addr().unwrap();
        listener.close().await;
        log("server-closed");
        let error = TcpStream::connect(addr).await.unwrap_err();
        if error.kind() == ErrorKind::ConnectionRefused {
            log("error-ECONNREFUSED");
        }
    });
}

/// A connection in a place from which it can be taken while a task reads.
type Shared = Rc<RefCell<Option<TcpStream>>>;

/// Reads from the connection in `shared`. If it is taken away meanwhile: not connected.
async fn read_shared(shared: &Shared) -> std::io::Result<usize> {
    poll_fn(|cx| match &*shared.borrow() {
        Some(stream) => Pin::new(&mut &*stream).poll_read(cx, &mut [0]),
        None => Poll::Ready(Err(ErrorKind::NotConnected.into())),
    })
    .await
}

#[test]
fn case_30_an_error_is_told_at_once_and_the_close_in_its_phase() {
    in_order("after-destroy error microtask immediate close", || async {
        let (own, _peer) = connection();
        let shared: Shared = Rc::new(RefCell::new(Some(own)));
        let read = Rc::clone(&shared);
        spawn(async move {
            read_shared(&read).await.unwrap_err();
            log("error");
            spawn(async { log("microtask") });
        });
        in_poll().await;
        set_immediate(|| log("immediate"));
        let own = shared.take().unwrap();
        let mut closing = pin!(own.close());
        assert!(poll!(&mut closing).is_pending());
        log("after-destroy");
        closing.await;
        log("close");
    });
}

#[test]
fn case_31_half_closed_connections() {
    let each = record(&mut one_worker(), 6, || async {
        let (server, client) = connection();
        let client = TcpStream::from_std(client).unwrap();
        spawn(async move {
            client.write_all(b"hi").await.unwrap();
            client.shutdown_now(Shutdown::Write).unwrap();
            log("cli-finish");
            let mut buf = [0; 8];
            let n = client.read(&mut buf).await.unwrap();
            log(format!("cli-data-{}", str::from_utf8(&buf[..n]).unwrap()));
            assert_eq!(client.read(&mut buf).await.unwrap(), 0);
            log("cli-end");
            client.close().await;
            log("cli-close");
        });
        spawn(async move {
            let mut buf = [0; 8];
            let n = server.read(&mut buf).await.unwrap();
            log(format!("srv-data-{}", str::from_utf8(&buf[..n]).unwrap()));
            assert_eq!(server.read(&mut buf).await.unwrap(), 0);
            log("srv-end");
            server.write_all(b"bye").await.unwrap();
        });
    });
    let exchange = [
        "srv-data-hi",
        "srv-end",
        "cli-data-bye",
        "cli-end",
        "cli-close",
    ];
    for lines in each {
        assert_order(&lines, &["cli-finish", "cli-close"]);
        assert_order(&lines, &exchange);
    }
}

#[test]
fn case_62_a_due_timer_breaks_endless_io() {
    in_order("timer-fired io-ran-too", || async {
        let trips = Rc::new(Cell::new(0));
        let (a, b) = connection();
        let ends = [a, TcpStream::from_std(b).unwrap()];
        ends[0].write_all(b"x").await.unwrap();
        for end in ends {
            let trips = Rc::clone(&trips);
            let player = spawn(async move {
                while end.read(&mut [0]).await.unwrap() > 0 {
                    time_passes();
                    trips.set(trips.get() + 1);
                    end.write_all(b"x").await.unwrap();
                }
            });
            player.unref();
        }
        sleep(Duration::from_millis(20)).await;
        log("timer-fired");
        let before = trips.get();
        while trips.get() == before {
            in_check().await;
        }
        log("io-ran-too");
    });
}

#[test]
fn case_65_a_refused_connection_is_an_error() {
    let each = record(&mut one_worker(), 3, || async {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 65), 0)).await;
        let listener = listener.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        set_immediate(|| log("immediate"));
        spawn(async move {
            let error = TcpStream::connect(addr).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            log("error");
        });
        log("main");
    });
    // Whether the OS knows at once is its affair.
    for lines in each {
        assert_order(&lines, &["main", "error"]);
        assert_order(&lines, &["main", "immediate"]);
    }
}

#[test]
fn case_66_writes_keep_their_order() {
    let words = ["a", "b", "c", "d", "e", "f"];
    let each = record(&mut one_worker(), words.len() + 1, move || async move {
        let (own, peer) = connection();
        let peer = TcpStream::from_std(peer).unwrap();
        spawn(async move {
            let mut read = String::new();
            let mut peer = peer;
            futures::AsyncReadExt::read_to_string(&mut peer, &mut read)
                .await
                .unwrap();
            log(read);
        });
        for word in words {
            own.write_all(word.as_bytes()).await.unwrap();
            log(format!("written-{word}"));
        }
        own.shutdown_now(Shutdown::Write).unwrap();
        in_check().await;
    });
    let written = words.map(|word| format!("written-{word}"));
    for lines in each {
        assert_order(&lines, &written.each_ref().map(String::as_str));
        assert!(lines.contains(&"abcdef".to_owned()), "{lines:?}");
    }
}

#[test]
fn case_80_a_busy_socket_does_not_starve_another() {
    in_order("small-got-turn big-goes-on", || async {
        let (big, mut peer) = connection();
        let (small, small_peer) = connection();
        let bytes = Rc::new(Cell::new(0));
        let counted = Rc::clone(&bytes);
        // Bytes go in faster than they are read one by one: the big one is always readable.
        let alive = keep_alive();
        thread::spawn(move || {
            while peer.write_all(&[0; 65536]).is_ok() {}
            drop(alive);
        });
        arrived(&big, 60_000);
        let reads = spawn(async move {
            while big.read(&mut [0]).await.unwrap() > 0 {
                counted.set(counted.get() + 1);
            }
        });
        deliver(&small_peer, &small, b"x");
        spawn(async move {
            small.read(&mut [0]).await.unwrap();
            small.read(&mut [0]).await.unwrap();
            log("small-got-turn");
        });
        in_check().await;
        (&small_peer).write_all(b"x").unwrap();
        let before = bytes.get();
        while bytes.get() < before + 1000 {
            in_check().await;
        }
        log("big-goes-on");
        reads.abort();
    });
}

#[test]
fn case_84_connections_are_accepted_in_their_order() {
    in_order("a b c", || async {
        let listener = listen().await;
        let addr = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        for name in [b"a", b"b", b"c"] {
            let mut client = std::net::TcpStream::connect(addr).unwrap();
            client.write_all(name).unwrap();
            clients.push(client);
            // The listener gets a connection a little after the client.
            backlog_is(addr, clients.len());
        }
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut name = [0];
            stream.read_exact(&mut name).await.unwrap();
            log(str::from_utf8(&name).unwrap());
        }
    });
}

#[test]
fn case_87_a_reset_is_an_error_and_then_comes_the_close() {
    in_order("error-ECONNRESET close", || async {
        let (own, peer) = connection();
        spawn(async move {
            let error = own.read(&mut [0]).await.unwrap_err();
            if error.kind() == ErrorKind::ConnectionReset {
                log("error-ECONNRESET");
            }
            own.close().await;
            log("close");
        });
        in_check().await;
        let peer = socket2::Socket::from(peer);
        peer.set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
    });
}

#[test]
fn case_q10_data_that_came_while_the_loop_was_busy_is_not_lost_to_a_timeout() {
    in_order("data", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        let deadline = Duration::from_millis(5);
        spawn(async move {
            let mut buf = [0];
            let read = timeout(deadline, end.read(&mut buf)).await;
            log(if matches!(read, Ok(Ok(1))) {
                "data"
            } else {
                "elapsed"
            });
        });
        spawn(async move {
            deliver(&peer, &*own, b"x");
            block(6);
        });
    });
}

#[test]
fn case_q11_a_task_with_reads_that_are_always_ready_yields() {
    in_order("other 128", || async {
        let (own, mut peer) = connection();
        peer.write_all(&[0; 1000]).unwrap();
        arrived(&own, 1000);
        let reads = Rc::new(Cell::new(0));
        let counted = Rc::clone(&reads);
        spawn(async move {
            for _ in 0..1000 {
                own.read(&mut [0]).await.unwrap();
                counted.set(counted.get() + 1);
            }
        });
        spawn(async move {
            log("other");
            log(reads.get().to_string());
        });
    });
}

#[test]
fn case_q23_a_pending_read_ends_before_the_close_is_told() {
    in_order("error close", || async {
        let (own, _peer) = connection();
        let shared: Shared = Rc::new(RefCell::new(Some(own)));
        let read = Rc::clone(&shared);
        let (begin, begun) = oneshot::channel();
        spawn(async move {
            begin.send(()).unwrap();
            read_shared(&read).await.unwrap_err();
            log("error");
        });
        begun.await.unwrap();
        shared.take().unwrap().close().await;
        log("close");
    });
}

#[test]
fn case_q23_a_pending_read_of_a_half_ends_before_anything_else_of_the_tick() {
    in_order("error check", || async {
        let (own, _peer) = connection();
        let (mut read, write) = own.into_split();
        spawn(async move {
            let error = futures::AsyncReadExt::read(&mut read, &mut [0]).await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::NotConnected);
            log("error");
        });
        in_check().await;
        set_immediate(|| log("check"));
        write.close();
    });
}
