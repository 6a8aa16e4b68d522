//! Dumps and `Stalled`: tasks that wait for each other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::future::pending;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use futures::StreamExt;
use futures::channel::oneshot;
use futures::stream::FuturesUnordered;
use quintet::runtime::{Builder, Cycle, Dump, Report, Runtime, WaitReason};
use quintet::sync::{Mutex, Notify, RwLock, Semaphore, mpsc};
use quintet::task::{JoinHandle, scope, yield_now};
use quintet::time::{sleep, timeout};
use quintet::{select, spawn};

use super::json::Json;
use super::{DAY, dump_of, named};
use crate::report::first_report;
use crate::support::child::{child, in_a_child};
use crate::support::patience::in_time;

/// The names of the tasks of a cycle.
fn names<'a>(cycle: &Cycle, name: impl Fn(quintet::task::Id) -> Option<&'a str>) -> Vec<&'a str> {
    cycle.tasks().map(|id| name(id).unwrap_or("-")).collect()
}

/// The only cycle of a dump, with the names of its tasks.
fn cycle(dump: &Dump) -> Vec<&str> {
    let [cycle] = dump.cycles() else {
        panic!("{dump}");
    };
    names(cycle, |id| {
        let mut tasks = dump.tasks().iter();
        tasks.find(|task| task.id() == id)?.name()
    })
}

#[track_caller]
fn assert_no_cycle(dump: &Dump) {
    assert_eq!(dump.cycles().len(), 0, "{dump}");
}

/// A handle that a task awaits which is spawned before the other.
type Later = Rc<RefCell<Option<JoinHandle<()>>>>;

async fn join(task: &Later) {
    yield_now().await;
    let task = task.take();
    task.expect("it is spawned by now").await.unwrap();
}

/// Spawns two tasks, each of which takes its own lock and then the other one.
fn spawn_crossed() {
    let locks = [(); 2].map(|()| Arc::new(Mutex::new(())));
    for (name, own, other) in [("a", 0, 1), ("b", 1, 0)] {
        let (own, other) = (Arc::clone(&locks[own]), Arc::clone(&locks[other]));
        named(name).spawn(async move {
            let _own = own.lock().await;
            yield_now().await;
            let _other = other.lock().await;
        });
    }
}

/// Spawns a task that holds a lock and joins a task that waits for the lock.
fn spawn_join_under_lock() {
    let lock = Arc::new(Mutex::new(()));
    let waiter = Later::default();
    let (held, joined) = (Arc::clone(&lock), Rc::clone(&waiter));
    named("a").spawn(async move {
        let _guard = held.lock().await;
        join(&joined).await;
    });
    *waiter.borrow_mut() = Some(named("b").spawn(async move {
        yield_now().await;
        drop(lock.lock().await);
    }));
}

/// Spawns two tasks that join each other.
fn spawn_joins() {
    let (a, b) = (Later::default(), Later::default());
    let (joins_b, joins_a) = (Rc::clone(&b), Rc::clone(&a));
    *a.borrow_mut() = Some(named("a").spawn(async move { join(&joins_b).await }));
    *b.borrow_mut() = Some(named("b").spawn(async move { join(&joins_a).await }));
}

/// Spawns two tasks that have one permit each and want two.
fn spawn_semaphore() {
    let semaphore = Arc::new(Semaphore::new(2));
    for name in ["a", "b"] {
        let semaphore = Arc::clone(&semaphore);
        named(name).spawn(async move {
            let _one = semaphore.acquire().await.unwrap();
            yield_now().await;
            let _other = semaphore.acquire().await.unwrap();
        });
    }
}

/// Spawns a task that holds a lock while it waits for the children of a scope, and one of these
/// joins a task that waits for the lock.
fn spawn_scope() {
    let lock = Arc::new(Mutex::new(()));
    let waiter = Later::default();
    let (held, joined) = (Arc::clone(&lock), Rc::clone(&waiter));
    named("a").spawn(async move {
        let _guard = held.lock().await;
        scope(async |s| {
            s.spawn(async {});
            s.spawn(join(&joined)).await.unwrap();
        })
        .await;
    });
    *waiter.borrow_mut() = Some(named("b").spawn(async move {
        yield_now().await;
        drop(lock.lock().await);
    }));
}

