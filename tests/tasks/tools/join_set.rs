//! Sets of tasks: order, failures, the budget, many tasks, other threads.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;

use futures::FutureExt;
use futures::channel::oneshot;
use quintet::runtime::{Handle, Runtime};
use quintet::spawn;
use quintet::task::coop::has_budget_remaining;
use quintet::task::{JoinSet, LocalSet, yield_now};

use super::{Count, Dropped, Hooks, on_a_loop, settle, without_runtime};
use crate::support::cases::{in_check, in_order, log, spend, take_log, units_left};
use crate::support::panics::panic_of;
use crate::support::strict::{assert_reported, may_leak};
use crate::support::wakers::poll;

const UNITS: usize = 128;

/// Yields so many times and returns its number.
async fn after(yields: usize, number: usize) -> usize {
    for _ in 0..yields {
        yield_now().await;
    }
    number
}

async fn join_all_that_end<T: 'static>(set: &mut JoinSet<T>) -> Vec<T> {
    let mut outputs = Vec::new();
    while let Some(joined) = set.join_next().await {
        outputs.push(joined.unwrap());
    }
    outputs
}

#[test]
fn tasks_are_returned_in_the_order_in_which_they_ended() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        for (yields, number) in [(3, 0), (1, 1), (2, 2), (0, 3)] {
            set.spawn(after(yields, number));
        }
        assert_eq!(set.len(), 4);
        assert_eq!(join_all_that_end(&mut set).await, [3, 1, 2, 0]);
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn also_if_they_ended_before_anybody_asked() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        for (yields, number) in [(2, 0), (0, 1), (1, 2)] {
            set.spawn(after(yields, number));
        }
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(set.len(), 3, "they stay until they are joined");
        assert_eq!(join_all_that_end(&mut set).await, [1, 2, 0]);
    });
}

#[test]
fn outputs_and_futures_need_not_be_send() {
    on_a_loop(async || {
        let mut set: JoinSet<Rc<u32>> = JoinSet::default();
        let shared = Rc::new(1);
        let cloned = Rc::clone(&shared);
        set.spawn(async move { cloned });
        set.spawn_local(async { Rc::new(2) });
        set.build_task().name("three").spawn(async { Rc::new(3) });
        let outputs = join_all_that_end(&mut set).await;
        assert_eq!(outputs.iter().map(|n| **n).collect::<Vec<_>>(), [1, 2, 3]);
    });
}

#[test]
fn sets_are_made_and_extended_from_iterators() {
    on_a_loop(async || {
        let mut set: JoinSet<usize> = (0..5).map(|n| async move { n }).collect();
        set.extend((5..10).map(|n| async move { n }));
        assert_eq!(set.join_all().await, (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn failures_have_the_id_of_their_task() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        let panics = set.spawn(async { panic!("on purpose") });
        let aborted = set.spawn(pending::<u32>());
        let ends = set.spawn(async { 5 });
        aborted.abort();
        let first = set.join_next_with_id().await.unwrap().unwrap_err();
        assert!(first.is_panic());
        assert_eq!(first.id(), panics.id());
        let second = set.join_next_with_id().await.unwrap().unwrap_err();
        assert!(second.is_cancelled());
        assert_eq!(second.id(), aborted.id());
        let third = set.join_next_with_id().await.unwrap().unwrap();
        assert_eq!(third, (ends.id(), 5));
    });
}

#[test]
fn try_join_next_returns_only_what_has_ended_and_charges_nothing() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        let (send, receive) = oneshot::channel();
        let late = set.spawn(async { receive.await.unwrap() });
        let early = set.spawn(async { 1 });
        assert!(set.try_join_next().is_none());
        settle().await;
        in_check().await;
        assert_eq!(
            set.try_join_next_with_id().unwrap().unwrap(),
            (early.id(), 1)
        );
        assert!(set.try_join_next().is_none());
        assert_eq!(units_left().await, 128);
        send.send(2).unwrap();
        settle().await;
        spend(128).await;
        assert!(!has_budget_remaining());
        assert_eq!(set.try_join_next().unwrap().unwrap(), 2);
        assert!(late.is_finished() && set.is_empty());
    });
}

