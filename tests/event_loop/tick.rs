//! The tick: what its contract promises beyond the cases of ORDER, rule by rule.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fs::File;
use std::future::{pending, poll_fn};
use std::io::{ErrorKind, Read, Write};
use std::iter;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::thread;

use futures::channel::{mpsc, oneshot};
use futures::{AsyncRead, AsyncReadExt};
use quintet::net::{TcpListener, TcpStream, UnixStream};
use quintet::runtime::Handle;
use quintet::task::set_immediate;
use quintet::time::{Duration, Instant, advance, sleep};
use quintet::{spawn, spawn_blocking};

use crate::support::cases::{
    BY_BLOCK_ON, BY_RUN, ON_PAUSED_TIME, arm, arrived, assert_order, block, block_until,
    connection, count_ticks, deliver, in_check, in_close, in_order, in_order_by, in_order_on,
    in_pending, in_poll, in_time, in_timers, jobs_are_done, journal, keep_alive, line_count, lines,
    log, log_after, log_after_job, margin, numbered, one_worker, record, spend, take_log,
    void_unless, wake_elsewhere, watched,
};
use crate::support::panics::panic_of;
use crate::support::wakers::poll;

/// The phases, in the order of the ring.
const PHASES: [&str; 5] = ["timers", "pending", "poll", "check", "close"];

/// Goes on in the next phase of this name.
async fn reach(phase: &str) {
    match phase {
        "timers" => in_timers().await,
        "pending" => in_pending().await,
        "poll" => in_poll().await,
        "check" => in_check().await,
        "close" => in_close().await,
        _ => unreachable!("there are five phases"),
    }
}

// ---- Rule 1: the ring --------------------------------------------------------------------------

#[test]
fn a_tick_is_timers_pending_poll_check_close() {
    let expected = "0-timers 0-pending 0-poll 1-check 1-close \
                    1-timers 1-pending 1-poll 2-check 2-close";
    in_order(expected, || async {
        let ticks = count_ticks();
        spawn(async move {
            for phase in PHASES.into_iter().chain(PHASES) {
                reach(phase).await;
                // The number goes up at the beginning of check.
                log(format!("{}-{phase}", ticks.get()));
            }
        });
    });
}

#[test]
fn each_phase_comes_once_a_tick() {
    // Without pending: what poll fetches would wait for it.
    let expected = "timers poll check close timers poll check close timers poll check close";
    in_order(expected, || async {
        for phase in ["close", "check", "poll", "timers"] {
            spawn(async move {
                for _ in 0..3 {
                    reach(phase).await;
                    log(phase);
                }
            });
        }
    });
}

#[test]
fn the_root_is_first_and_the_queue_is_drained_before_the_first_tick() {
    watched(|| {
        let runtime = one_worker().build().unwrap();
        let entered = runtime.enter();
        set_immediate(|| log("check"));
        drop(entered);
        runtime.spawn(async {
            log("spawned-before");
            spawn(async { log("spawned-by-that") });
            in_timers().await;
            log("timers");
        });
        runtime.block_on(async {
            log("root");
            spawn(async { log("spawned-by-root") });
            lines(6).await;
        });
    });
    let expected = "root spawned-before spawned-by-root spawned-by-that timers check";
    assert_eq!(take_log().join(" "), expected);
}

#[test]
fn block_on_returns_as_soon_as_its_root_is_done() {
    watched(|| {
        let runtime = one_worker().build().unwrap();
        runtime.block_on(async {
            spawn(async { log("a") });
            spawn(async { log("b") });
            set_immediate(|| log("check"));
        });
        log("returned");
        runtime.spawn(async { log("c") });
        runtime.block_on(async {
            log("root");
            lines(6).await;
        });
    });
    assert_eq!(take_log(), ["returned", "root", "a", "b", "c", "check"]);
}

/// The first of two callbacks of `phase` ends the root. Returns what was logged in the first
/// `block_on` and what in the next.
fn end_within(phase: &'static str) -> (String, String) {
    watched(|| {
        let runtime = one_worker().build().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        runtime.block_on(async {
            spawn(async move {
                reach(phase).await;
                log("first");
                end.send(()).unwrap();
                spawn(async { log("micro") });
            });
            spawn(async move {
                reach(phase).await;
                log("second");
            });
            ended.await.unwrap();
        });
        let before = take_log().join(" ");
        runtime.block_on(async {
            log("root");
            let total = if before == "first" { 3 } else { 2 };
            lines(total).await;
            in_check().await;
        });
        (before, take_log().join(" "))
    })
}