/// What spawns the tasks of a deadlock, and the names of these.
type Kind = (&'static str, fn(), &'static [&'static str]);

const KINDS: &[Kind] = &[
    ("two locks crossed", spawn_crossed, &["a", "b"]),
    ("a join under a lock", spawn_join_under_lock, &["a", "b"]),
    ("two joins", spawn_joins, &["a", "b"]),
    ("a semaphore", spawn_semaphore, &["a", "b"]),
    ("a scope", spawn_scope, &["a", "b"]),
];

/// Spawns tasks beside a deadlock that have nothing to do with it.
fn spawn_others() {
    let lock = Arc::new(Mutex::new(()));
    let waiting = Arc::clone(&lock);
    named("timer").spawn(async move {
        let _guard = lock.lock().await;
        sleep(DAY).await;
    });
    named("waiting").spawn(async move { drop(waiting.lock().await) });
    named("pending").spawn(pending::<()>());
}

#[test]
fn every_kind_is_named_by_a_dump() {
    for (kind, spawn_tasks, expected) in KINDS {
        let (dump, _) = dump_of(|_| {
            spawn_tasks();
            spawn_others();
        });
        assert_eq!(cycle(&dump), *expected, "{kind}");
        assert!(dump.cycles()[0].is_certain(), "{kind}: {dump}");
        let text = dump.to_string();
        let header = format!("\n  deadlock of {} tasks:\n    task ", expected.len());
        assert!(text.contains(&header), "{kind}: {text}");
        assert!(text.find("deadlock") < text.find("spawned at"), "{text}");
    }
}

#[test]
fn every_kind_is_named_by_stalled() {
    for seed in [None, Some(1), Some(2)] {
        for (kind, spawn_tasks, expected) in KINDS {
            let stalled = in_time(|| {
                let mut builder = Builder::new();
                if let Some(seed) = seed {
                    builder.seed(seed);
                }
                let runtime = builder.track_waits(true).build().unwrap();
                let entered = runtime.enter();
                spawn_tasks();
                drop(entered);
                runtime.run().unwrap_err()
            });
            let [cycle] = stalled.cycles() else {
                panic!("{kind}: {stalled}");
            };
            let found = names(cycle, |id| {
                let mut tasks = stalled.tasks().iter();
                tasks.find(|task| task.id() == id)?.name()
            });
            assert_eq!(found, *expected, "{kind}");
            let text = stalled.to_string();
            assert!(
                text.starts_with("nothing can wake 2 tasks\n  deadlock of"),
                "{text}"
            );
        }
    }
}

#[test]
fn every_kind_is_named_when_block_on_is_stuck() {
    for (kind, spawn_tasks, _) in KINDS {
        let message = message_of_stuck_block_on(async || {
            spawn_tasks();
            pending::<()>().await;
        });
        assert!(
            message.contains("\n  deadlock of 2 tasks"),
            "{kind}: {message}"
        );
    }
}

#[test]
fn a_report_about_a_block_on_that_nothing_ends_names_the_cycle() {
    in_time(|| {
        let report = first_report(Builder::new().track_waits(true), async |end| {
            spawn_crossed();
            end.await.unwrap();
        });
        let Report::Stalled { dump, .. } = &report else {
            panic!("it waited in vain: {report}");
        };
        assert_eq!(cycle(dump), ["a", "b"]);
        assert!(dump.cycles()[0].is_certain());
        let text = report.to_string();
        assert!(
            text.contains("\n  deadlock of 2 tasks:\n    task "),
            "{text}"
        );
    });
}

/// The message of the panic of `block_on` in paused time if nothing can ever happen.
fn message_of_stuck_block_on(root: impl AsyncFnOnce()) -> String {
    in_time(|| {
        let mut builder = Builder::new();
        let builder = builder.start_paused(true).track_waits(true);
        let runtime = builder.build().unwrap();
        let stuck = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(root())));
        let message = stuck.unwrap_err();
        message.downcast_ref::<String>().expect("a message").clone()
    })
}

