//! Tasks, and time.

use std::future::{pending, ready};
use std::pin::Pin;

use futures::StreamExt;
use futures::future::poll_fn;
use quintet::blocking;
use quintet::runtime::Handle;
use quintet::task::coop::{consume_budget, cooperative};
use quintet::task::{
    AbortOnDropHandle, CancellationToken, JoinHandle, JoinSet, TaskTracker, scope, set_immediate,
    yield_now,
};
use quintet::time::{Duration, Instant, MissedTickBehavior, interval, sleep, timeout};
use quintet::{spawn, spawn_blocking};

use super::{TIMES, check};
use crate::support::cases::{arm, in_check, in_poll, in_timers, jobs_are_done, wake_elsewhere};

/// As many as a row takes.
fn many<T>(make: impl Fn() -> T) -> Vec<T> {
    (0..TIMES).map(|_| make()).collect()
}

#[test]
fn joins() {
    check(async |table| {
        let mut handles = many(|| spawn(async {}));
        in_check().await;
        table
            .row("join", async || handles.pop().unwrap().await.unwrap())
            .await;

        let mut handles = many(|| spawn(pending::<()>()));
        handles.iter().for_each(JoinHandle::abort);
        in_check().await;
        table
            .row("join of an aborted task", async || {
                handles.pop().unwrap().await.unwrap_err();
            })
            .await;

        let mut handles = many(|| AbortOnDropHandle::new(spawn(async {})));
        in_check().await;
        table
            .row("join by an AbortOnDropHandle", async || {
                handles.pop().unwrap().await.unwrap();
            })
            .await;

        let mut handles = many(|| set_immediate(|| ()));
        in_check().await;
        table
            .row("join of an immediate", async || {
                handles.pop().unwrap().await.unwrap();
            })
            .await;

        let mut handles = many(|| spawn_blocking(|| ()));
        while !handles.iter().all(JoinHandle::is_finished) {
            in_poll().await;
        }
        table
            .row("join of a job", async || {
                handles.pop().unwrap().await.unwrap();
            })
            .await;

        table
            .row("spawn_when_room", async || {
                drop(blocking::Builder::new().spawn_when_room(|| ()).await);
            })
            .await;

        let (send, receive) = std::sync::mpsc::channel();
        let handle = Handle::current();
        wake_elsewhere(move || send.send(many(|| handle.spawn(async {}))).unwrap());
        let mut handles: Vec<JoinHandle<()>> = receive.recv().unwrap();
        while !handles.iter().all(JoinHandle::is_finished) {
            in_poll().await;
        }
        table
            .row("join of a task from elsewhere", async || {
                handles.pop().unwrap().await.unwrap();
            })
            .await;
    });
}

#[test]
fn sets_of_tasks() {
    check(async |table| {
        let mut set: JoinSet<()> = (0..TIMES).map(|_| async {}).collect();
        in_check().await;
        table
            .row("join_next", async || {
                set.join_next().await.unwrap().unwrap();
            })
            .await;
        let mut set: JoinSet<()> = (0..TIMES).map(|_| async {}).collect();
        in_check().await;
        table
            .row("join_next_with_id", async || {
                set.join_next_with_id().await.unwrap().unwrap();
            })
            .await;
        table
            .row("join_next of an empty set", async || {
                assert!(set.join_next().await.is_none());
            })
            .await;
        table
            .row("join_all of an empty set", async || {
                JoinSet::<()>::new().join_all().await;
            })
            .await;
        table
            .row("shutdown of an empty set", async || set.shutdown().await)
            .await;
        let tracker = TaskTracker::new();
        tracker.close();
        table
            .row("wait for an empty tracker", async || tracker.wait().await)
            .await;
    });
}

#[test]
fn scopes() {
    check(async |table| {
        table.row("scope", async || scope(async |_| ()).await).await;
        scope(async |scope| {
            let mut handles = many(|| scope.spawn(async {}));
            in_check().await;
            in_check().await;
            table
                .bounded("join of a child", async || {
                    handles.pop().unwrap().await.unwrap();
                })
                .await;
        })
        .await;
    });
}

#[test]
fn tokens_and_turns() {
    check(async |table| {
        let token = CancellationToken::new();
        token.cancel();
        table
            .row("cancelled", async || token.cancelled().await)
            .await;
        table
            .row("cancelled_owned", async || {
                token.clone().cancelled_owned().await;
            })
            .await;
        table
            .row("run_until_cancelled", async || {
                assert!(token.run_until_cancelled(pending::<()>()).await.is_none());
            })
            .await;
        table
            .row("run_until_cancelled_owned", async || {
                let run = token.clone().run_until_cancelled_owned(pending::<()>());
                assert!(run.await.is_none());
            })
            .await;
        table
            .row("dump_async", async || {
                assert!(!Handle::current().dump_async().await.tasks().is_empty());
            })
            .await;
        table
            .row("consume_budget", async || consume_budget().await)
            .await;
        table
            .row("cooperative", async || cooperative(ready(())).await)
            .await;
        table.waits("yield_now", async || yield_now().await).await;
    });
}

#[test]
fn time() {
    check(async |table| {
        let mut ended = arm(Instant::now()).await;
        in_timers().await;
        in_timers().await;
        table
            .row("a sleep that has ended", async || (&mut ended).await)
            .await;
        let mut timeout_ended = Box::pin(timeout(Duration::ZERO, pending::<()>()));
        assert!(timeout_ended.as_mut().await.is_err());
        table
            .row("a timeout that has elapsed", async || {
                assert!(timeout_ended.as_mut().await.is_err());
            })
            .await;
        table
            .row("timeout of what is ready", async || {
                timeout(Duration::MAX, consume_budget()).await.unwrap();
            })
            .await;
        table
            .waits("sleep", async || sleep(Duration::ZERO).await)
            .await;
        table
            .waits("timeout", async || {
                assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
            })
            .await;

        let behind = || {
            let mut beat = interval(Duration::from_nanos(1));
            beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
            beat
        };
        let mut beat = behind();
        table
            .waits("tick that was missed", async || beat.tick().await)
            .await;
        let mut beat = behind();
        table
            .waits("tick by the stream", async || beat.next().await.unwrap())
            .await;
        let mut beat = behind();
        table
            .waits("poll_tick", async || {
                poll_fn(|cx| Pin::new(&mut beat).poll_tick(cx)).await;
            })
            .await;
    });
}

#[test]
fn jobs_that_are_done_are_joined_at_their_price() {
    check(async |table| {
        let handles = many(|| spawn_blocking(|| ()));
        drop(handles);
        jobs_are_done();
        table
            .waits("a job", async || spawn_blocking(|| ()).await.unwrap())
            .await;
    });
}