#[test]
fn a_root_that_ends_within_a_phase_leaves_the_rest_to_the_next_block_on() {
    for phase in ["timers", "poll", "check", "close"] {
        let (before, after) = end_within(phase);
        assert_eq!(before, "first", "{phase}");
        assert_eq!(after, "root micro second", "{phase}");
    }
    // Pending knows no checkpoint, so the root itself has its turn only behind the second.
    let (before, after) = end_within("pending");
    assert_eq!((&*before, &*after), ("first second", "root micro"));
}

// ---- Rule 2: a checkpoint after each callback --------------------------------------------------

/// Two callbacks of `phase`, each of which makes a task ready.
async fn two_callbacks(phase: &'static str) {
    for n in 1..=2 {
        spawn(async move {
            reach(phase).await;
            log(n.to_string());
            spawn(async move {
                log(format!("micro-{n}"));
                spawn(async move { log(format!("nano-{n}")) });
            });
        });
    }
}

#[test]
fn a_checkpoint_follows_each_callback_of_timers_poll_check_and_close() {
    for phase in ["timers", "poll", "check", "close"] {
        in_order("1 micro-1 nano-1 2 micro-2 nano-2", || two_callbacks(phase));
    }
}

#[test]
fn in_pending_the_checkpoint_comes_when_all_are_through() {
    in_order("1 2 micro-1 micro-2 nano-1 nano-2", || {
        two_callbacks("pending")
    });
}

#[test]
fn a_checkpoint_follows_each_worker_result() {
    in_order("1 micro-1 2 micro-2", || async {
        for n in 1..=2 {
            let job = spawn_blocking(|| ());
            spawn(async move {
                job.await.unwrap();
                log(n.to_string());
                spawn(async move { log(format!("micro-{n}")) });
            });
        }
        jobs_are_done();
    });
}

#[test]
fn a_checkpoint_follows_each_task_from_elsewhere() {
    in_order("1 micro-1 2 micro-2", || async {
        let handle = Handle::current();
        let task = |n: u32| async move {
            log(n.to_string());
            spawn(async move { log(format!("micro-{n}")) });
        };
        wake_elsewhere(move || (1..=2).for_each(|n| drop(handle.spawn(task(n)))));
    });
}

#[test]
fn all_readers_of_a_source_are_woken_by_one_event_in_the_order_of_coming() {
    in_order("r1 r2 r3 micro-1 micro-2 micro-3", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        for n in 1..=3 {
            let own = Rc::clone(&own);
            spawn(async move {
                own.read(&mut [0]).await.unwrap();
                log(format!("r{n}"));
                spawn(async move { log(format!("micro-{n}")) });
            });
        }
        spawn(async move { deliver(&peer, &*own, b"xyz") });
    });
}