#[test]
fn the_root_may_be_in_a_cycle() {
    let message = message_of_stuck_block_on(async || {
        let lock = Arc::new(Mutex::new(()));
        let waiting = Arc::clone(&lock);
        let _guard = lock.lock().await;
        let waiter = spawn(async move { drop(waiting.lock().await) });
        waiter.await.unwrap();
    });
    assert!(
        message.contains("\n  deadlock of 2 tasks:\n    task "),
        "{message}"
    );
    assert!(
        message.contains(" `root` waits for the end of task "),
        "{message}"
    );
}

#[test]
fn a_task_may_wait_for_itself() {
    let (dump, _) = dump_of(|_| {
        named("a").spawn(async {
            let lock = RwLock::new(());
            let _guard = lock.write().await;
            drop(lock.read().await);
        });
    });
    assert_eq!(cycle(&dump), ["a"]);
    assert!(dump.cycles()[0].is_certain());
    assert!(
        dump.to_string()
            .contains("\n  deadlock of a task with itself:\n"),
        "{dump}"
    );
    let (dump, _) = dump_of(|_| {
        let own = Later::default();
        let joined = Rc::clone(&own);
        *own.borrow_mut() = Some(named("a").spawn(async move { join(&joined).await }));
    });
    assert_eq!(cycle(&dump), ["a"]);
}

/// A reader that locks again waits for the writer in the queue, which waits for the reader.
#[test]
fn a_reader_that_reads_again_behind_a_writer_is_named() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(RwLock::new(()));
        let read = Arc::clone(&lock);
        named("reader").spawn(async move {
            let _first = read.read().await;
            yield_now().await;
            let _second = read.read().await;
        });
        named("writer").spawn(async move { drop(lock.write().await) });
    });
    assert_eq!(cycle(&dump), ["reader", "writer"]);
    assert!(
        !dump.cycles()[0].is_certain(),
        "the writer is only in the queue"
    );
}

#[test]
fn two_cycles_are_both_named_and_those_that_wait_for_them_are_not_in_them() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(Mutex::new(()));
        let held = Arc::clone(&lock);
        spawn_joins();
        spawn_crossed();
        named("itself").spawn(async move {
            let _guard = held.lock().await;
            let _again = held.lock().await;
        });
        named("outside").spawn(async move { drop(lock.lock().await) });
    });
    let sizes = dump.cycles().iter().map(|cycle| cycle.tasks().count());
    assert_eq!(sizes.collect::<Vec<_>>(), [2, 2, 1], "{dump}");
}

#[test]
fn owned_guards_make_a_cycle_only_possible() {
    let (dump, _) = dump_of(|_| {
        let locks = [(); 2].map(|()| Arc::new(Mutex::new(())));
        for (name, own, other) in [("a", 0, 1), ("b", 1, 0)] {
            let (own, other) = (Arc::clone(&locks[own]), Arc::clone(&locks[other]));
            named(name).spawn(async move {
                let _own = own.lock_owned().await;
                yield_now().await;
                let _other = other.lock().await;
            });
        }
    });
    assert_eq!(cycle(&dump), ["a", "b"]);
    assert!(!dump.cycles()[0].is_certain());
    assert!(
        dump.to_string()
            .contains("\n  possible deadlock of 2 tasks:\n"),
        "{dump}"
    );
}

/// Spawns two tasks that take their own lock, and then wait by `wait` for the lock of the other.
fn spawn_pair<F>(wait: impl Fn(Arc<Mutex<()>>) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let locks = [(); 2].map(|()| Arc::new(Mutex::new(())));
    for (own, other) in [(0, 1), (1, 0)] {
        let own = Arc::clone(&locks[own]);
        let waiting = wait(Arc::clone(&locks[other]));
        spawn(async move {
            let _own = own.lock().await;
            yield_now().await;
            waiting.await;
        });
    }
}