#[test]
fn dropping_a_set_aborts_its_tasks_in_order() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        // Ended and joined first, so that its place is used again.
        set.spawn(async {});
        set.join_next().await;
        for name in ["a", "b", "c"] {
            set.spawn(async move {
                let _dropped = Dropped(name);
                pending::<()>().await;
            });
        }
        settle().await;
        drop(set);
        log("dropped");
        settle().await;
        assert_eq!(take_log(), ["dropped", "drop-a", "drop-b", "drop-c"]);
    });
}

#[test]
fn detached_tasks_go_on_and_disturb_no_other_task() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        let senders: Vec<_> = (0..3)
            .map(|n| {
                let (sender, receiver) = oneshot::channel::<()>();
                set.spawn(async move {
                    receiver.await.unwrap();
                    log(format!("old{n}"));
                    n
                });
                sender
            })
            .collect();
        settle().await;
        set.detach_all();
        assert!(set.is_empty());
        set.spawn(after(5, 7));
        for sender in senders {
            sender.send(()).unwrap();
        }
        assert_eq!(join_all_that_end(&mut set).await, [7]);
        assert_eq!(take_log(), ["old0", "old1", "old2"]);
    });
}

#[test]
fn a_dropped_join_loses_nothing() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        set.spawn(after(1, 1));
        assert!(poll!(pin!(set.join_next())).is_pending());
        for _ in 0..5 {
            yield_now().await;
        }
        spend(128).await;
        assert!(poll!(pin!(set.join_next())).is_pending(), "no budget");
        assert_eq!(set.len(), 1);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
    });
}

#[test]
fn joining_all_resumes_a_panic_and_aborts_the_others() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        set.spawn(async { resume_unwind(Box::new("a payload")) });
        let dropped = Dropped("other");
        set.spawn(async move {
            let _dropped = dropped;
            pending().await
        });
        let panicked = AssertUnwindSafe(set.join_all()).catch_unwind().await;
        assert_eq!(
            *panicked.unwrap_err().downcast_ref::<&str>().unwrap(),
            "a payload"
        );
        settle().await;
        assert_eq!(take_log(), ["drop-other"]);
    });
}

#[test]
fn joining_all_panics_where_a_task_was_cancelled() {
    let panicked = panic_of(|| {
        quintet::block_on(async {
            let mut set = JoinSet::new();
            set.spawn(pending::<()>()).abort();
            set.join_all().await;
        });
    });
    assert!(panicked.message.contains("was cancelled"), "{panicked:?}");
}

#[test]
fn shutdown_waits_until_everything_is_dropped() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        for name in ["a", "b"] {
            set.spawn(async move {
                let _dropped = Dropped(name);
                pending::<()>().await;
            });
        }
        set.spawn(async { panic!("on purpose") });
        settle().await;
        set.shutdown().await;
        assert!(set.is_empty());
        assert_eq!(take_log(), ["drop-a", "drop-b"]);
        set.spawn(async {});
        assert!(
            set.join_next().await.unwrap().is_ok(),
            "it can be used again"
        );
    });
}

#[test]
fn jobs_and_tasks_of_handles_are_tasks_like_others() {
    on_a_loop(async || {
        let handle = Handle::current();
        let mut set = JoinSet::new();
        set.spawn_blocking(|| 1);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
        set.spawn_blocking_on(|| 2, &handle);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 2);
        set.spawn_on(async { 3 }, &handle);
        assert_eq!(set.join_next().await.unwrap().unwrap(), 3);
    });
}