/// Holds the thread until a write to `stream` would not block.
#[test]
fn a_reader_and_a_writer_woken_by_one_event_come_in_this_order() {
    in_order("reader writer micro-r micro-w", || async {
        // Not TCP: the kernel may make room for a writer later, without the other end.
        let (own, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let peer = Rc::new(peer);
        let own = Rc::new(UnixStream::from_std(own).unwrap());
        let mut written = 0;
        loop {
            match own.try_write(&[0; 65536]) {
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let (read, write) = (Rc::clone(&own), Rc::clone(&own));
        let open = Rc::clone(&peer);
        spawn(async move {
            write.write(&[0; 65536]).await.unwrap();
            drop(open);
            log("writer");
            spawn(async { log("micro-w") });
        });
        spawn(async move {
            read.read(&mut [0]).await.unwrap();
            log("reader");
            spawn(async { log("micro-r") });
        });
        spawn(async move {
            (&*peer).read_exact(&mut vec![0; written]).unwrap();
            (&*peer).write_all(b"x").unwrap();
        });
    });
}

// ---- Rule 3: snapshots -------------------------------------------------------------------------

#[test]
fn what_is_asked_for_within_a_phase_waits_for_the_next_tick() {
    for phase in PHASES {
        in_order("first second close-by nested 1-tick", || async move {
            let ticks = count_ticks();
            spawn(async move {
                reach(phase).await;
                log("first");
                let before = ticks.get();
                reach(phase).await;
                log("nested");
                log(format!("{}-tick", ticks.get() - before));
            });
            spawn(async move {
                reach(phase).await;
                log("second");
                spawn(async { log("close-by") });
            });
        });
    }
}

#[test]
fn a_timer_that_falls_due_within_the_timers_phase_waits_for_the_next() {
    in_order("t1 check t2", || async {
        let first = arm(Instant::now()).await;
        let deadline = Instant::now() + margin(Duration::from_millis(5));
        log_after(arm(deadline).await, "t2");
        spawn(async move {
            first.await;
            in_time(deadline);
            log("t1");
            block_until(deadline);
        });
        set_immediate(|| log("check"));
    });
}

#[test]
fn a_message_that_comes_within_poll_waits_for_the_next() {
    in_order("m1 m2 check m3", || async {
        for n in 1..=2 {
            spawn(async move {
                in_poll().await;
                log(format!("m{n}"));
                if n == 1 {
                    let (handle, journal) = (Handle::current(), journal());
                    wake_elsewhere(move || drop(handle.spawn(async move { journal.log("m3") })));
                }
            });
        }
        set_immediate(|| log("check"));
    });
}

// ---- Rule 5: cancelling ------------------------------------------------------------------------

#[test]
fn a_task_aborted_by_an_earlier_callback_of_the_phase_is_not_polled() {
    struct Logs;
    impl Drop for Logs {
        fn drop(&mut self) {
            log("dropped");
        }
    }
    for phase in PHASES {
        in_order("first dropped last", || async move {
            let (lend, victim) = oneshot::channel::<quintet::task::AbortHandle>();
            spawn(async move {
                let victim = victim.await.unwrap();
                reach(phase).await;
                log("first");
                victim.abort();
            });
            let guard = Logs;
            let second = spawn(async move {
                let _held = guard;
                reach(phase).await;
                log("not-dropped");
            });
            // The first has to hear of the second before it gets in line, and be in front of it.
            lend.send(second.abort_handle()).unwrap();
            spawn(async move {
                reach(phase).await;
                log("last");
            });
        });
    }
}

#[test]
fn an_immediate_aborted_by_an_earlier_one_is_not_called() {
    in_order("first last", || async {
        let victim = Rc::new(RefCell::new(None));
        let aborted = Rc::clone(&victim);
        set_immediate(move || {
            log("first");
            let handle: quintet::task::JoinHandle<()> = aborted.take().unwrap();
            handle.abort();
        });
        victim.replace(Some(set_immediate(|| log("not-aborted"))));
        set_immediate(|| log("last"));
    });
}

#[test]
fn a_future_dropped_by_an_earlier_callback_of_the_phase_is_not_polled() {
    type Slot = Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>>;
    for phase in ["timers", "poll", "check", "close"] {
        in_order("first last 1", || async move {
            let slot: Slot = Rc::new(RefCell::new(Some(Box::pin(reach(phase)))));
            let dropped = Rc::clone(&slot);
            let polls = Rc::new(Cell::new(0));
            let counted = Rc::clone(&polls);
            spawn(async move {
                reach(phase).await;
                log("first");
                drop(dropped.take());
            });
            let bereft = spawn(poll_fn(move |cx| {
                counted.set(counted.get() + 1);
                match &mut *slot.borrow_mut() {
                    Some(future) => future.as_mut().poll(cx),
                    None => Poll::Pending,
                }
            }));
            bereft.unref();
            spawn(async move {
                reach(phase).await;
                log("last");
                // A wake from elsewhere that is on its way cannot be taken back.
                let polls = polls.get() - usize::from(phase == "poll");
                log(polls.to_string());
            });
        });
    }
}

#[test]
fn an_operation_dropped_by_an_earlier_event_of_the_batch_is_not_polled() {
    in_order("first 1-poll", || async {
        let ends = [connection(), connection()];
        let [(a, peer_a), (b, peer_b)] = ends.map(|(own, peer)| (Rc::new(own), peer));
        let (first, second) = (Rc::clone(&a), Rc::clone(&b));
        let read = async move { second.read(&mut [0]).await.map(drop) };
        let slot = Rc::new(RefCell::new(Some(Box::pin(read))));
        let (dropped, polls) = (Rc::clone(&slot), Rc::new(Cell::new(0)));
        let counted = Rc::clone(&polls);
        spawn(async move {
            first.read(&mut [0]).await.unwrap();
            log("first");
            drop(dropped.take());
        });
        let bereft = spawn(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            match &mut *slot.borrow_mut() {
                Some(read) => read.as_mut().poll(cx).map(Result::unwrap),
                None => Poll::Pending,
            }
        }));
        bereft.unref();
        spawn(async move {
            deliver(&peer_a, &*a, b"x");
            deliver(&peer_b, &*b, b"x");
            in_check().await;
            log(format!("{}-poll", polls.get()));
            drop((peer_a, peer_b));
        });
    });
}

#[test]
fn a_source_dropped_by_an_earlier_event_of_the_batch_is_not_delivered() {
    in_order("first check", || async {
        let ends = [connection(), connection()];
        let [(a, peer_a), (b, peer_b)] = ends.map(|(own, peer)| (Rc::new(own), peer));
        let (first, second) = (Rc::clone(&a), Rc::clone(&b));
        let victim = Rc::new(RefCell::new(None::<quintet::task::JoinHandle<()>>));
        let aborted = Rc::clone(&victim);
        spawn(async move {
            first.read(&mut [0]).await.unwrap();
            log("first");
            aborted.take().unwrap().abort();
        });
        victim.replace(Some(spawn(async move {
            second.read(&mut [0]).await.unwrap();
            log("not-dropped");
        })));
        spawn(async move {
            deliver(&peer_a, &*a, b"x");
            deliver(&peer_b, &*b, b"x");
            set_immediate(|| log("check"));
        });
    });
}

#[test]
fn a_read_of_a_source_closed_by_an_earlier_event_of_the_batch_fails() {
    in_order("first NotConnected", || async {
        let [(a, peer_a), (b, peer_b)] = [connection(), connection()];
        let a = Rc::new(a);
        let first = Rc::clone(&a);
        let end = b.as_fd().try_clone_to_owned().unwrap();
        let (mut read, write) = b.into_split();
        spawn(async move {
            first.read(&mut [0]).await.unwrap();
            log("first");
            write.close();
        });
        spawn(async move {
            let mut byte = [0];
            let output = AsyncReadExt::read(&mut read, &mut byte).await;
            log(output.map_or_else(|error| format!("{:?}", error.kind()), |_| "data".to_owned()));
        });
        spawn(async move {
            deliver(&peer_a, &*a, b"x");
            deliver(&peer_b, &end, b"x");
        });
    });
}

#[test]
fn a_reused_descriptor_gets_no_old_event() {
    in_order("first 1-poll data", || async {
        let ends = [connection(), connection()];
        let [(a, peer_a), (b, peer_b)] = ends.map(|(own, peer)| (Rc::new(own), peer));
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let peer_c = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let peers = Rc::new((peer_a, peer_b));
        let (first, kept) = (Rc::clone(&a), Rc::clone(&peers));
        let slot = Rc::new(RefCell::new(Some(b)));
        let taken = Rc::clone(&slot);
        let polls = Rc::new(Cell::new(0));
        // Fills the gaps, so that the number which becomes free is the next that is used.
        let highest = slot.borrow().as_ref().map_or(0, |b| b.as_raw_fd());
        let fill = || File::open("/dev/null").unwrap();
        let fillers: Vec<_> = iter::repeat_with(fill)
            .take_while(|f| f.as_raw_fd() < highest)
            .collect();
        spawn(async move {
            let _held = (fillers, kept);
            first.read(&mut [0]).await.unwrap();
            log("first");
            let old = taken.take().unwrap();
            let fd = old.as_raw_fd();
            drop(old);
            let (c, _) = listener.accept().unwrap();
            void_unless(c.as_raw_fd() == fd);
            let c = Rc::new(TcpStream::from_std(c).unwrap());
            let (read, counted) = (Rc::clone(&c), Rc::clone(&polls));
            spawn(async move {
                poll_fn(|cx| {
                    counted.set(counted.get() + 1);
                    Pin::new(&mut &*read).poll_read(cx, &mut [0])
                })
                .await
                .unwrap();
                log("data");
            });
            set_immediate(move || {
                log(format!("{}-poll", polls.get()));
                deliver(&peer_c, &*c, b"x");
            });
        });
        // Known to the poller by a read that was begun and given up.
        {
            let b = Rc::clone(slot.borrow().as_ref().unwrap());
            assert!(poll!(Box::pin(b.read(&mut [0]))).is_pending());
        }
        spawn(async move {
            deliver(&peers.0, &*a, b"x");
            let b = slot.borrow().clone().unwrap();
            deliver(&peers.1, &*b, b"x");
        });
    });
}

// ---- Rule 6: how long poll waits ---------------------------------------------------------------

#[test]
fn time_spent_in_tasks_is_not_added_to_a_sleep() {
    let total = Duration::from_millis(60);
    let slept = || {
        quintet::block_on(async {
            let start = Instant::now();
            let sleep = arm(start + total).await;
            set_immediate(|| block(50));
            sleep.await;
            start.elapsed()
        })
    };
    // One of some attempts is not held up.
    let best = watched(|| {
        (0..20)
            .map(|_| slept())
            .find(|slept| *slept < total + total / 2)
    });
    assert!(best.is_some_and(|slept| slept >= total), "{best:?}");
}

#[test]
fn the_os_is_asked_after_32_ticks_at_the_latest() {
    in_order("in-time", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        let ticks = count_ticks();
        let reads = spawn(async move { end.read(&mut [0]).await.unwrap() });
        for _ in 0..50 {
            in_check().await;
        }
        deliver(&peer, &*own, b"x");
        let before = ticks.get();
        reads.await.unwrap();
        let took = ticks.get() - before;
        log(if took <= 33 {
            "in-time".to_owned()
        } else {
            format!("{took}-ticks")
        });
    });
}

