//! The accept loop: limits, errors, and its end.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quintet::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use quintet::runtime::{Builder, Report};
use quintet::serve::{Listener, ServeError, serve};
use quintet::task::{CancellationToken, JoinSet, yield_now};
use quintet::time::{self, Instant};
use rustix::io::Errno;

use crate::support::cases::{listen, watched};
use crate::support::reports::Reports;

/// Yields until all that can happen has happened.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// A listener of connections that a test makes up.
#[derive(Clone, Default)]
struct Script(Rc<ScriptState>);

#[derive(Default)]
struct ScriptState {
    next: RefCell<VecDeque<io::Result<u32>>>,
    waiter: RefCell<Option<Waker>>,
    polls: Cell<usize>,
    /// How many connections have ended, as the server has told.
    ended: Cell<usize>,
    is_dropped: Cell<bool>,
}

impl Script {
    fn push(&self, next: io::Result<u32>) {
        self.0.next.borrow_mut().push_back(next);
        if let Some(waiter) = self.0.waiter.take() {
            waiter.wake();
        }
    }

    fn fail(&self, errno: Errno) {
        self.push(Err(errno.into()));
    }
}

/// What the server has of a [`Script`].
struct ScriptListener(Script);

impl Drop for ScriptListener {
    fn drop(&mut self) {
        self.0.0.is_dropped.set(true);
    }
}

impl Listener for ScriptListener {
    type Connection = u32;
    type Addr = ();

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(u32, ())>> {
        let script = &self.0.0;
        script.polls.set(script.polls.get() + 1);
        match script.next.borrow_mut().pop_front() {
            Some(next) => Poll::Ready(next.map(|number| (number, ()))),
            None => {
                script.waiter.replace(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    fn connection_ended(&mut self) {
        let ended = &self.0.0.ended;
        ended.set(ended.get() + 1);
    }
}

/// Collects what a server passes to its `on_error`.
#[derive(Clone, Default)]
struct Errors(Rc<RefCell<Vec<String>>>);

impl Errors {
    fn collect(&self) -> impl FnMut(ServeError) + 'static {
        let errors = Rc::clone(&self.0);
        move |error| {
            let kind = match error {
                ServeError::Accept(_) => "accept",
                ServeError::Connection(_) => "connection",
                ServeError::Panicked(_) => "panicked",
                _ => "?",
            };
            errors.borrow_mut().push(kind.to_owned());
        }
    }

    fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

#[test]
fn each_client_is_served_by_a_task_of_its_own() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let token = CancellationToken::new();
            let server = serve(listener, async |stream: TcpStream, peer: SocketAddr| {
                assert_eq!(stream.peer_addr().unwrap(), peer);
                let mut buf = [0; 1];
                stream.read_exact(&mut buf).await?;
                stream.write_all(&buf).await
            });
            let server = server.until(token.clone().cancelled_owned());
            let server = quintet::spawn(server.into_future());
            let mut clients = Vec::new();
            for _ in 0..10 {
                clients.push(TcpStream::connect(addr).await.unwrap());
            }
            // The last one first: none waits for another.
            for (number, client) in clients.iter().enumerate().rev() {
                let byte = [u8::try_from(number).unwrap()];
                client.write_all(&byte).await.unwrap();
                let mut buf = [0; 1];
                client.read_exact(&mut buf).await.unwrap();
                assert_eq!(buf, byte);
            }
            token.cancel();
            assert_eq!(server.await.unwrap().unwrap().unfinished(), 0);
        });
    });
}

#[test]
fn clients_of_a_unix_socket_are_served_alike() {
    watched(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        quintet::block_on(async {
            let listener = UnixListener::bind(&path).unwrap();
            let server = serve(listener, async |stream: UnixStream, _| {
                stream.write_all(b"hello").await
            });
            let _server = quintet::spawn(server.into_future());
            let client = UnixStream::connect(&path).await.unwrap();
            let mut buf = [0; 5];
            client.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"hello");
        });
    });
}

