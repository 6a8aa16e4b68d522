//! The check phase: immediates and yields.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;

use quintet::fs;
use quintet::task::{set_immediate, yield_now};
use quintet::time::{Duration, Instant, sleep};
use quintet::{spawn, spawn_blocking};

use crate::support::cases::{
    arm, in_order, jobs_are_done, listen, log, log_after, log_after_job, log_after_stat,
    time_passes,
};

#[test]
fn case_04_nested_immediate_runs_in_the_next_tick() {
    in_order("A B io C", || async {
        set_immediate(|| {
            log("A");
            set_immediate(|| log("C"));
            log_after_job("io");
            jobs_are_done();
        });
        set_immediate(|| log("B"));
    });
}

#[test]
fn case_14_the_ready_queue_is_drained_between_immediates() {
    in_order("i-a m-a i-b m-b i-c m-c", || async {
        for name in ["a", "b", "c"] {
            set_immediate(move || {
                log(format!("i-{name}"));
                spawn(async move { log(format!("m-{name}")) });
            });
        }
    });
}

/// Sets immediate after immediate, until `ends` says so.
fn chain(ends: Rc<Cell<bool>>) {
    time_passes();
    if ends.get() {
        log("chain-ended");
    } else {
        set_immediate(move || chain(ends));
    }
}

#[test]
fn case_21_a_chain_of_immediates_starves_no_task() {
    in_order("timer-ran io-ran chain-ended", || async {
        let ends = Rc::new(Cell::new(false));
        chain(Rc::clone(&ends));
        // The job ends after the timer, so that there is one order.
        let (end, may_end) = mpsc::channel();
        let job = spawn_blocking(move || may_end.recv());
        spawn(async move {
            sleep(Duration::from_millis(2)).await;
            log("timer-ran");
            end.send(()).unwrap();
        });
        job.await.unwrap().unwrap();
        log("io-ran");
        ends.set(true);
    });
}

#[test]
fn case_58_tasks_that_yield_take_turns() {
    in_order("main a1 b1 a2 b2 a3 b3", || async {
        for name in ["a", "b"] {
            spawn(async move {
                for n in 1..=3 {
                    log(format!("{name}{n}"));
                    yield_now().await;
                }
            });
        }
        log("main");
    });
}

#[test]
fn case_72_jobs_in_turn_and_immediates_both_make_progress() {
    in_order("1 2 3", || async {
        let ends = Rc::new(Cell::new(false));
        let is_end = Rc::clone(&ends);
        spawn(async move {
            while !is_end.get() {
                yield_now().await;
            }
        });
        for n in 1..=3 {
            fs::metadata(".").await.unwrap();
            log(n.to_string());
        }
        ends.set(true);
    });
}

#[test]
fn case_81_what_the_root_asks_for_begins_after_the_root() {
    in_order("main listening micro immediate closed", || async {
        spawn(async {
            let listener = listen().await;
            log("listening");
            listener.close().await;
            log("closed");
        });
        spawn(async { log("micro") });
        set_immediate(|| log("immediate"));
        log("main");
    });
}

/// The case that shows the whole tick.
#[test]
fn case_85_after_poll_come_check_close_timers_and_poll_again() {
    let expected = "poll micro check close timers poll-next check-next";
    in_order(expected, || async {
        spawn_blocking(|| ()).await.unwrap();
        log("poll");
        let listener = listen().await;
        spawn(async { log("micro") });
        spawn(async {
            listener.close().await;
            log("close");
        });
        log_after(arm(Instant::now()).await, "timers");
        log_after_stat("poll-next").await;
        set_immediate(|| {
            log("check");
            set_immediate(|| log("check-next"));
        });
        jobs_are_done();
    });
}
