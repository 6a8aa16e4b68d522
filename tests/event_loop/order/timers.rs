//! Timers: their order, what comes between two of them, and intervals.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use quintet::spawn;
use quintet::task::set_immediate;
use quintet::time::{Duration, Instant, Sleep, interval_at, sleep, sleep_until};

use crate::support::cases::{
    ON_PAUSED_TIME, ON_REAL_TIME, arm, assert_order, block, block_until, hold, in_check, in_order,
    in_order_by, in_time, in_timers, jobs_are_done, log, log_after, log_after_stat, margin,
    numbered, one_worker, record, record_by,
};

/// A point in time some milliseconds from `start`; more, where the thread was held up before.
fn after(start: Instant, millis: u64) -> Instant {
    start + margin(Duration::from_millis(millis))
}

#[test]
fn case_01_a_zero_sleep_of_the_root_comes_before_its_immediate() {
    in_order("timeout immediate", || async {
        spawn(async {
            sleep(Duration::ZERO).await;
            log("timeout");
        });
        set_immediate(|| log("immediate"));
    });
}

#[test]
fn case_02_after_poll_comes_check_however_overdue_a_timer_is() {
    in_order("immediate timeout", || async {
        quintet::spawn_blocking(|| ()).await.unwrap();
        log_after(arm(Instant::now()).await, "timeout");
        set_immediate(|| log("immediate"));
        block(5);
    });
}

#[test]
fn case_03_an_overdue_timer_of_the_root_comes_before_its_immediate() {
    in_order("timeout immediate", || async {
        log_after(arm(Instant::now()).await, "timeout");
        set_immediate(|| log("immediate"));
        block(20);
    });
}

#[test]
fn case_06_a_timer_armed_by_a_timer_waits_for_the_next_tick() {
    in_order("t1 t2 immediate nested", || async {
        spawn(async {
            in_timers().await;
            log("t1");
            log_after(arm(Instant::now()).await, "nested");
            set_immediate(|| log("immediate"));
            block(10);
        });
        spawn(async {
            in_timers().await;
            log("t2");
        });
    });
}

#[test]
fn case_07_poll_lies_between_two_generations_of_timers() {
    in_order("t1 io t2", || async {
        in_timers().await;
        log("t1");
        log_after(arm(Instant::now()).await, "t2");
        log_after_stat("io").await;
        jobs_are_done();
    });
}

#[test]
fn case_09_equal_deadlines_fire_in_the_order_of_arming() {
    in_order(&numbered("t", 0..10), || async {
        let deadline = after(Instant::now(), 5);
        for n in 0..10 {
            log_after(arm(deadline).await, format!("t{n}"));
        }
        block_until(deadline);
    });
}

#[test]
fn case_10_the_earlier_deadline_fires_first_even_when_armed_later() {
    in_order("armed-later-due-15 armed-first-due-40", || async {
        let start = Instant::now();
        let (early, late) = (after(start, 15), after(start, 40));
        log_after(arm(late).await, "armed-first-due-40");
        block(5);
        log_after(arm(early).await, "armed-later-due-15");
        in_time(late);
        block_until(late);
    });
}

#[test]
fn case_11_overdue_timers_fire_in_one_phase_by_deadline() {
    let expected = "long-begin long-end t5 t10 t15 t20 t25 t30";
    in_order(expected, || async {
        let start = Instant::now();
        for millis in [30, 10, 25, 5, 20, 15] {
            log_after(arm(after(start, millis)).await, format!("t{millis}"));
        }
        set_immediate(move || {
            in_time(after(start, 5));
            log("long-begin");
            block_until(after(start, 30));
            log("long-end");
        });
    });
}

#[test]
fn case_12_the_ready_queue_is_drained_between_equal_timers() {
    in_order("t-a m-a t-b m-b t-c m-c", || async {
        let deadline = after(Instant::now(), 5);
        for name in ["a", "b", "c"] {
            let sleep = arm(deadline).await;
            spawn(async move {
                sleep.await;
                log(format!("t-{name}"));
                spawn(async move { log(format!("m-{name}")) });
            });
        }
        block_until(deadline);
    });
}

