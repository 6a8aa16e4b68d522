//! Unreferenced timers and sources cost a loop nothing, however many there are.

use std::net::{Ipv4Addr, TcpListener, TcpStream as Peer};
use std::rc::Rc;
use std::time::Duration;

use crate::net::TcpStream;
use crate::phase::candidates::LOOKED_AT;
use crate::runtime::Builder;

use crate::sync::oneshot;
use crate::task::{spawn, yield_now};
use crate::time::sleep;

const LONG: Duration = Duration::from_secs(100_000);

/// The number of ticks. In each, the loop checks whether something keeps it alive.
const TICKS: u64 = 100;

/// Asserts that `run` examines few entries in [`TICKS`] ticks, in each of which it decides whether
/// to wait. `unreferenced` creates the things that must not be examined. Each tick calls `on_tick`.
fn assert_cheap<C>(unreferenced: impl FnOnce() -> C, mut on_tick: impl FnMut(&C) + 'static)
where
    C: 'static,
{
    // In paused time, the number of decisions does not depend on real time.
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let entered = runtime.enter();
    let things = unreferenced();
    // Now all of them wait, and each has been examined once.
    drop(spawn(sleep(Duration::ZERO)));
    runtime.run().unwrap();
    let before = LOOKED_AT.get();
    drop(spawn(async move {
        for _ in 0..TICKS {
            on_tick(&things);
            sleep(Duration::from_nanos(1)).await;
        }
    }));
    runtime.run().unwrap();
    drop(entered);
    let examined = LOOKED_AT.get() - before;
    assert!(examined >= TICKS, "it decides in each tick");
    assert!(examined <= 10 * TICKS, "{examined} in {TICKS} ticks");
}

/// Spawns tasks that sleep, of which half have an unreferenced sleep, and all are unreferenced.
fn sleepers(count: usize) {
    for n in 0..count {
        let mut sleeper = Box::pin(sleep(LONG));
        if n % 2 == 0 {
            sleeper.unref();
            spawn(sleeper).unref();
        } else {
            spawn(async move { sleeper.as_mut().await }).unref();
        }
    }
}

/// Spawns unreferenced tasks that wait for unreferenced sockets. Several tasks share a socket,
/// because descriptors are few.
fn readers(count: usize) -> Vec<Peer> {
    const TASKS_PER_SOCKET: usize = 100;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let connect = |_| {
        let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
        let (own, _) = listener.accept().unwrap();
        let own = Rc::new(TcpStream::from_std(own).unwrap());
        own.unref();
        for _ in 0..TASKS_PER_SOCKET {
            let own = Rc::clone(&own);
            spawn(async move { own.read(&mut [0]).await }).unref();
        }
        peer
    };
    (0..count.div_ceil(TASKS_PER_SOCKET)).map(connect).collect()
}

#[test]
fn unreferenced_timers_are_not_examined() {
    for count in [10, 100_000] {
        assert_cheap(|| sleepers(count), |()| {});
    }
}

#[test]
fn unreferenced_sockets_are_not_examined() {
    for count in [100, 10_000] {
        assert_cheap(|| readers(count), |_| {});
    }
}

#[test]
fn they_are_not_examined_while_others_come_and_go() {
    let come_and_go = |(): &()| {
        // One timer fires, one is cancelled, and other tasks wait for each other.
        spawn(sleep(Duration::ZERO)).unref();
        let aborted = spawn(sleep(LONG));
        aborted.unref();
        let (send, receive) = oneshot::channel::<()>();
        spawn(async move {
            yield_now().await;
            drop(send);
            aborted.abort();
        })
        .unref();
        spawn(receive).unref();
    };
    for count in [10, 100_000] {
        assert_cheap(|| sleepers(count), come_and_go);
    }
}

#[test]
fn they_are_not_examined_while_a_task_is_referenced_and_unreferenced() {
    let sleepers_and_one = |count| {
        sleepers(count);
        let waiting = spawn(sleep(LONG));
        waiting.unref();
        waiting
    };
    for count in [10, 100_000] {
        assert_cheap(
            || sleepers_and_one(count),
            |waiting| {
                waiting.ref_();
                waiting.unref();
            },
        );
    }
    for count in [100, 10_000] {
        let things = || (readers(count), sleepers_and_one(10));
        assert_cheap(things, |(_, waiting)| {
            waiting.ref_();
            waiting.unref();
        });
    }
}
