//! Any number of tasks and wakers may wait for one socket by the I/O traits: in silence nothing
//! runs.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use futures::stream::{FuturesUnordered, StreamExt};
use futures::{AsyncRead, Stream};
use quintet::net::TcpListener;
use quintet::runtime::Builder;
use quintet::time::{Duration, sleep};

use super::registered;
use crate::support::cases::{deliver, watched};

fn listener() -> (Rc<TcpListener>, std::net::SocketAddr) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    (Rc::new(TcpListener::from_std(listener).unwrap()), addr)
}

/// Polls `stream` once, and for ever where it waits; counts the polls.
async fn one_by(listener: Rc<TcpListener>, polls: Rc<Cell<usize>>) {
    let mut incoming = pin!(listener.incoming());
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        incoming.as_mut().poll_next(cx).map(drop)
    })
    .await;
}

/// How many polls `tasks` tasks make in a silent day of paused time, which passes at once.
fn polls_of_tasks(tasks: usize) -> usize {
    watched(|| {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (listener, _) = listener();
            let polls = Rc::new(Cell::new(0));
            for _ in 0..tasks {
                quintet::spawn(one_by(Rc::clone(&listener), Rc::clone(&polls)));
            }
            sleep(Duration::from_secs(86_400)).await;
            polls.get()
        })
    })
}

#[test]
fn tasks_that_wait_for_one_socket_do_not_wake_each_other() {
    for tasks in [1, 8, 9, 17, 300] {
        assert_eq!(polls_of_tasks(tasks), tasks);
    }
}

#[test]
fn nor_do_the_wakers_of_one_task() {
    for futures in [9, 17, 300] {
        let polls = watched(|| {
            let runtime = Builder::new().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let (listener, _) = listener();
                let polls = Rc::new(Cell::new(0));
                quintet::spawn({
                    let polls = Rc::clone(&polls);
                    async move {
                        let one = |_| one_by(Rc::clone(&listener), Rc::clone(&polls));
                        let mut all: FuturesUnordered<_> = (0..futures).map(one).collect();
                        all.next().await;
                    }
                });
                sleep(Duration::from_secs(86_400)).await;
                polls.get()
            })
        });
        assert_eq!(polls, futures);
    }
}

#[test]
fn each_of_them_is_woken_when_something_comes() {
    watched(|| {
        quintet::block_on(async {
            let (listener, addr) = listener();
            let polls = Rc::new(Cell::new(0));
            let one = |_| one_by(Rc::clone(&listener), Rc::clone(&polls));
            let in_one_task: FuturesUnordered<_> = (0..40).map(one).collect();
            let in_one_task = quintet::spawn(in_one_task.collect::<()>());
            let others: Vec<_> = (0..40)
                .map(|_| quintet::spawn(one_by(Rc::clone(&listener), Rc::clone(&polls))))
                .collect();
            for _ in 0..80 {
                drop(std::net::TcpStream::connect(addr).unwrap());
            }
            in_one_task.await.unwrap();
            for other in others {
                other.await.unwrap();
            }
        });
    });
}

#[test]
fn a_reader_is_found_behind_any_number_that_have_given_up() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            // Each time a waker of its own asks, and goes.
            for _ in 0..10_000 {
                let mut buf = [0; 8];
                let mut stream = &own;
                let read = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf));
                let mut one = FuturesUnordered::from_iter([Box::pin(read)]);
                assert!(poll_fn(|cx| Poll::Ready(one.poll_next_unpin(cx).is_pending())).await);
            }
            let own = Rc::new(own);
            let reader = quintet::spawn({
                let own = Rc::clone(&own);
                async move {
                    let mut buf = [0; 8];
                    let mut stream = &*own;
                    poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf)).await
                }
            });
            quintet::task::yield_now().await;
            deliver(&peer, &*own, b"abc");
            assert_eq!(reader.await.unwrap().unwrap(), 3);
        });
    });
}

#[test]
fn a_waker_that_still_waits_is_woken_when_others_are_cleared_away() {
    watched(|| {
        quintet::block_on(async {
            let (own, peer) = registered().await;
            let own = Rc::new(own);
            let read = |own: Rc<quintet::net::TcpStream>| async move {
                let (mut stream, mut buf) = (&*own, [0; 8]);
                poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buf)).await
            };
            // The first place on the list is another task's, which leaves the bytes there.
            let first = quintet::spawn({
                let own = Rc::clone(&own);
                async move { own.peek(&mut [0; 8]).await }
            });
            quintet::task::yield_now().await;
            // One that stays, in a task that is polled again and again.
            let mut waiting = FuturesUnordered::from_iter([read(Rc::clone(&own))]);
            for _ in 0..100 {
                assert!(poll_fn(|cx| Poll::Ready(waiting.poll_next_unpin(cx).is_pending())).await);
                let mut given_up = FuturesUnordered::from_iter([read(Rc::clone(&own))]);
                assert!(poll_fn(|cx| Poll::Ready(given_up.poll_next_unpin(cx).is_pending())).await);
                quintet::task::yield_now().await;
            }
            deliver(&peer, &*own, b"abc");
            assert_eq!(first.await.unwrap().unwrap(), 3);
            assert_eq!(waiting.next().await.unwrap().unwrap(), 3);
        });
    });
}
