//! The phase budget.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use quintet::spawn;
use quintet::task::{set_immediate, yield_now};
use quintet::time::{Duration, Instant, sleep_until};

use crate::support::cases::{
    arm, block_until, connection, count_ticks, deliver, in_check, in_close, in_order, in_order_on,
    in_pending, in_poll, in_time, in_timers, listen, log, log_after, margin, numbered, one_worker,
};
use crate::support::wakers::poll;

/// Lets a task in check spawn `count` others. With a budget of 8 its own poll is the first.
async fn spawn_in_check(count: usize) {
    spawn(async {
        in_close().await;
        log("close");
    });
    spawn(async {
        // Armed in the first tick's timers phase: due in the second's.
        in_timers().await;
        in_timers().await;
        log("timers");
    });
    spawn(async move {
        in_check().await;
        set_immediate(|| log("check-next"));
        for n in 1..=count {
            spawn(async move {
                log(n.to_string());
                spawn(async { log("later") });
            });
        }
    });
}

#[test]
fn case_q19_a_phase_polls_as_many_tasks_as_the_budget_says() {
    // Seven, and the seven they spawn wait for pending.
    let later = ["later"; 7].join(" ");
    let expected = format!("1 2 3 4 5 6 7 close timers {later} check-next");
    in_order_on(one_worker().phase_budget(8), &expected, || {
        spawn_in_check(7)
    });
}

#[test]
fn case_q19_what_is_left_over_comes_first_in_the_next_pending_phase() {
    // The eighth is older than what the seven spawn; it spawns the last.
    let later = ["later"; 7].join(" ");
    let expected = format!("1 2 3 4 5 6 7 close timers 8 {later} check-next later");
    in_order_on(one_worker().phase_budget(8), &expected, || {
        spawn_in_check(8)
    });
}

#[test]
fn case_q19_two_tasks_that_wake_each_other_hold_up_no_other_task() {
    in_order_on(
        one_worker().phase_budget(8),
        "third data in-time",
        || async {
            let ticks = count_ticks();
            let ends = Rc::new(Cell::new(false));
            let (own, peer) = connection();
            let own = Rc::new(own);
            let end = Rc::clone(&own);
            let (ping, mut pings) = futures::channel::mpsc::unbounded::<()>();
            let (pong, mut pongs) = futures::channel::mpsc::unbounded::<()>();
            let is_end = Rc::clone(&ends);
            spawn(async move {
                end.read(&mut [0]).await.unwrap();
                log("data");
            });
            in_check().await;
            in_check().await;
            ping.unbounded_send(()).unwrap();
            spawn(async move {
                while pings.recv().await.is_ok() && !is_end.get() {
                    pong.unbounded_send(()).unwrap();
                }
            });
            spawn(
                async move { while pongs.recv().await.is_ok() && ping.unbounded_send(()).is_ok() {} },
            );
            deliver(&peer, &*own, b"x");
            crate::support::cases::block(1);
            spawn(async { log("third") });
            let before = ticks.get();
            while crate::support::cases::line_count() < 2 {
                yield_now().await;
            }
            let took = ticks.get() - before;
            log(if took <= 3 {
                "in-time".to_owned()
            } else {
                format!("{took}-ticks")
            });
            ends.set(true);
        },
    );
}

#[test]
fn case_q20_due_timers_over_the_budget_stay_first() {
    let expected = numbered("t", 0..12) + " check t12 newer";
    in_order_on(one_worker().phase_budget(12), &expected, || async {
        let deadline = Instant::now() + margin(Duration::from_millis(20));
        for n in 0..=12 {
            log_after(arm(deadline).await, format!("t{n}"));
        }
        // The tasks are polled over two phases.
        in_check().await;
        in_time(deadline);
        block_until(deadline);
        set_immediate(|| log("check"));
        log_after(arm(deadline).await, "newer");
    });
}

#[test]
fn case_q20_poll_does_not_wait_while_a_due_timer_is_left_over() {
    in_order_on(
        one_worker().phase_budget(12),
        &numbered("t", 0..13),
        || async {
            let deadline = Instant::now() + margin(Duration::from_millis(20));
            for n in 0..=12 {
                log_after(arm(deadline).await, format!("t{n}"));
            }
            in_check().await;
            in_time(deadline);
            block_until(deadline);
        },
    );
}

#[test]
fn case_q20_a_loop_of_past_deadlines_overtakes_no_task() {
    let expected = "loop ".to_owned() + &numbered("t", 0..11) + " t11 t12 loop loop";
    in_order_on(one_worker().phase_budget(12), &expected, || async {
        let start = Instant::now();
        let deadline = start + margin(Duration::from_millis(20));
        let first = arm(deadline).await;
        spawn(async move {
            first.await;
            log("loop");
            for _ in 0..2 {
                sleep_until(start).await;
                log("loop");
            }
        });
        for n in 0..=12 {
            log_after(arm(deadline).await, format!("t{n}"));
        }
        in_check().await;
        in_time(deadline);
        block_until(deadline);
    });
}

/// Waits for `event` and, in the same poll, spends the budget: so the task stands in pending when
/// the event comes. Logs when it is polled there.
async fn in_pending_when_told(event: impl Future) {
    let mut event = pin!(event);
    assert!(poll!(&mut event).is_pending());
    in_pending().await;
    log("task");
    event.await;
}

#[test]
fn case_q20_a_timer_does_not_move_a_task_in_pending_forward() {
    in_order("timer older task", || async {
        in_check().await;
        let own = arm(Instant::now()).await;
        log_after(arm(Instant::now()).await, "timer");
        spawn(async {
            in_pending().await;
            log("older");
        });
        spawn(in_pending_when_told(own));
    });
}

#[test]
fn case_q20_a_source_does_not_move_a_task_in_pending_forward() {
    in_order("first third task", || async {
        let (ends, peers): (Vec<_>, Vec<_>) = (0..3)
            .map(|_| connection())
            .map(|(own, peer)| (Rc::new(own), peer))
            .unzip();
        let [a, b, c] = [0, 1, 2].map(|n| Rc::clone(&ends[n]));
        spawn(async move {
            let (mut buf_a, mut buf_b) = ([0], [0]);
            let (mut first, mut second) = (pin!(a.read(&mut buf_a)), pin!(b.read(&mut buf_b)));
            assert!(poll!(&mut first).is_pending());
            assert!(poll!(&mut second).is_pending());
            first.await.unwrap();
            log("first");
            in_pending().await;
            log("task");
            second.await.unwrap();
        });
        spawn(async move {
            c.read(&mut [0]).await.unwrap();
            log("third");
        });
        // Behind the readers: they wait by then. One fetch finds all three, in this order.
        spawn(async move {
            for (own, peer) in ends.iter().zip(&peers) {
                deliver(peer, &**own, b"x");
            }
        });
    });
}

#[test]
fn case_q20_check_does_not_move_a_task_in_pending_forward() {
    in_order("immediate task", || async {
        in_poll().await;
        spawn(in_pending_when_told(yield_now()));
        spawn(async { drop(set_immediate(|| log("immediate"))) });
    });
}

#[test]
fn case_q20_close_does_not_move_a_task_in_pending_forward() {
    in_order("closed task", || async {
        let listener = listen().await;
        in_check().await;
        spawn(in_pending_when_told(listener.close()));
        spawn(async {
            in_close().await;
            log("closed");
        });
    });
}