#[test]
fn built_tasks_and_jobs_are_spawned_wherever_a_set_spawns() {
    on_a_loop(async || {
        let handle = Handle::current();
        let local_set = LocalSet::new();
        let mut set = JoinSet::new();
        let build = |set: &mut JoinSet<()>| {
            set.build_task().name("a").spawn(pending());
            set.build_task().name("b").spawn_local(pending());
            set.build_task()
                .name("c")
                .spawn_local_on(pending(), &local_set);
            set.build_task().name("d").spawn_on(pending(), &handle);
        };
        build(&mut set);
        let dump = handle.dump_async().await;
        let names = dump.tasks().iter().filter_map(|task| task.name());
        assert_eq!(names.collect::<String>(), "rootabcd");
        // The task that is in the other set, too, ends with it.
        drop(local_set);
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        assert_eq!(set.len(), 3);

        let mut set = JoinSet::new();
        set.build_task().name("e").spawn_blocking(|| 1);
        set.build_task().name("f").spawn_blocking_on(|| 2, &handle);
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, [1, 2]);
    });
}

#[test]
fn a_job_that_had_ended_when_it_was_added_is_returned() {
    on_a_loop(async || {
        let handle = Handle::current();
        let mut set = JoinSet::new();
        // Some of these have ended before the set can watch them.
        for n in 0..1000 {
            set.spawn_blocking_on(move || n, &handle);
        }
        let mut outputs = set.join_all().await;
        outputs.sort_unstable();
        assert_eq!(outputs, (0..1000).collect::<Vec<_>>());
    });
}

#[test]
fn a_set_of_a_handles_tasks_works_on_any_thread() {
    on_a_loop(async || {
        let handle = Handle::current();
        let (send, receive) = oneshot::channel();
        let other = thread::spawn(move || {
            let mut set = JoinSet::new();
            for n in 0..100 {
                set.spawn_on(async move { n }, &handle);
                set.spawn_blocking_on(move || n, &handle);
            }
            set.spawn_on(pending(), &handle).abort();
            without_runtime(async {
                let (mut sum, mut cancelled) = (0, 0);
                while let Some(joined) = set.join_next().await {
                    match joined {
                        Ok(n) => sum += n,
                        Err(error) => cancelled += u32::from(error.is_cancelled()),
                    }
                }
                send.send((sum, cancelled)).unwrap();
            });
        });
        assert_eq!(receive.await.unwrap(), (2 * 4950, 1));
        other.join().unwrap();
    });
}

#[test]
fn a_set_dropped_on_another_thread_aborts_its_tasks() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        let (send, receive) = oneshot::channel::<()>();
        set.spawn(async move {
            let _send = send;
            pending::<()>().await;
        });
        settle().await;
        thread::spawn(move || drop(set)).join().unwrap();
        assert!(receive.await.is_err(), "the future was dropped");
    });
}

#[test]
fn a_set_outlives_its_runtime() {
    let runtime = Runtime::new().unwrap();
    let mut set = JoinSet::new();
    let (begun, has_begun) = mpsc::channel();
    runtime.block_on(async {
        set.spawn_on(
            async move {
                begun.send(()).unwrap();
                pending::<()>().await;
            },
            &Handle::current(),
        );
        settle().await;
    });
    has_begun.recv().unwrap();
    drop(runtime);
    let joined = without_runtime(set.join_next());
    assert!(joined.unwrap().unwrap_err().is_cancelled());
}

#[test]
fn spawning_after_the_end_returns_a_cancelled_task() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let mut set = JoinSet::new();
            set.spawn(async {});
            let joined = set.try_join_next().unwrap();
            assert!(joined.unwrap_err().is_cancelled());
            log("late");
        }
    }
    on_a_loop(async || {
        may_leak();
        let late = Late;
        spawn(async move {
            let _late = late;
            pending::<()>().await;
        });
    });
    assert_eq!(take_log(), ["late"]);
}

#[test]
fn the_wrong_thread_is_told() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        settle().await;
        let other = thread::spawn(move || panic_of(|| set.try_join_next()));
        let panicked = other.join().unwrap();
        assert!(panicked.message.contains("belongs to"), "{panicked:?}");
        assert_eq!(panicked.file, file!());
    });
}

