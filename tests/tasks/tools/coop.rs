//! The budget of 128 units, as the tasks that spend it see it.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use quintet::spawn;
use quintet::task::coop::{consume_budget, cooperative, has_budget_remaining};
use quintet::task::{CancellationToken, JoinSet, TaskTracker, unconstrained, yield_now};
use quintet::time::{Duration, Instant, sleep, timeout};

use super::{on_a_loop, without_runtime};
use crate::support::cases::{
    arm, in_check, in_order, in_timers, log, log_after, spend, take_log, units_left,
};
use crate::support::wakers::poll;

const UNITS: u32 = 128;

#[test]
fn consuming_spends_one_unit_and_then_comes_again_in_pending() {
    let expected = "128 timer done check";
    in_order(expected, || async {
        in_check().await;
        let timer = arm(Instant::now()).await;
        spawn(async {
            for _ in 0..UNITS {
                assert!(has_budget_remaining());
                consume_budget().await;
            }
            assert!(!has_budget_remaining());
            log("128");
            spawn(async {
                in_check().await;
                log("check");
            });
            consume_budget().await;
            assert_eq!(units_left().await, UNITS - 1);
            log("done");
        });
        log_after(timer, "timer");
    });
}

#[test]
fn outside_of_tasks_there_is_always_budget() {
    assert!(has_budget_remaining());
    without_runtime(async {
        for _ in 0..10 * UNITS {
            consume_budget().await;
        }
    });
    assert!(has_budget_remaining());
}

#[test]
fn nothing_is_charged_or_refused_in_an_unconstrained_future() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        token.cancel();
        in_check().await;
        let others = Rc::new(Cell::new(0));
        let counted = Rc::clone(&others);
        spawn(async move { counted.set(1) });
        unconstrained(async {
            for _ in 0..10 * UNITS {
                spend(1).await;
                consume_budget().await;
                token.cancelled().await;
            }
            assert!(has_budget_remaining());
            assert_eq!(others.get(), 0, "no other task has had a turn");
        })
        .await;
        assert_eq!(units_left().await, UNITS);
    });
}

#[test]
fn a_spent_budget_is_spent_again_after_an_unconstrained_future() {
    on_a_loop(async || {
        in_check().await;
        spend(UNITS).await;
        assert!(!has_budget_remaining());
        unconstrained(async {
            assert!(has_budget_remaining());
            spend(1).await;
        })
        .await;
        assert!(!has_budget_remaining());

        let panics = pin!(unconstrained(async { panic!("on purpose") }));
        let mut panics = Some(panics);
        let polled = poll_fn(|cx| {
            let mut future = panics.take().unwrap();
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            Poll::Ready(polled.is_err())
        });
        assert!(polled.await);
        assert!(!has_budget_remaining());
    });
}

#[test]
fn a_timeout_in_an_unconstrained_future_refuses_nothing() {
    on_a_loop(async || {
        // Polled before the sleep is armed, when it has ended, and once more: then there is much.
        let mut polls = 0;
        let mut much = Box::pin(spend(10 * UNITS));
        let comes_last = poll_fn(|cx| {
            polls += 1;
            if polls < 3 {
                return Poll::Pending;
            }
            much.as_mut().poll(cx)
        });
        let whole = unconstrained(timeout(Duration::ZERO, comes_last));
        assert_eq!(whole.await, Ok(()));
        assert_eq!(units_left().await, UNITS);
    });
}

#[test]
fn a_cooperative_future_costs_a_unit_when_it_ends() {
    on_a_loop(async || {
        in_check().await;
        assert_eq!(cooperative(std::future::ready(5)).await, 5);
        assert!(poll!(pin!(cooperative(pending::<()>()))).is_pending());
        assert_eq!(units_left().await, UNITS - 1);
        let mut ready = pin!(cooperative(async { log("polled") }));
        assert!(poll!(&mut ready).is_pending());
        assert_eq!(take_log(), [""; 0]);
        in_timers().await;
        ready.await;
        sleep(Duration::ZERO).await;
        assert_eq!(take_log(), ["polled"]);
    });
}

/// Asserts that `operation`, which resolves at once, costs a unit, and waits where none is left.
async fn costs_a_unit(name: &str, mut operation: impl AsyncFnMut()) {
    in_check().await;
    operation().await;
    assert_eq!(units_left().await, UNITS - 1, "{name}");
    assert!(poll!(pin!(operation())).is_pending(), "{name}");
}

#[test]
fn what_resolves_at_once_costs_a_unit() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        token.cancel();
        costs_a_unit("cancelled", async || token.cancelled().await).await;
        costs_a_unit("cancelled_owned", async || {
            token.clone().cancelled_owned().await;
        })
        .await;
        costs_a_unit("run_until_cancelled", async || {
            assert_eq!(token.run_until_cancelled(async {}).await, None);
        })
        .await;
        costs_a_unit("run_until_cancelled_owned", async || {
            let owned = token.clone();
            assert_eq!(owned.run_until_cancelled_owned(async {}).await, None);
        })
        .await;

        let mut set = JoinSet::<()>::new();
        costs_a_unit("join_next", async || {
            assert!(set.join_next().await.is_none());
        })
        .await;
        costs_a_unit("join_next_with_id", async || {
            assert!(set.join_next_with_id().await.is_none());
        })
        .await;
        costs_a_unit("shutdown", async || set.shutdown().await).await;
        costs_a_unit("join_all", async || {
            assert!(JoinSet::<()>::new().join_all().await.is_empty());
        })
        .await;

        let tracker = TaskTracker::new();
        tracker.close();
        costs_a_unit("wait", async || tracker.wait().await).await;
    });
}

#[test]
fn what_has_ended_costs_a_unit_whenever_it_is_asked_again() {
    on_a_loop(async || {
        let mut yielded = yield_now();
        (&mut yielded).await;
        costs_a_unit("yield_now", async || (&mut yielded).await).await;

        let mut slept = sleep(Duration::ZERO);
        (&mut slept).await;
        costs_a_unit("sleep", async || (&mut slept).await).await;

        let mut late = pin!(timeout(Duration::ZERO, pending::<()>()));
        late.as_mut().await.unwrap_err();
        costs_a_unit("timeout", async || {
            late.as_mut().await.unwrap_err();
        })
        .await;
    });
}

#[test]
fn a_token_that_is_not_cancelled_costs_nothing_and_holds_up_nothing() {
    on_a_loop(async || {
        let token = CancellationToken::new();
        in_check().await;
        let ended = token.run_until_cancelled(async { 5 }).await;
        assert_eq!(ended, Some(5));
        assert_eq!(units_left().await, UNITS);
        assert!(!has_budget_remaining());
        let ended = token.run_until_cancelled(async { 6 }).await;
        assert_eq!(ended, Some(6));
    });
}