/// Each of these can end by something else than the lock.
#[test]
fn what_can_still_be_woken_is_in_no_cycle() {
    let (dump, _) = dump_of(|_| {
        spawn_pair(async |lock: Arc<Mutex<()>>| {
            let _elapsed = timeout(DAY, lock.lock()).await;
        });
    });
    assert_no_cycle(&dump);
    let (dump, _) = dump_of(|_| {
        let notify = Arc::new(Notify::new());
        spawn_pair(move |lock: Arc<Mutex<()>>| {
            let notify = Arc::clone(&notify);
            async move {
                select! {
                    () = notify.notified() => {}
                    _ = lock.lock() => {}
                }
            }
        });
    });
    assert_no_cycle(&dump);
    let (dump, _) = dump_of(|_| {
        let senders = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&senders);
        spawn_pair(move |lock: Arc<Mutex<()>>| {
            let (sender, receiver) = oneshot::channel::<()>();
            senders.borrow_mut().push(sender);
            async move {
                let locking = Box::pin(lock.lock());
                drop(futures::future::select(receiver, locking).await);
            }
        });
        kept
    });
    assert_no_cycle(&dump);
}

#[test]
fn a_task_that_also_waits_for_room_in_a_channel_is_in_no_cycle() {
    let (dump, _) = dump_of(|_| {
        let (sender, receiver) = mpsc::channel(1);
        sender.try_send(()).unwrap();
        spawn_pair(move |lock: Arc<Mutex<()>>| {
            let sender = sender.clone();
            async move {
                select! {
                    _ = sender.send(()) => {}
                    _ = lock.lock() => {}
                }
            }
        });
        receiver
    });
    assert_no_cycle(&dump);
}

/// In a process of its own, where nothing tracks waits before.
#[test]
fn what_was_done_before_waits_were_tracked_is_unknown() {
    let name = "dump::cycles::what_was_done_before_waits_were_tracked_is_unknown";
    in_a_child(child(name), || {
        let semaphores = [(); 3].map(|()| Arc::new(Semaphore::new(2)));
        let [held, forgotten, added] = &semaphores;
        std::mem::forget(held.try_acquire());
        forgotten.try_acquire().unwrap().forget();
        added.add_permits(1);
        std::mem::forget(added.try_acquire());
        std::mem::forget(added.try_acquire());
        let (dump, _) = dump_of(|_| {
            for (name, semaphore) in ["held", "forgotten", "added"].into_iter().zip(semaphores) {
                named(name).spawn(async move {
                    let _permit = semaphore.acquire().await.unwrap();
                    drop(semaphore.acquire().await);
                });
            }
        });
        let unknown = dump.tasks().iter().map(|task| match task.waits() {
            [WaitReason::Permits(wait)] => wait.unknown_holders(),
            other => panic!("{other:?}"),
        });
        assert_eq!(unknown.collect::<Vec<_>>(), [1, 0, 2]);
        assert_eq!(cycle(&dump), ["forgotten"]);
    });
}

#[test]
fn a_task_that_can_be_aborted_by_a_handle_is_in_no_cycle() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(Mutex::new(()));
        let itself = spawn(async move {
            let _guard = lock.lock().await;
            let _again = lock.lock().await;
        });
        itself.abort_handle()
    });
    assert_no_cycle(&dump);
}