#[test]
fn the_spawn_site_is_the_callers() {
    let mut set = JoinSet::new();
    let line = line!() + 1;
    let panicked = panic_of(|| set.spawn(async {}));
    assert_eq!((&*panicked.file, panicked.line), (file!(), line));
    let line = line!() + 1;
    let panicked = panic_of(|| set.spawn_blocking(|| ()));
    assert_eq!((&*panicked.file, panicked.line), (file!(), line));
    let line = line!() + 1;
    let panicked = panic_of(|| set.build_task().name("x").spawn_local(async {}));
    assert_eq!((&*panicked.file, panicked.line), (file!(), line));
    let line = line!() + 1;
    let panicked = panic_of(|| set.build_task().name("x").spawn_blocking(|| ()));
    assert_eq!((&*panicked.file, panicked.line), (file!(), line));
    let line = line!() + 1;
    let panicked = panic_of(|| set.extend([async {}]));
    assert_eq!((&*panicked.file, panicked.line), (file!(), line));
    assert!(set.is_empty());
}

#[test]
fn a_spent_budget_stops_the_set_and_keeps_its_order() {
    in_order("128 other 300", || async {
        let mut set: JoinSet<usize> = (0..300).map(|n| async move { n }).collect();
        settle().await;
        let joined = Rc::new(Cell::new(0));
        let seen = Rc::clone(&joined);
        in_check().await;
        spawn(async move {
            while let Some(n) = set.join_next().await {
                assert_eq!(n.unwrap(), joined.get());
                joined.set(joined.get() + 1);
                if joined.get() == UNITS {
                    assert!(!has_budget_remaining());
                    log("128");
                }
            }
            log(joined.get().to_string());
        });
        spawn(async move {
            assert_eq!(seen.get(), UNITS);
            log("other");
        });
    });
}

#[test]
fn a_hundred_thousand_tasks_are_joined_by_few_polls() {
    const TASKS: usize = 100_000;
    on_a_loop(async || {
        let mut set: JoinSet<usize> = (0..TASKS).map(|n| async move { n }).collect();
        set.spawn(pending());
        let (mut polls, mut joined) = (0, 0);
        poll_fn(|cx| {
            polls += 1;
            while joined < TASKS {
                match set.poll_join_next(cx) {
                    Poll::Ready(Some(n)) => assert_eq!(n.unwrap(), joined),
                    Poll::Ready(None) => unreachable!("one never ends"),
                    Poll::Pending => return Poll::Pending,
                }
                joined += 1;
            }
            Poll::Ready(())
        })
        .await;
        assert_eq!(set.len(), 1);
        // Each poll but the first joins as much as the budget allows, if there is so much.
        assert!(polls <= 1 + 2 * TASKS.div_ceil(UNITS), "{polls} polls");
    });
}

#[test]
fn a_hundred_thousand_aborted_tasks_end() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        let living = Rc::new(());
        for _ in 0..100_000 {
            let living = Rc::clone(&living);
            set.spawn(async move {
                let _living = living;
                pending::<()>().await;
            });
        }
        set.shutdown().await;
        assert_eq!(Rc::strong_count(&living), 1);
    });
}

#[test]
fn the_last_caller_is_woken_and_wakers_may_use_others() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        let (send, receive) = oneshot::channel::<()>();
        set.spawn(receive);
        let (first, a) = Count::new();
        let (told, is_told) = mpsc::channel();
        let last = Hooks::waker(
            move || {
                told.send(()).unwrap();
                panic!("on purpose");
            },
            || drop(spawn(async {})),
        );
        for waker in [&a, &last] {
            let mut cx = Context::from_waker(waker);
            assert!(set.poll_join_next(&mut cx).is_pending());
        }
        drop(last);
        send.send(()).unwrap();
        settle().await;
        is_told.try_recv().unwrap();
        assert_eq!(first.get(), 0);
        assert!(set.join_next().await.is_some());
        assert_reported(&["a waker panicked: on purpose"]);
    });
}

#[test]
fn a_set_that_was_found_empty_wakes_no_task() {
    on_a_loop(async || {
        let mut set = JoinSet::new();
        let task = set.spawn(pending::<()>());
        let (count, waker) = Count::new();
        let mut cx = Context::from_waker(&waker);
        assert!(set.poll_join_next(&mut cx).is_pending());
        set.detach_all();
        task.abort();
        assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(None)));
        set.spawn(async {});
        settle().await;
        assert_eq!(count.get(), 0);
    });
}
