//! What does not keep a loop alive costs it nothing, however much of it there is.

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

/// How often the loop goes round, and asks each time whether something is alive.
const TICKS: u64 = 100;

/// Asserts how many entries `run` looks at in [`TICKS`] ticks, in each of which it has to decide
/// whether to wait. `crowd` makes what does not count; `meanwhile` is called in each tick.
fn is_cheap<C>(crowd: impl FnOnce() -> C, mut meanwhile: impl FnMut(&C) + 'static)
where
    C: 'static,
{
    // How often it decides does not depend on real time.
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let entered = runtime.enter();
    let crowd = crowd();
    // All wait, and all have been looked at once.
    drop(spawn(sleep(Duration::ZERO)));
    runtime.run().unwrap();
    let before = LOOKED_AT.get();
    drop(spawn(async move {
        for _ in 0..TICKS {
            meanwhile(&crowd);
            sleep(Duration::from_nanos(1)).await;
        }
    }));
    runtime.run().unwrap();
    drop(entered);
    let looked_at = LOOKED_AT.get() - before;
    assert!(looked_at >= TICKS, "it decides in each tick");
    assert!(looked_at <= 10 * TICKS, "{looked_at} in {TICKS} ticks");
}

/// Tasks that sleep and keep nothing alive: of some the sleep does not, of others the task.
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

/// Tasks that wait for sockets, of which none counts. Descriptors are few, so several wait for one.
fn readers(count: usize) -> Vec<Peer> {
    const TO_A_SOCKET: usize = 100;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let connect = |_| {
        let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
        let (own, _) = listener.accept().unwrap();
        let own = Rc::new(TcpStream::from_std(own).unwrap());
        own.unref();
        for _ in 0..TO_A_SOCKET {
            let own = Rc::clone(&own);
            spawn(async move { own.read(&mut [0]).await }).unref();
        }
        peer
    };
    (0..count.div_ceil(TO_A_SOCKET)).map(connect).collect()
}

#[test]
fn timers_that_do_not_count_are_not_looked_at() {
    for count in [10, 100_000] {
        is_cheap(|| sleepers(count), |()| {});
    }
}

#[test]
fn sockets_that_do_not_count_are_not_looked_at() {
    for count in [100, 10_000] {
        is_cheap(|| readers(count), |_| {});
    }
}

#[test]
fn nor_are_they_where_some_come_and_go() {
    let come_and_go = |(): &()| {
        // One is armed and ends, one is armed and given up, and others wait for each other.
        spawn(sleep(Duration::ZERO)).unref();
        let given_up = spawn(sleep(LONG));
        given_up.unref();
        let (send, receive) = oneshot::channel::<()>();
        spawn(async move {
            yield_now().await;
            drop(send);
            given_up.abort();
        })
        .unref();
        spawn(receive).unref();
    };
    for count in [10, 100_000] {
        is_cheap(|| sleepers(count), come_and_go);
    }
}

#[test]
fn nor_are_they_where_a_task_comes_to_count_and_does_not_again() {
    let waiting_crowd = |count| {
        sleepers(count);
        let waiting = spawn(sleep(LONG));
        waiting.unref();
        waiting
    };
    for count in [10, 100_000] {
        is_cheap(
            || waiting_crowd(count),
            |waiting| {
                waiting.ref_();
                waiting.unref();
            },
        );
    }
    for count in [100, 10_000] {
        let crowd = || (readers(count), waiting_crowd(10));
        is_cheap(crowd, |(_, waiting)| {
            waiting.ref_();
            waiting.unref();
        });
    }
}
