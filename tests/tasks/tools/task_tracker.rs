//! Trackers: what counts, and when a wait ends.

use std::future::pending;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures::FutureExt;
use quintet::runtime::{Builder, Handle};
use quintet::task::{CancellationToken, TaskTracker, yield_now};
use quintet::time::Instant;
use quintet::{spawn, spawn_blocking};

use super::{Count, Dropped, Hooks, on_a_loop, settle};
use crate::support::cases::{
    in_check, log, numbered, one_worker, spend, take_log, units_left, watched,
};
use crate::support::strict::reported_in;
use crate::support::wakers::poll;

#[test]
fn a_wait_ends_when_the_tracker_is_closed_and_empty() {
    on_a_loop(async || {
        let tracker = TaskTracker::new();
        let mut wait = pin!(tracker.wait());
        assert!(poll!(&mut wait).is_pending(), "it is open");
        let token = tracker.token();
        assert!(tracker.close());
        assert!(!tracker.close(), "it was closed already");
        assert!(poll!(&mut wait).is_pending(), "it is not empty");
        drop(token);
        assert!(poll!(&mut wait).is_ready());
        tracker.wait().await;
        assert!(tracker.is_closed() && tracker.is_empty());
    });
}

#[test]
fn a_closed_tracker_still_tracks_and_can_be_reopened() {
    on_a_loop(async || {
        let tracker = TaskTracker::new();
        tracker.close();
        let token = tracker.token();
        assert!(poll!(pin!(tracker.wait())).is_pending());
        assert!(tracker.reopen());
        assert!(!tracker.reopen(), "it was open already");
        drop(token);
        assert!(poll!(pin!(tracker.wait())).is_pending());
    });
}

#[test]
fn a_wait_that_missed_the_moment_ends_all_the_same() {
    on_a_loop(async || {
        let tracker = TaskTracker::new();
        let (unpolled, mut polled) = (tracker.wait(), pin!(tracker.wait()));
        assert!(poll!(&mut polled).is_pending());
        tracker.close();
        tracker.reopen();
        let _token = tracker.token();
        let late = tracker.wait();
        assert!(poll!(pin!(unpolled)).is_ready());
        assert!(poll!(polled).is_ready());
        assert!(poll!(pin!(late)).is_pending());
    });
}

#[test]
fn a_wait_that_began_at_the_moment_ends_all_the_same() {
    let tracker = TaskTracker::new();
    tracker.close();
    let wait = tracker.wait();
    tracker.reopen();
    let _token = tracker.token();
    assert_eq!(wait.now_or_never(), Some(()));
    assert_eq!(tracker.wait().now_or_never(), None, "it is open and used");
}

#[test]
fn tasks_of_every_kind_are_counted_until_they_end() {
    on_a_loop(async || {
        let tracker = TaskTracker::new();
        let handle = Handle::current();
        let (release, released) = mpsc::channel::<()>();
        let (hold, held) = (
            tracker.spawn(pending::<()>()),
            tracker.spawn_local(pending::<()>()),
        );
        let remote = tracker.spawn_on(pending::<()>(), &handle);
        let job = tracker.spawn_blocking(move || released.recv().is_err());
        let other = tracker.spawn_blocking_on(|| 5, &handle);
        let tracked = tracker.track_future(async {});
        drop(tracker.track_future(pending::<()>()));
        assert_eq!(other.await.unwrap(), 5);
        assert_eq!(tracker.len(), 5);
        tracker.close();
        tracked.await;
        for task in [hold, held, remote] {
            task.abort();
        }
        drop(release);
        tracker.wait().await;
        assert!(job.await.unwrap());
    });
}

#[test]
fn a_task_counts_until_its_future_is_dropped() {
    on_a_loop(async || {
        let tracker = TaskTracker::new();
        let task = Dropped("task");
        let panics = tracker.spawn(async move {
            let _task = task;
            panic!("on purpose")
        });
        tracker.close();
        tracker.wait().await;
        log("waited");
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(take_log(), ["drop-task", "waited"]);
    });
}

#[test]
fn a_job_that_never_begins_counts_until_its_closure_is_dropped() {
    struct Tell(TaskTracker, mpsc::Sender<usize>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.1.send(self.0.len()).unwrap();
        }
    }
    watched(|| {
        let runtime = one_worker().build().unwrap();
        let tracker = TaskTracker::new();
        let (sender, told) = mpsc::channel();
        let tell = Tell(tracker.clone(), sender);
        runtime.block_on(async {
            let (release, is_released) = mpsc::channel::<()>();
            let busy = spawn_blocking(move || is_released.recv().is_err());
            let queued = tracker.spawn_blocking(move || drop(tell));
            queued.abort();
            assert!(queued.await.unwrap_err().is_cancelled());
            drop(release);
            assert!(busy.await.unwrap());
        });
        drop(runtime);
        assert_eq!(told.recv().unwrap(), 1);
        assert!(tracker.is_empty());
    });
}