#[test]
fn poll_does_not_wait_while_something_is_pending() {
    in_order("20-times", || async {
        // Nothing but this task: it stands in pending whenever poll begins.
        for _ in 0..20 {
            in_pending().await;
        }
        log("20-times");
    });
}

#[test]
fn a_message_that_came_before_poll_ends_its_wait() {
    in_order("told", || async {
        in_poll().await;
        in_poll().await;
        log("told");
    });
}

#[test]
fn on_paused_time_the_os_is_asked_in_each_tick() {
    // What is left out by a count or by real time would depend on it.
    in_order_by(ON_PAUSED_TIME, &mut one_worker(), "1-ticks", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        let ticks = count_ticks();
        let reads = spawn(async move { end.read(&mut [0]).await.unwrap() });
        for _ in 0..50 {
            in_check().await;
        }
        deliver(&peer, &*own, b"x");
        let before = ticks.get();
        reads.await.unwrap();
        log(format!("{}-ticks", ticks.get() - before));
    });
}

// ---- Rule 7: what poll delivers ----------------------------------------------------------------

#[test]
fn messages_come_behind_sources_and_in_the_order_of_their_arrival() {
    in_order("source job-1 wake job-2 call", || async {
        let (own, peer) = connection();
        let own = Rc::new(own);
        let end = Rc::clone(&own);
        let (handle, journal) = (Handle::current(), journal());
        let (wake, woken) = oneshot::channel::<()>();
        spawn(async move {
            woken.await.unwrap();
            log("wake");
        });
        spawn(async move {
            end.read(&mut [0]).await.unwrap();
            log("source");
        });
        spawn(async move {
            log_after_job("job-1");
            jobs_are_done();
            wake_elsewhere(move || wake.send(()).unwrap());
            log_after_job("job-2");
            jobs_are_done();
            wake_elsewhere(move || drop(handle.spawn(async move { journal.log("call") })));
            deliver(&peer, &*own, b"x");
        });
    });
}