#[test]
fn no_more_connections_are_open_than_are_allowed() {
    watched(|| {
        quintet::block_on(async {
            let script = Script::default();
            let (open, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let token = CancellationToken::new();
            let handler = {
                let (open, most) = (Rc::clone(&open), Rc::clone(&most));
                async move |_number, ()| {
                    open.set(open.get() + 1);
                    most.set(most.get().max(open.get()));
                    settle().await;
                    open.set(open.get() - 1);
                    Ok::<(), Infallible>(())
                }
            };
            for number in 0..20 {
                script.push(Ok(number));
            }
            let server = serve(ScriptListener(script.clone()), handler)
                .max_connections(3)
                .until(token.clone().cancelled_owned());
            let server = quintet::spawn(server.into_future());
            while script.0.waiter.borrow().is_none() || open.get() > 0 {
                yield_now().await;
            }
            assert_eq!(most.get(), 3);
            token.cancel();
            server.await.unwrap().unwrap();
        });
    });
}

#[test]
#[should_panic(expected = "serves no client")]
fn a_server_needs_room_for_a_connection() {
    let handler = async |_, ()| Ok::<(), Infallible>(());
    drop(serve(ScriptListener(Script::default()), handler).max_connections(0));
}

#[test]
fn a_handler_that_fails_or_panics_is_told_and_the_others_go_on() {
    watched(|| {
        quintet::block_on(async {
            let script = Script::default();
            let errors = Errors::default();
            let served = Rc::new(RefCell::new(Vec::new()));
            let handler = {
                let served = Rc::clone(&served);
                async move |number, ()| match number {
                    1 => Err(io::Error::other("the client has gone")),
                    2 => panic!("this panic is part of the test"),
                    _ => {
                        served.borrow_mut().push(number);
                        Ok(())
                    }
                }
            };
            let server = serve(ScriptListener(script.clone()), handler).on_error(errors.collect());
            let _server = quintet::spawn(server.into_future());
            for number in 0..4 {
                script.push(Ok(number));
            }
            settle().await;
            assert_eq!(*served.borrow(), [0, 3]);
            assert_eq!(errors.take(), ["connection", "panicked"]);
            // The listener is told, however they have ended.
            assert_eq!(script.0.ended.get(), 4);
        });
    });
}

#[test]
fn by_default_a_panic_and_a_failure_to_accept_are_reported() {
    watched(|| {
        let mut builder = Builder::new();
        let reports = Reports::of(&mut builder);
        builder.build().unwrap().block_on(async {
            let script = Script::default();
            let handler = async |number, ()| match number {
                1 => Err(io::Error::other("the client has gone")),
                _ => panic!("this panic is part of the test"),
            };
            let server = serve(ScriptListener(script.clone()), handler);
            let _server = quintet::spawn(server.into_future());
            script.push(Ok(1));
            script.push(Ok(2));
            script.fail(Errno::CONNABORTED);
            settle().await;
        });
        let mut messages = Vec::new();
        for report in reports.take() {
            match report {
                Report::ServeFailed { message, .. } => messages.push(message),
                other => panic!("{other}"),
            }
        }
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(
            messages
                .iter()
                .any(|message| message.contains("part of the test"))
        );
        assert!(
            messages
                .iter()
                .any(|message| message.starts_with("cannot accept"))
        );
    });
}

#[test]
fn after_the_error_of_a_connection_the_next_one_is_accepted_at_once() {
    watched(|| {
        quintet::block_on(async {
            time::pause();
            let start = Instant::now();
            let script = Script::default();
            let errors = Errors::default();
            let served = Rc::new(Cell::new(0));
            let handler = {
                let served = Rc::clone(&served);
                async move |_, ()| {
                    served.set(served.get() + 1);
                    Ok::<(), Infallible>(())
                }
            };
            for errno in [Errno::CONNABORTED, Errno::PROTO, Errno::PERM] {
                script.fail(errno);
                script.push(Ok(0));
            }
            let server = serve(ScriptListener(script.clone()), handler).on_error(errors.collect());
            let _server = quintet::spawn(server.into_future());
            settle().await;
            assert_eq!(served.get(), 3);
            assert_eq!(errors.take(), ["accept"; 3]);
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}

#[test]
fn without_descriptors_it_does_not_spin_and_loses_no_client() {
    watched(|| {
        quintet::block_on(async {
            time::pause();
            let script = Script::default();
            let served = Rc::new(Cell::new(0));
            let handler = {
                let served = Rc::clone(&served);
                async move |_, ()| {
                    served.set(served.get() + 1);
                    Ok::<(), Infallible>(())
                }
            };
            let errors = Errors::default();
            for _ in 0..10 {
                script.fail(Errno::MFILE);
            }
            script.push(Ok(0));
            let start = Instant::now();
            let server = serve(ScriptListener(script.clone()), handler).on_error(errors.collect());
            let _server = quintet::spawn(server.into_future());
            while served.get() == 0 {
                time::sleep(Duration::from_millis(1)).await;
            }
            // Ten pauses, and the end of the last one is seen within a millisecond.
            let waited = start.elapsed().as_millis();
            assert!((1000..=1010).contains(&waited), "{waited}");
            assert_eq!(errors.take(), ["accept"; 10]);
            // One after each pause, two that find nothing more.
            assert_eq!(script.0.polls.get(), 13);
        });
    });
}

#[test]
fn a_connection_that_ends_frees_a_descriptor_for_the_next_one() {
    watched(|| {
        quintet::block_on(async {
            time::pause();
            let script = Script::default();
            let served = Rc::new(Cell::new(0));
            let first = CancellationToken::new();
            let handler = {
                let (served, first) = (Rc::clone(&served), first.clone());
                async move |number, ()| {
                    served.set(served.get() + 1);
                    if number == 1 {
                        first.cancelled().await;
                    }
                    Ok::<(), Infallible>(())
                }
            };
            script.push(Ok(1));
            script.fail(Errno::NFILE);
            let server = serve(ScriptListener(script.clone()), handler).on_error(drop);
            let _server = quintet::spawn(server.into_future());
            settle().await;
            script.push(Ok(2));
            settle().await;
            assert_eq!(served.get(), 1, "it waits");
            let start = Instant::now();
            first.cancel();
            settle().await;
            assert_eq!(served.get(), 2);
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    });
}

#[test]
fn a_listener_that_cannot_be_used_ends_the_server_and_not_its_connections() {
    watched(|| {
        quintet::block_on(async {
            let script = Script::default();
            let goes_on = CancellationToken::new();
            let ended = Rc::new(Cell::new(false));
            let handler = {
                let (goes_on, ended) = (goes_on.clone(), Rc::clone(&ended));
                async move |_, ()| {
                    goes_on.cancelled().await;
                    ended.set(true);
                    Ok::<(), Infallible>(())
                }
            };
            script.push(Ok(0));
            script.fail(Errno::INVAL);
            let error = serve(ScriptListener(script), handler).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            goes_on.cancel();
            settle().await;
            assert!(ended.get());
        });
    });
}

#[test]
fn a_server_that_stops_refuses_clients_and_waits_for_its_connections() {
    watched(|| {
        quintet::block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let (stop, last) = (CancellationToken::new(), CancellationToken::new());
            let handler = {
                let last = last.clone();
                async move |stream: TcpStream, _| {
                    stream.write_all(b"a").await?;
                    last.cancelled().await;
                    stream.write_all(b"b").await
                }
            };
            let server = serve(listener, handler).until(stop.clone().cancelled_owned());
            let server = quintet::spawn(server.into_future());
            let client = TcpStream::connect(addr).await.unwrap();
            let mut byte = [0];
            client.read_exact(&mut byte).await.unwrap();
            stop.cancel();
            settle().await;
            let refused = std::net::TcpStream::connect(addr).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            assert!(!server.is_finished());
            last.cancel();
            assert_eq!(server.await.unwrap().unwrap().unfinished(), 0);
            // It completes after the last connection has been closed.
            client.read_exact(&mut byte).await.unwrap();
            assert_eq!(&byte, b"b");
            assert_eq!(client.try_read(&mut byte).unwrap(), 0);
        });
    });
}

#[test]
fn connections_that_are_open_at_the_deadline_are_cancelled() {
    watched(|| {
        quintet::block_on(async {
            time::pause();
            let script = Script::default();
            let guard = Rc::new(());
            let handler = {
                let guard = Rc::clone(&guard);
                async move |number, ()| {
                    let _held = Rc::clone(&guard);
                    match number {
                        0 => time::sleep(Duration::from_secs(1)).await,
                        _ => pending().await,
                    }
                    Ok::<(), Infallible>(())
                }
            };
            for number in 0..4 {
                script.push(Ok(number));
            }
            let start = Instant::now();
            let ended = serve(ScriptListener(script.clone()), handler)
                .until(time::sleep(Duration::from_secs(1)))
                .drain_timeout(Duration::from_secs(5))
                .await
                .unwrap();
            assert_eq!(ended.unfinished(), 3);
            assert_eq!(start.elapsed(), Duration::from_secs(6));
            assert_eq!(Rc::strong_count(&guard), 1, "all of it has been dropped");
            assert!(script.0.is_dropped.get());
        });
    });
}

#[test]
fn a_server_that_is_dropped_takes_its_connections_with_it() {
    watched(|| {
        quintet::block_on(async {
            let script = Script::default();
            let guard = Rc::new(());
            let handler = {
                let guard = Rc::clone(&guard);
                async move |_, ()| {
                    let _held = Rc::clone(&guard);
                    pending::<Result<(), Infallible>>().await
                }
            };
            script.push(Ok(0));
            let server = serve(ScriptListener(script.clone()), handler);
            let server = quintet::spawn(server.into_future());
            settle().await;
            assert_eq!(Rc::strong_count(&guard), 3);
            server.abort();
            settle().await;
            assert_eq!(Rc::strong_count(&guard), 1);
            assert!(script.0.is_dropped.get());
        });
    });
}

#[test]
fn a_thousand_clients_in_waves_leave_nothing() {
    watched(|| {
        quintet::block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let stop = CancellationToken::new();
            let served = Rc::new(Cell::new(0));
            let handler = {
                let served = Rc::clone(&served);
                async move |stream: TcpStream, _| {
                    served.set(served.get() + 1);
                    let mut buf = [0; 16];
                    loop {
                        match stream.read(&mut buf).await? {
                            0 => return Ok::<(), io::Error>(()),
                            n => stream.write_all(&buf[..n]).await?,
                        }
                    }
                }
            };
            let server = serve(listener, handler)
                .max_connections(7)
                .until(stop.clone().cancelled_owned());
            let server = quintet::spawn(server.into_future());
            for _ in 0..20 {
                let mut clients = JoinSet::new();
                for _ in 0..50 {
                    clients.spawn(async move {
                        let client = TcpStream::connect(addr).await.unwrap();
                        client.write_all(b"ping").await.unwrap();
                        let mut buf = [0; 4];
                        client.read_exact(&mut buf).await.unwrap();
                        assert_eq!(&buf, b"ping");
                    });
                }
                clients.join_all().await;
            }
            stop.cancel();
            assert_eq!(server.await.unwrap().unwrap().unfinished(), 0);
            assert_eq!(served.get(), 1000);
            let dump = quintet::runtime::Handle::current().dump();
            assert_eq!(dump.tasks().len(), 1, "{dump}");
        });
    });
}