#[test]
fn the_last_token_wakes_all_waiting_tasks_in_their_order() {
    on_a_loop(async || {
        let tracker = TaskTracker::new();
        let token = tracker.token();
        let second = token.clone();
        assert!(TaskTracker::ptr_eq(token.task_tracker(), &tracker));
        assert!(!TaskTracker::ptr_eq(&tracker, &TaskTracker::new()));
        for n in 0..5 {
            let tracker = tracker.clone();
            spawn(async move {
                tracker.wait().await;
                log(format!("w{n}"));
            });
        }
        tracker.close();
        settle().await;
        drop(token);
        settle().await;
        assert_eq!(take_log(), [""; 0]);
        let other = thread::spawn(move || drop(second));
        other.join().unwrap();
        tracker.wait().await;
        settle().await;
        assert_eq!(take_log().join(" "), numbered("w", 0..5));
    });
}

#[test]
fn a_wait_keeps_one_waker_and_its_place() {
    let tracker = TaskTracker::new();
    let ((first, a), (second, b)) = (Count::new(), Count::new());
    let mut wait = pin!(tracker.wait());
    let mut dropped = Box::pin(tracker.wait());
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(&a))
            .is_pending()
    );
    assert!(
        dropped
            .as_mut()
            .poll(&mut Context::from_waker(&a))
            .is_pending()
    );
    assert!(
        wait.as_mut()
            .poll(&mut Context::from_waker(&b))
            .is_pending()
    );
    drop(dropped);
    tracker.close();
    assert_eq!((first.get(), second.get()), (0, 1));
}

#[test]
fn wakers_may_use_the_tracker() {
    let tracker = TaskTracker::new();
    let (on_wake, on_drop) = (tracker.clone(), tracker.clone());
    let waker = Hooks::waker(
        move || {
            on_wake.reopen();
            panic!("on purpose");
        },
        move || assert_eq!(on_drop.len(), 0),
    );
    let mut wait = Box::pin(tracker.wait());
    let mut other = Box::pin(tracker.wait());
    let (count, counted) = Count::new();
    let poll = wait.as_mut().poll(&mut Context::from_waker(&waker));
    assert_eq!(poll, Poll::Pending);
    let poll = other.as_mut().poll(&mut Context::from_waker(&counted));
    assert_eq!(poll, Poll::Pending);
    drop(waker);
    let reports = reported_in(|| assert!(tracker.close()));
    assert_eq!(reports, ["a waker panicked: on purpose"]);
    assert!(!tracker.is_closed());
    assert_eq!(count.get(), 1, "a panic keeps no other task asleep");
}

#[test]
fn a_wait_is_an_operation() {
    on_a_loop(async || {
        let tracker = TaskTracker::new();
        tracker.close();
        in_check().await;
        tracker.wait().await;
        assert_eq!(units_left().await, 127);
        assert!(poll!(pin!(tracker.wait())).is_pending());
        yield_now().await;
        spend(1).await;
        tracker.wait().await;
    });
}

#[test]
fn a_drain_tells_the_tasks_to_end_and_waits_for_them() {
    on_a_loop(async || {
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        for _ in 0..3 {
            let token = token.clone();
            tracker.spawn(async move {
                token.cancelled().await;
                yield_now().await;
            });
        }
        let drained = tracker.drain(&token, Duration::MAX).await;
        assert!(drained.is_complete() && drained.spawn_sites().is_empty());
        assert!(token.is_cancelled() && tracker.is_closed() && tracker.is_empty());
    });
}

#[test]
fn what_is_left_at_the_deadline_of_a_drain_is_listed_by_spawn_site() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let stuck = [(); 2].map(|()| tracker.spawn(pending::<()>()));
        let first = line!() - 1;
        tracker.spawn(token.clone().cancelled_owned());
        let _token = tracker.token();
        let third = line!() - 1;
        // Large, so that it is boxed.
        let large = [0u8; 9000];
        let last = tracker.spawn(async move {
            pending::<()>().await;
            assert_eq!(large[0], 0);
        });
        let fourth = line!() - 4;

        let before = Instant::now();
        let patience = Duration::from_secs(7);
        let drained = tracker.drain(&token, patience).await;
        assert_eq!(before.elapsed(), patience);
        let sites = drained.spawn_sites();
        let numbers = sites.iter().map(|(site, tasks)| (site.line(), *tasks));
        assert_eq!(
            Vec::from_iter(numbers),
            [(first, 2), (third, 1), (fourth, 1)]
        );
        assert!(sites.iter().all(|(site, _)| site.file() == file!()));
        assert_eq!(drained.unfinished(), 4);
        assert!(
            drained
                .to_string()
                .starts_with("4 tasks have not ended: 2 spawned at ")
        );
        assert!(!last.is_finished() && stuck.iter().all(|task| !task.is_finished()));
    });
}

#[test]
fn a_job_that_does_not_end_is_listed_by_a_drain() {
    let runtime = Builder::new().build().unwrap();
    let (end, ended) = mpsc::channel::<()>();
    let drained = runtime.block_on(async {
        let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
        let job = tracker.spawn_blocking(move || ended.recv().unwrap_err());
        let drained = tracker.drain(&token, Duration::ZERO).await;
        drop(end);
        job.await.unwrap();
        assert!(tracker.drain(&token, Duration::MAX).await.is_complete());
        drained
    });
    let [(site, 1)] = drained.spawn_sites() else {
        panic!("{drained}");
    };
    assert_eq!(site.file(), file!());
}