#[test]
fn a_worker_s_result_is_there_from_poll_on_and_not_before() {
    in_order("not-before timers-not from-poll", || async {
        let job = spawn_blocking(|| ());
        jobs_are_done();
        if !job.is_finished() {
            log("not-before");
        }
        in_timers().await;
        let mut job = job;
        if poll!(&mut job).is_pending() {
            log("timers-not");
        }
        in_poll().await;
        if job.is_finished() {
            job.await.unwrap();
            log("from-poll");
        }
    });
}

#[test]
fn a_worker_s_result_is_stored_by_poll_even_when_no_task_waits() {
    in_order("not-before from-check", || async {
        let job = spawn_blocking(|| ());
        jobs_are_done();
        if !job.is_finished() {
            log("not-before");
        }
        in_check().await;
        if job.is_finished() {
            log("from-check");
        }
    });
}

#[test]
fn readiness_is_recorded_for_all_sources_at_the_fetch() {
    in_order("first second-is-ready", || async {
        let ends = [connection(), connection()];
        let [(a, peer_a), (b, peer_b)] = ends.map(|(own, peer)| (Rc::new(own), peer));
        let (first, second) = (Rc::clone(&a), Rc::clone(&b));
        spawn(async move {
            first.read(&mut [0]).await.unwrap();
            log("first");
            let is_ready = poll!(Box::pin(second.read(&mut [0]))).is_ready();
            log(if is_ready {
                "second-is-ready"
            } else {
                "second-is-not"
            });
        });
        spawn(async move {
            assert!(poll!(Box::pin(b.read(&mut [0]))).is_pending());
            deliver(&peer_a, &*a, b"x");
            deliver(&peer_b, &*b, b"x");
        });
    });
}

// ---- Rule 8: budgets ---------------------------------------------------------------------------

#[test]
fn the_first_drain_has_a_budget_too() {
    // Of the eight, one goes to the future of `block_on`, one to the case's root, one to the timer.
    for (ways, first) in [(BY_BLOCK_ON, 5), (BY_RUN, 6)] {
        let expected = numbered("t", 0..first) + " timers " + &numbered("t", first..9);
        in_order_by(ways, one_worker().phase_budget(8), &expected, || async {
            log_after(arm(Instant::now()).await, "timers");
            for n in 0..9 {
                spawn(async move { log(format!("t{n}")) });
            }
        });
    }
}

#[test]
fn immediates_over_the_budget_stay_first() {
    let expected = numbered("i", 0..8) + " close timers " + &numbered("i", 8..12) + " newer";
    in_order_on(one_worker().phase_budget(8), &expected, || async {
        for n in 0..12 {
            set_immediate(move || {
                log(format!("i{n}"));
                if n == 0 {
                    set_immediate(|| log("newer"));
                }
            });
        }
        for (phases, name) in [
            (["timers", "timers"], "timers"),
            (["poll", "close"], "close"),
        ] {
            spawn(async move {
                for phase in phases {
                    reach(phase).await;
                }
                log(name);
            });
        }
    });
}