#[test]
fn permits_that_another_task_may_release_break_a_cycle() {
    let semaphore = |others: fn(&Arc<Semaphore>)| {
        dump_of(|_| {
            let semaphore = Arc::new(Semaphore::new(3));
            others(&semaphore);
            for _ in 0..2 {
                let semaphore = Arc::clone(&semaphore);
                spawn(async move {
                    let _one = semaphore.acquire().await.unwrap();
                    yield_now().await;
                    let _other = semaphore.acquire().await.unwrap();
                });
            }
        })
        .0
    };
    // Of a task with a timer, of one that waits for a channel, and of something unknown.
    let dump = semaphore(|semaphore| {
        let semaphore = Arc::clone(semaphore);
        spawn(async move {
            let _permit = semaphore.acquire().await.unwrap();
            sleep(DAY).await;
        });
    });
    assert_no_cycle(&dump);
    let dump = semaphore(|semaphore| {
        let semaphore = Arc::clone(semaphore);
        let (sender, receiver) = oneshot::channel::<()>();
        spawn(async move {
            let _permit = semaphore.acquire().await.unwrap();
            let _closed = receiver.await;
        });
        std::mem::forget(sender);
    });
    assert_no_cycle(&dump);
    let dump = semaphore(|semaphore| {
        std::mem::forget(semaphore.try_acquire());
    });
    assert_no_cycle(&dump);
    // One that never releases it.
    let dump = semaphore(|semaphore| {
        let semaphore = Arc::clone(semaphore);
        spawn(async move {
            let _permit = semaphore.acquire().await.unwrap();
            pending::<()>().await;
        });
    });
    assert_eq!(dump.cycles().len(), 1, "{dump}");
    // Of one that was given it by a task that has ended.
    let dump = semaphore(|semaphore| {
        let semaphore = Arc::clone(semaphore);
        spawn(async move {
            let permit = semaphore.acquire_owned().await.unwrap();
            spawn(async move {
                sleep(DAY).await;
                drop(permit);
            });
        });
    });
    assert_no_cycle(&dump);
    // The permit was forgotten, and there are only two.
    let dump = semaphore(|semaphore| semaphore.try_acquire().unwrap().forget());
    assert_eq!(dump.cycles().len(), 1, "{dump}");
    // There is one more.
    let dump = semaphore(|semaphore| {
        semaphore.try_acquire().unwrap().forget();
        semaphore.add_permits(1);
    });
    assert_no_cycle(&dump);
}

#[test]
fn a_cycle_ends_with_an_abort() {
    let (dump, _) = dump_of(|runtime| {
        let lock = Arc::new(Mutex::new(()));
        let itself = spawn(async move {
            let _guard = lock.lock().await;
            let _again = lock.lock().await;
        });
        runtime.run_until_stalled();
        assert_eq!(runtime.dump().cycles().len(), 1);
        itself.abort();
        assert_no_cycle(&runtime.dump());
        runtime.run_until_stalled();
    });
    assert!(dump.tasks().is_empty());
}

#[test]
fn cycles_are_in_the_json() {
    let (dump, _) = dump_of(|_| spawn_crossed());
    let json = Json::parse(&dump.to_json());
    let [cycle] = json.get("cycles").items() else {
        panic!("{json:?}");
    };
    let ids = [0, 1].map(|index: usize| Json::number(dump.tasks()[index].id()));
    assert_eq!(cycle.get("tasks").items(), ids);
    assert_eq!(cycle.get("certain"), &Json::Bool(true));
    let wait = &json.get("tasks").items()[0].get("waits").items()[0];
    assert_eq!(wait.get("kind"), &Json::text("permits"));
    assert_eq!(wait.get("file"), &Json::text(file!()));
    assert_eq!(wait.get("waited_ns"), &Json::number(0));
    assert_eq!(wait.get("missing"), &Json::number(1));
    assert_eq!(wait.get("unknown_holders"), &Json::number(0));
    let [holder] = wait.get("holders").items() else {
        panic!("{wait:?}");
    };
    assert_eq!(holder.get("task"), &ids[1]);
    assert_eq!(holder.get("permits"), &Json::number(1));
    assert_eq!(holder.get("certain"), &Json::Bool(true));
}

