//! `LocalSet`: which tasks are of a set, and when it ends. And `block_in_place`.

use std::cell::Cell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;

use quintet::runtime::Runtime;
use quintet::task::{
    JoinSet, LocalSet, TaskTracker, block_in_place, consume_budget, spawn_local, yield_now,
};
use quintet::{spawn, spawn_blocking};

use super::{Dropped, on_a_loop, settle};
use crate::support::cases::{log, take_log, units_left};
use crate::support::panics::panic_message;
use crate::support::wakers::poll;

#[test]
fn a_set_ends_when_its_tasks_have_ended() {
    on_a_loop(async || {
        let mut set = LocalSet::new();
        assert!(poll!(&mut set).is_ready(), "it is empty");
        let nested = set.spawn_local(async {
            yield_now().await;
            // Of the set as well: the set is current in its tasks.
            spawn_local(async {
                settle().await;
                log("nested");
            });
            log("outer");
        });
        // Of no set.
        let other = spawn_local(pending::<()>());
        assert!(poll!(&mut set).is_pending());
        set.await;
        other.abort();
        assert_eq!(take_log(), ["outer", "nested"]);
        assert!(nested.is_finished());
        settle().await;
    });
}

#[test]
fn the_destructor_of_a_future_is_waited_for() {
    on_a_loop(async || {
        let set = LocalSet::new();
        let task = set.spawn_local(async {
            let _dropped = Dropped("future");
            pending::<()>().await;
        });
        yield_now().await;
        task.abort();
        set.await;
        assert_eq!(take_log(), ["drop-future"]);
    });
}

#[test]
fn a_set_is_current_in_run_until_and_while_it_is_entered() {
    on_a_loop(async || {
        let (first, second) = (LocalSet::new(), LocalSet::new());
        let run = first.run_until(async {
            drop(spawn_local(pending::<()>()));
            // One inside the other.
            second
                .run_until(async { drop(spawn_local(pending::<()>())) })
                .await;
            drop(spawn_local(pending::<()>()));
            // A task that is not of the set.
            spawn(async { spawn_local(pending::<()>()).abort() })
                .await
                .unwrap();
            7
        });
        assert_eq!(run.await, 7);
        let len = |set: &LocalSet| format!("{set:?}");
        assert!(len(&first).contains("len: 2"), "{first:?}");
        assert!(len(&second).contains("len: 1"), "{second:?}");
        let guard = second.enter();
        drop(spawn_local(async {}));
        drop(guard);
        drop(spawn_local(async {}));
        assert!(len(&second).contains("len: 2"), "{second:?}");
        settle().await;
        assert!(len(&second).contains("len: 1"), "{second:?}");
    });
}

#[test]
fn a_set_that_is_dropped_aborts_its_tasks_in_order() {
    on_a_loop(async || {
        let set = LocalSet::new();
        let tasks = ["a", "b", "c"].map(|name| {
            set.spawn_local(async move {
                let _dropped = Dropped(name);
                pending::<()>().await;
            })
        });
        // A set that has ended tasks keeps nothing of them.
        set.spawn_local(async {}).await.unwrap();
        settle().await;
        drop(set);
        assert_eq!(take_log(), [""; 0], "each is dropped in its turn");
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert_eq!(take_log(), ["drop-a", "drop-b", "drop-c"]);
    });
}

#[test]
fn a_set_belongs_to_join_sets_and_trackers_too() {
    on_a_loop(async || {
        let set = LocalSet::new();
        let mut joined = JoinSet::new();
        let tracker = TaskTracker::new();
        let value = Rc::new(Cell::new(0));
        let add = |n| {
            let value = Rc::clone(&value);
            async move {
                value.set(value.get() + n);
                n
            }
        };
        joined.spawn_local_on(add(1), &set);
        let tracked = tracker.spawn_local_on(add(10), &set);
        assert_eq!((joined.len(), tracker.len()), (1, 1));
        set.await;
        assert_eq!(value.get(), 11);
        assert_eq!(joined.join_all().await, [1]);
        assert_eq!(tracked.await.unwrap(), 10);
    });
}

#[test]
fn a_set_runs_a_runtime() {
    let runtime = Runtime::new().unwrap();
    let set = LocalSet::new();
    let text = set.block_on(&runtime, async {
        let text = Rc::new("local");
        spawn_local(async move { *text }).await.unwrap()
    });
    assert_eq!(text, "local");
    let message = panic_message(|| set.spawn_local(async {}));
    assert!(
        message.contains("no quintet runtime is current"),
        "{message}"
    );
}

#[test]
fn awaiting_an_empty_set_is_charged() {
    on_a_loop(async || {
        let mut set = LocalSet::new();
        yield_now().await;
        (&mut set).await;
        assert_eq!(units_left().await, 127);
        let mut waiting = pin!(async {
            loop {
                (&mut set).await;
            }
        });
        assert!(poll!(&mut waiting).is_pending());
    });
}

#[test]
fn what_blocks_in_place_is_called_where_no_loop_runs() {
    assert_eq!(block_in_place(|| 1), 1);
    on_a_loop(async || {
        let job = spawn_blocking(|| block_in_place(|| 2));
        assert_eq!(job.await.unwrap(), 2);
        let message = panic_message(|| block_in_place(|| 3));
        assert!(
            message.contains("`block_in_place` would block"),
            "{message}"
        );
        consume_budget().await;
    });
}