#[test]
fn closes_over_the_budget_stay_first() {
    // The eighth poll is that of the task which is to log `timers`.
    let expected = numbered("c", 0..7) + " timers check " + &numbered("c", 7..12) + " newer";
    in_order_on(one_worker().phase_budget(8), &expected, || async {
        for n in 0..12 {
            spawn(async move {
                in_close().await;
                log(format!("c{n}"));
                if n == 0 {
                    set_immediate(|| log("check"));
                    log_after(arm(Instant::now()).await, "timers");
                    in_close().await;
                    log("newer");
                }
            });
        }
    });
}

#[test]
fn what_poll_has_fetched_over_the_budget_waits_in_pending() {
    let expected = numbered("m", 0..8) + " check " + &numbered("m", 8..12) + " newer";
    in_order_on(one_worker().phase_budget(8), &expected, || async {
        for n in 0..12 {
            spawn(async move {
                in_poll().await;
                log(format!("m{n}"));
                if n == 0 {
                    in_poll().await;
                    log("newer");
                }
            });
        }
        set_immediate(|| log("check"));
    });
}

#[test]
fn what_is_left_over_stays_ahead_of_all_that_is_newer() {
    // Six in the first drain (seven without the future of `block_on`), eight in the first pending
    // phase, the rest in the second. The message is fetched in between, while something is pending:
    // poll appends it.
    for (ways, first) in [(BY_BLOCK_ON, 14), (BY_RUN, 15)] {
        let older = numbered("t", 0..first) + " check " + &numbered("t", first..20);
        let expected = older + " made-by-t7 message";
        in_order_by(ways, one_worker().phase_budget(8), &expected, || async {
            for n in 0..20 {
                spawn(async move {
                    log(format!("t{n}"));
                    if n == 7 {
                        spawn(async { log("made-by-t7") });
                    }
                });
            }
            set_immediate(|| log("check"));
            let (handle, journal) = (Handle::current(), journal());
            wake_elsewhere(move || drop(handle.spawn(async move { journal.log("message") })));
        });
    }
}

/// In tick 1 something is pending, so what poll fetches waits there for tick 2: an event for ten
/// readers, a wake.
async fn ten_readers() {
    let (own, peer) = connection();
    let own = Rc::new(own);
    for n in 0..10 {
        let own = Rc::clone(&own);
        spawn(async move {
            own.read(&mut [0]).await.unwrap();
            log(format!("r{n}"));
            if n == 0 {
                spawn(async { log("micro") });
            }
        });
    }
    spawn(async move {
        // With a small budget it takes two phases until all readers wait.
        in_check().await;
        in_check().await;
        spawn(async {
            in_pending().await;
            set_immediate(|| log("check-1"));
            in_pending().await;
            log("other");
            set_immediate(|| log("check-2"));
        });
        deliver(&peer, &*own, b"0123456789");
        block(1);
        in_poll().await;
        log("woken");
    });
}

#[test]
fn what_is_fetched_while_something_is_pending_is_delivered_from_there() {
    let readers = numbered("r", 0..10);
    let expected = format!("check-1 other {readers} woken micro check-2");
    in_order(&expected, ten_readers);
}

#[test]
fn readers_over_the_budget_stay_ahead_of_what_is_newer() {
    let (seven, three) = (numbered("r", 0..7), numbered("r", 7..10));
    let expected = format!("check-1 other {seven} check-2 {three} woken micro");
    in_order_on(one_worker().phase_budget(8), &expected, ten_readers);
}

#[test]
fn a_task_in_pending_is_not_queued_a_second_time() {
    in_order_on(one_worker().phase_budget(8), "close 1-poll", || async {
        let (polls, waker) = (
            Rc::new(Cell::new(0)),
            Rc::new(RefCell::new(Waker::noop().clone())),
        );
        let (counted, lent) = (Rc::clone(&polls), Rc::clone(&waker));
        let endless = spawn(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            lent.replace(cx.waker().clone());
            Poll::<()>::Pending
        }));
        endless.unref();
        spawn(async move {
            in_check().await;
            let before = polls.get();
            // Seven take what is left of the budget; the one that waits goes to pending.
            (0..7).for_each(|_| drop(spawn(async {})));
            waker.borrow().wake_by_ref();
            in_close().await;
            assert_eq!(polls.get(), before);
            waker.borrow().wake_by_ref();
            log("close");
            in_check().await;
            log(format!("{}-poll", polls.get() - before));
        });
    });
}

