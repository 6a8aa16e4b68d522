//! Sources of every kind: what holds for TCP holds for each of them.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;

use quintet::spawn;
use quintet::task::{JoinHandle, set_immediate};
use quintet::time::Instant;

use crate::support::cases::{
    arm, in_check, in_order, in_order_on, in_poll, jobs_are_done, log, log_after, log_after_job,
    one_worker,
};
use crate::support::kinds::{KINDS, Kind, Own, Peer};

/// Reads once from `own`, logs `data-name`, and spawns what the checkpoint runs.
fn log_read(own: Rc<Own>, name: String) -> JoinHandle<()> {
    spawn(async move {
        own.read(&mut [0; 8]).await.unwrap();
        log(format!("data-{name}"));
        spawn(async move { log(format!("micro-{name}")) });
    })
}

/// One end of each kind.
fn one_of_each() -> (Vec<Rc<Own>>, Vec<Peer>) {
    let ends = KINDS.map(Kind::open).into_iter();
    ends.map(|(own, peer)| (Rc::new(own), peer)).unzip()
}

#[test]
fn each_source_of_a_batch_is_a_callback_with_a_checkpoint() {
    let words = KINDS.map(|kind| format!("data-{kind:?} micro-{kind:?}"));
    in_order(&words.join(" "), || async {
        let (ends, peers) = one_of_each();
        for (own, kind) in ends.iter().zip(KINDS) {
            log_read(Rc::clone(own), format!("{kind:?}"));
        }
        in_poll().await;
        for (own, peer) in ends.iter().zip(&peers) {
            peer.deliver(&**own, b"x");
        }
    });
}

#[test]
fn sources_of_each_kind_come_between_timers_and_jobs() {
    let words = KINDS.map(|kind| format!("data-{kind:?} micro-{kind:?}"));
    let expected = format!("timer {} job immediate", words.join(" "));
    in_order_on(&mut one_worker(), &expected, || async {
        let (ends, peers) = one_of_each();
        for (own, kind) in ends.iter().zip(KINDS) {
            log_read(Rc::clone(own), format!("{kind:?}"));
        }
        in_poll().await;
        in_check().await;
        // All of this is there when the next tick begins.
        set_immediate(|| log("immediate"));
        log_after_job("job");
        jobs_are_done();
        for (own, peer) in ends.iter().zip(&peers) {
            peer.deliver(&**own, b"x");
        }
        log_after(arm(Instant::now()).await, "timer");
    });
}

/// Reads once, and counts the polls of that.
async fn read_counted(own: &Own, polls: &Cell<usize>) {
    let mut buf = [0; 8];
    let mut read = pin!(own.read(&mut buf));
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        read.as_mut().poll(cx)
    })
    .await
    .unwrap();
}

#[test]
fn a_source_dropped_by_an_earlier_callback_of_the_batch_gets_no_event() {
    for kind in KINDS {
        in_order("first polls-1 third polls-2", move || async move {
            let [
                (first, first_peer),
                (second, second_peer),
                (third, third_peer),
            ] = [(); 3].map(|()| kind.open());
            let first = Rc::new(first);
            let first_end = Rc::clone(&first);
            let second_end = rustix::io::dup(&second).unwrap();
            let [polls, third_polls] = [(); 2].map(|()| Rc::new(Cell::new(0)));
            let counted = Rc::clone(&polls);
            let dropped = spawn(async move {
                read_counted(&second, &counted).await;
                log("second");
            });
            let third_counted = Rc::clone(&third_polls);
            spawn(async move {
                first.read(&mut [0; 8]).await.unwrap();
                log("first");
                dropped.abort();
                drop(dropped.await);
                log(format!("polls-{}", polls.get()));
                // The next source may get its slot.
                read_counted(&third, &third_counted).await;
                log("third");
                log(format!("polls-{}", third_counted.get()));
            });
            in_poll().await;
            first_peer.deliver(&*first_end, b"x");
            second_peer.deliver(&second_end, b"x");
            drop(second_end);
            while third_polls.get() == 0 {
                in_check().await;
            }
            third_peer.send(b"x");
        });
    }
}