#[test]
fn case_40_a_timer_cancelled_by_a_timer_of_the_same_phase_does_not_fire() {
    in_order("t0 t2", || async {
        let sleeps = [arm(Instant::now()).await, arm(Instant::now()).await];
        let [first, second] = sleeps;
        let last = arm(Instant::now()).await;
        let second = log_after(second, "t1");
        spawn(async move {
            first.await;
            log("t0");
            second.abort();
        });
        log_after(last, "t2");
    });
}

#[test]
fn case_40_a_sleep_dropped_by_a_timer_of_the_same_phase_does_not_fire() {
    in_order("t0 t2", || async {
        let first = arm(Instant::now()).await;
        let second: Rc<RefCell<Option<Sleep>>> = Rc::new(RefCell::new(None));
        *second.borrow_mut() = Some(arm(Instant::now()).await);
        let last = arm(Instant::now()).await;
        let dropped = Rc::clone(&second);
        spawn(async move {
            first.await;
            log("t0");
            dropped.borrow_mut().take();
        });
        let bereft = spawn(async move {
            poll_fn(|cx| match &mut *second.borrow_mut() {
                Some(sleep) => Pin::new(sleep).poll(cx),
                None => std::task::Poll::Pending,
            })
            .await;
            log("t1");
        });
        bereft.unref();
        log_after(last, "t2");
    });
}

#[test]
fn case_43_an_interval_does_not_catch_up() {
    in_order("blocked second-soon no-burst third-spaced", || async {
        let period = margin(Duration::from_millis(10));
        let start = Instant::now() + period;
        let mut interval = interval_at(start, period);

        assert_eq!(interval.tick().await, start);
        in_time(start + period);
        log("blocked");
        block_until(start + 5 * period);

        // The tick that was due first comes at once, late; the others do not come at all.
        let is_soon = interval.tick().await == start + period;
        let second = Instant::now();
        log(if is_soon {
            "second-soon"
        } else {
            "second-late"
        });
        let third = interval.tick().await;
        log(if third > start + 5 * period {
            "no-burst"
        } else {
            "burst"
        });
        let is_spaced = third <= Instant::now() && third + period > second;
        log(if is_spaced {
            "third-spaced"
        } else {
            "third-anywhere"
        });
    });
}

#[test]
fn case_44_an_interval_stops_itself() {
    in_order("tick-1 tick-2 tick-3 cleared exit", || async {
        let period = Duration::from_millis(1);
        let ticks = spawn(async move {
            let mut interval = interval_at(Instant::now() + period, period);
            for n in 1..=3 {
                interval.tick().await;
                log(format!("tick-{n}"));
            }
            drop(interval);
            log("cleared");
        });
        ticks.await.unwrap();
        log("exit");
    });
}

#[test]
fn case_45_an_interval_is_aligned_to_its_start() {
    in_order("aligned", || async {
        let period = Duration::from_millis(2);
        let start = Instant::now() + period;
        let mut interval = interval_at(start, period);
        let mut latest = None;
        for _ in 0..50 {
            let due = interval.tick().await;
            let since = due.duration_since(start);
            assert!(Instant::now() >= due);
            assert_eq!(since.as_nanos() % period.as_nanos(), 0, "no drift");
            assert!(latest < Some(due), "no tick twice");
            latest = Some(due);
            hold(Duration::from_micros(1200));
        }
        log("aligned");
    });
}

#[test]
fn case_45_an_interval_does_not_drift_over_a_thousand_periods() {
    // A hundred seconds and more.
    in_order_by(ON_PAUSED_TIME, &mut one_worker(), "no-drift", || async {
        let period = Duration::from_millis(100);
        let start = Instant::now() + period;
        let mut interval = interval_at(start, period);
        for n in 0..1000 {
            assert_eq!(interval.tick().await, start + n * period);
            assert_eq!(Instant::now(), start + n * period);
            block(60);
        }
        log("no-drift");
    });
}

#[test]
fn case_49_a_thousand_equal_timers_fire_in_the_order_of_arming() {
    let expected = numbered("", 0..1000);
    in_order(&expected, || async {
        let deadline = after(Instant::now(), 5);
        for n in 0..1000 {
            log_after(arm(deadline).await, n.to_string());
        }
    });
}

#[test]
fn case_50_many_timers_fire_sorted_by_deadline() {
    let expected = numbered("", 0..40);
    in_order(&expected, || async {
        let start = Instant::now() + margin(Duration::from_millis(10));
        for n in (0..40).map(|n| n * 27 % 40) {
            log_after(
                arm(start + Duration::from_micros(300 * n)).await,
                n.to_string(),
            );
        }
        in_time(start);
        block_until(after(start, 12));
    });
}