/// A hundred messages in one batch of poll. While the first is delivered a timer falls due, and
/// `spent` units are charged, half of them by a task that it makes ready.
async fn hundred_messages(spent: u32) {
    let deadline = Instant::now() + margin(Duration::from_millis(15));
    log_after(arm(deadline).await, "timer");
    set_immediate(|| log("check"));
    spawn(async {
        in_close().await;
        log("close");
    });
    let (wake, woken): (Vec<_>, Vec<_>) = (0..100).map(|_| oneshot::channel::<()>()).unzip();
    for (n, woken) in woken.into_iter().enumerate() {
        spawn(async move {
            woken.await.unwrap();
            log(n.to_string());
            if n == 0 {
                in_time(deadline);
                block_until(deadline);
                spend(spent / 2).await;
                spawn(spend(spent - spent / 2));
            }
        });
    }
    spawn(async {
        wake_elsewhere(|| wake.into_iter().for_each(|wake| wake.send(()).unwrap()));
    });
}

#[test]
fn poll_looks_for_due_timers_every_64_callbacks() {
    let (before, after) = (numbered("", 0..64), numbered("", 64..100));
    let expected = format!("{before} check close timer {after}");
    in_order(&expected, || hundred_messages(0));
    in_order(&expected, || hundred_messages(31));
}

#[test]
fn poll_looks_for_due_timers_after_a_callback_that_charged_32_units() {
    let expected = format!("0 check close timer {}", numbered("", 1..100));
    in_order(&expected, || hundred_messages(32));
    in_order(&expected, || hundred_messages(100));
}

// ---- Rule 10: close ----------------------------------------------------------------------------

#[test]
fn a_close_is_done_at_once_and_told_in_the_close_phase_in_the_order_of_asking() {
    in_order("refused refused check asked-first asked-second", || async {
        let mut closes = Vec::new();
        for name in ["asked-first", "asked-second"] {
            // An address of its own, so that no other test takes the port.
            let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 10), 0)).await;
            let listener = listener.unwrap();
            let addr = listener.local_addr().unwrap();
            let mut close = Box::pin(listener.close());
            assert!(poll!(&mut close).is_pending());
            let error = std::net::TcpStream::connect(addr).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            log("refused");
            closes.push((name, close));
        }
        // The waiting tasks come in the other order.
        for (name, close) in closes.into_iter().rev() {
            spawn(async move {
                close.await;
                log(name);
            });
        }
        set_immediate(|| log("check"));
    });
}

// ---- Paused time -------------------------------------------------------------------------------

#[test]
fn to_advance_only_moves_the_clock() {
    let expected = "advanced micro timer check goes-on";
    in_order_by(ON_PAUSED_TIME, &mut one_worker(), expected, || async {
        let hour = Duration::from_secs(3600);
        log_after(arm(Instant::now() + hour).await, "timer");
        set_immediate(|| log("check"));
        spawn(async { log("micro") });
        drop(advance(hour));
        log("advanced");
        in_check().await;
        log("goes-on");
    });
}

#[test]
fn paused_time_moves_on_when_there_is_nothing_else_to_do() {
    let expected = "micro check close message job timer";
    in_order_by(ON_PAUSED_TIME, &mut one_worker(), expected, || async {
        log_after(arm(Instant::now() + Duration::from_nanos(1)).await, "timer");
        let (release, is_released) = std::sync::mpsc::channel();
        let job = spawn_blocking(move || is_released.recv().unwrap());
        spawn(async move {
            job.await.unwrap();
            log("job");
        });
        let (handle, journal, alive) = (Handle::current(), journal(), keep_alive());
        thread::spawn(move || {
            // By now the loop most likely waits, first for this thread and then for the job.
            thread::sleep(Duration::from_millis(2));
            drop(handle.spawn(async move {
                journal.log("message");
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(2));
                    release.send(()).unwrap();
                });
            }));
            drop(alive);
        });
        spawn(async {
            in_close().await;
            log("close");
        });
        set_immediate(|| log("check"));
        spawn(async { log("micro") });
    });
}

#[test]
fn block_on_panics_where_paused_time_cannot_help() {
    watched(|| {
        let runtime = one_worker().start_paused(true).build().unwrap();
        let panicked = panic_of(|| runtime.block_on(pending::<()>()));
        assert!(
            panicked.message.contains("nothing can ever happen"),
            "{panicked:?}"
        );
        // That was not the end of the runtime.
        assert_eq!(runtime.block_on(async { 7 }), 7);
    });
}