#[test]
fn only_the_cycles_of_listed_tasks_are_in_stalled() {
    let stalled = in_time(|| {
        let mut builder = Builder::new();
        let runtime: Runtime = builder.track_waits(true).build().unwrap();
        let lock = Arc::new(Mutex::new(()));
        let itself = runtime.spawn(async move {
            let _guard = lock.lock().await;
            let _again = lock.lock().await;
        });
        itself.unref();
        runtime.spawn(pending::<()>());
        runtime.run().unwrap_err()
    });
    assert_eq!(stalled.tasks().len(), 1);
    assert_eq!(stalled.cycles().len(), 0);
}

/// The dump of a task that holds a lock over a scope, and what the scope does with the lock.
fn dump_of_scope<F>(body: impl Fn(Arc<Mutex<()>>) -> F) -> Dump
where
    F: Future<Output = ()> + 'static,
{
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(Mutex::new(()));
        let body = body(Arc::clone(&lock));
        named("a").spawn(async move {
            let _guard = lock.lock().await;
            body.await;
        });
    });
    dump
}

type AnyFuture = Pin<Box<dyn Future<Output = ()>>>;
type UseOfLock = fn(Arc<Mutex<()>>) -> AnyFuture;

#[test]
fn a_child_of_a_scope_that_waits_for_its_parent_is_named() {
    let children: [UseOfLock; 4] = [
        |lock| {
            Box::pin(scope(async move |s| {
                s.spawn(async move { drop(lock.lock().await) });
            }))
        },
        // Two children, one of which awaits the other, and a handle that is dropped.
        |lock| {
            Box::pin(scope(async move |s| {
                let other = Arc::clone(&lock);
                let locking = s.spawn(async move { drop(lock.lock().await) });
                s.spawn(async move { locking.await.unwrap() });
                drop(s.spawn(async move { drop(other.lock().await) }));
            }))
        },
        // The body itself, and a child that has ended.
        |lock| {
            Box::pin(scope(async move |s| {
                s.spawn(async {}).await.unwrap();
                drop(lock.lock().await);
            }))
        },
        // A scope in a scope.
        |lock| {
            Box::pin(scope(async move |s| {
                s.spawn(async move {
                    scope(async move |s| {
                        s.spawn(async move { drop(lock.lock().await) });
                    })
                    .await;
                })
                .await
                .unwrap();
            }))
        },
    ];
    for (index, child) in children.into_iter().enumerate() {
        let dump = dump_of_scope(child);
        assert_eq!(cycle(&dump), ["a"], "{index}");
    }
}

#[test]
fn a_scope_with_a_member_that_something_else_can_wake_is_in_no_cycle() {
    let notify = Arc::new(Notify::new());
    let others: [fn(&Arc<Notify>) -> AnyFuture; 4] = [
        |_| Box::pin(sleep(DAY)),
        |notify| {
            let notify = Arc::clone(notify);
            Box::pin(async move { notify.notified().await })
        },
        |_| {
            let (sender, receiver) = oneshot::channel::<()>();
            std::mem::forget(sender);
            Box::pin(async move { assert!(receiver.await.is_err()) })
        },
        // Two in one that registers its own waker.
        |_| {
            let (sender, receiver) = oneshot::channel::<()>();
            std::mem::forget(sender);
            let all: FuturesUnordered<_> = [receiver].into_iter().collect();
            Box::pin(async move { drop(all.into_future().await) })
        },
    ];
    for (index, other) in others.into_iter().enumerate() {
        let dump = dump_of_scope(|lock| {
            let other = other(&notify);
            scope(async move |s| {
                s.spawn(async move { drop(lock.lock().await) });
                s.spawn(other);
            })
        });
        assert_eq!(dump.cycles().len(), 0, "{index}: {dump}");
        let dump = dump_of_scope(|lock| {
            let other = other(&notify);
            scope(async move |s| {
                s.spawn(async move { drop(lock.lock().await) });
                other.await;
            })
        });
        assert_eq!(dump.cycles().len(), 0, "{index} in the body: {dump}");
    }
}