#[test]
fn case_60_there_is_no_clamp_to_a_millisecond() {
    in_order("zero past one", || async {
        let start = Instant::now();
        log_after(arm(after(start, 1)).await, "one");
        log_after(arm(Instant::now()).await, "zero");
        let past = start.checked_sub(Duration::from_millis(1)).unwrap();
        log_after(arm(past).await, "past");
        in_time(after(start, 1));
        block(5);
    });
}

#[test]
fn case_74_timers_fire_by_deadline_and_not_by_duration() {
    in_order("A-due-20 B-due-25 C-due-30", || async {
        let start = Instant::now();
        log_after(arm(after(start, 20)).await, "A-due-20");
        block(10);
        log_after(arm(after(start, 30)).await, "C-due-30");
        log_after(arm(after(start, 25)).await, "B-due-25");
        in_time(after(start, 20));
        block_until(after(start, 30));
    });
}

#[test]
fn case_88_a_far_deadline_is_far() {
    in_order("at-50", || async {
        let start = Instant::now();
        let far = sleep(Duration::from_millis(1 << 31));
        let far = spawn(async {
            far.await;
            log("fired-at-once");
        });
        sleep_until(after(start, 50)).await;
        log("at-50");
        assert!(start.elapsed() >= Duration::from_millis(50));
        far.abort();
    });
}

#[test]
fn case_89_a_timer_is_never_early() {
    // Paused time is exact, so there is nothing to be early by.
    let each = record_by(ON_REAL_TIME, &mut one_worker(), 3, || async {
        for seed in 0..3 {
            spawn(async move {
                let mut offset = 7 + seed;
                for _ in 0..100 {
                    offset = offset * 1103 % 997;
                    std::thread::sleep(Duration::from_micros(offset % 40));
                    let start = Instant::now();
                    sleep(Duration::from_millis(2)).await;
                    if start.elapsed() < Duration::from_millis(2) {
                        log("early");
                    }
                }
                log("never-early");
            });
        }
    });
    for lines in each {
        assert_eq!(*lines, ["never-early"; 3]);
    }
}

#[test]
fn case_q17_after_a_leap_of_the_clock_timers_fire_once_and_by_deadline() {
    // No test waits for a day, and the test cannot suspend the machine.
    let expected = "beat 1h 2h 3h immediate aligned";
    in_order_by(ON_PAUSED_TIME, &mut one_worker(), expected, || async {
        const MINUTE: Duration = Duration::from_secs(60);
        let start = Instant::now();
        for hours in [1, 3, 2] {
            let deadline = start + 60 * hours * MINUTE;
            log_after(arm(deadline).await, format!("{hours}h"));
        }
        let mut interval = interval_at(start + MINUTE, MINUTE);
        let beats = spawn(async move {
            interval.tick().await;
            log("beat");
            interval.tick().await
        });
        in_check().await;
        set_immediate(|| log("immediate"));
        let leap = 24 * 60 * MINUTE + MINUTE / 2;
        hold(leap);
        if beats.await.unwrap() == start + leap + MINUTE / 2 {
            log("aligned");
        }
    });
}

#[test]
fn case_23_what_the_root_asked_for_comes_once_each() {
    let each = record(&mut one_worker(), 3, || async {
        spawn(async {
            quintet::fs::read("Cargo.toml").await.unwrap();
            log("readFile");
        });
        log_after(arm(Instant::now()).await, "timeout");
        set_immediate(|| log("immediate"));
    });
    for lines in each {
        assert_order(&lines, &["timeout", "immediate"]);
        assert!(lines.contains(&"readFile".to_owned()), "{lines:?}");
    }
}

#[test]
fn case_22_a_chain_of_zero_sleeps_starves_no_task() {
    in_order("io-ran immediate-ran", || async {
        let ends = Rc::new(Cell::new(false));
        let is_end = Rc::clone(&ends);
        spawn(async move {
            while !is_end.get() {
                sleep(Duration::ZERO).await;
            }
        });
        log_after_stat("io-ran").await;
        set_immediate(move || {
            log("immediate-ran");
            ends.set(true);
        });
        jobs_are_done();
    });
}