#[test]
fn a_seed_repeats_a_run() {
    let seeded = |seed: u64| {
        let runtime = one_worker().start_paused(true).seed(seed).build().unwrap();
        for n in 0..6 {
            let job = runtime.spawn_blocking(move || n);
            runtime.spawn(async move { log(job.await.unwrap().to_string()) });
        }
        watched(|| runtime.run()).unwrap();
        (take_log(), runtime.handle().order_hash())
    };
    let mut orders = HashSet::new();
    for seed in 0..20 {
        let run = seeded(seed);
        assert_eq!(run, seeded(seed), "{seed}");
        orders.insert(run.0);
    }
    assert!(orders.len() > 1, "a seed decides nothing: {orders:?}");
}

// ---- No task starves ---------------------------------------------------------------------------

/// How long a chain goes on that is meant to starve others. It must not come to that.
const STARVING: Duration = Duration::from_secs(5);

/// When a chain is to end: when the seven others have got on, or it is clear that they do not.
struct End(Instant);

impl End {
    fn has_come(&self) -> bool {
        line_count() >= 7 || self.0.elapsed() > STARVING
    }
}

/// Beside a chain that never pauses: everything else makes progress, three times over.
fn starves_no_task<F>(chain: impl Fn(End) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let each = record(&mut one_worker(), 8, || {
        let chain = chain(End(Instant::now()));
        async {
            spawn(async {
                chain.await;
                log("end");
            });
            for phase in PHASES {
                spawn(async move {
                    for _ in 0..3 {
                        reach(phase).await;
                    }
                    log(phase);
                });
            }
            spawn(async {
                let (own, mut peer) = connection();
                for _ in 0..3 {
                    peer.write_all(b"x").unwrap();
                    own.read_exact(&mut [0]).await.unwrap();
                }
                log("socket");
            });
            spawn(async {
                for _ in 0..3 {
                    spawn_blocking(|| ()).await.unwrap();
                }
                log("job");
            });
        }
    });
    for lines in each {
        for name in PHASES.into_iter().chain(["socket", "job"]) {
            assert_order(&lines, &[name, "end"]);
        }
    }
}

#[test]
fn a_chain_in_any_phase_starves_no_task() {
    for phase in PHASES {
        starves_no_task(|end| async move {
            while !end.has_come() {
                reach(phase).await;
            }
        });
    }
}

#[test]
fn a_task_that_wakes_itself_starves_no_task() {
    starves_no_task(|end| {
        poll_fn(move |cx| {
            if end.has_come() {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    });
}

#[test]
fn two_tasks_that_wake_each_other_starve_no_task() {
    starves_no_task(|end| async move {
        let (ping, mut pings) = mpsc::unbounded::<()>();
        let (pong, mut pongs) = mpsc::unbounded::<()>();
        spawn(
            async move { while pings.recv().await.is_ok() && pong.unbounded_send(()).is_ok() {} },
        );
        while !end.has_come() {
            ping.unbounded_send(()).unwrap();
            pongs.recv().await.unwrap();
        }
    });
}

#[test]
fn a_socket_that_is_always_readable_starves_no_task() {
    starves_no_task(|end| async move {
        let (own, mut peer) = connection();
        let alive = keep_alive();
        thread::spawn(move || {
            while peer.write_all(&[0; 65536]).is_ok() {}
            drop(alive);
        });
        arrived(&own, 60_000);
        while !end.has_come() {
            own.read(&mut [0]).await.unwrap();
        }
    });
}

#[test]
fn a_task_that_never_ends_a_poll_of_ready_operations_starves_no_task() {
    starves_no_task(|end| async move {
        let mut elapsed = sleep(Duration::ZERO);
        while !end.has_come() {
            (&mut elapsed).await;
        }
    });
}

#[test]
fn a_chain_of_immediates_starves_no_task() {
    fn chain(end: End, ended: oneshot::Sender<()>) {
        if end.has_come() {
            ended.send(()).unwrap();
        } else {
            set_immediate(|| chain(end, ended));
        }
    }
    starves_no_task(|end| async move {
        let (send, ended) = oneshot::channel();
        chain(end, send);
        ended.await.unwrap();
    });
}

// ---- A place in line belongs to one loop -------------------------------------------------------

/// Begins to wait on another loop, and returns the future.
fn begin_elsewhere<F: Future + 'static>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    quintet::block_on(async {
        assert!(poll!(&mut future).is_pending());
    });
    future
}

#[test]
fn a_future_begun_on_another_loop_takes_no_other_place() {
    for (phase, is_polled) in [
        ("check", false),
        ("check", true),
        ("close", false),
        ("close", true),
    ] {
        in_order("a b", || {
            let mut stranger = begin_elsewhere(reach(phase));
            async move {
                for name in ["a", "b"] {
                    spawn(async move {
                        reach(phase).await;
                        log(name);
                    });
                }
                spawn(async move {
                    if is_polled {
                        let _whatever = poll!(&mut stranger);
                    }
                    drop(stranger);
                });
            }
        });
    }
}
