//! Dumps: which tasks hold locks and semaphores.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use futures::FutureExt;
use quintet::runtime::{Builder, Dump, Handle, PermitWait, Runtime, WaitReason};
use quintet::spawn;
use quintet::sync::{Mutex, OnceCell, RwLock, Semaphore, oneshot};
use quintet::task::yield_now;
use quintet::time::sleep;

use super::{DAY, dump_of, find, named};
use crate::support::patience::in_time;

/// What the task `name` waits for, which is one lock or semaphore.
fn wait_of<'a>(dump: &'a Dump, name: &str) -> &'a PermitWait {
    match find(dump, name).waits() {
        [WaitReason::Permits(wait)] => wait,
        other => panic!("{other:?} in {dump}"),
    }
}

/// The names of the holders that the task `name` waits for, with their permits, and whether they
/// are certain.
fn holders(dump: &Dump, name: &str) -> Vec<(String, usize, bool)> {
    let holders = wait_of(dump, name).holders().iter();
    let holders = holders.map(|holder| {
        let mut tasks = dump.tasks().iter();
        let task = tasks.find(|task| task.id() == holder.id());
        let name = task.map_or("gone", |task| task.name().unwrap_or("nameless"));
        (name.to_owned(), holder.permits(), holder.is_certain())
    });
    holders.collect()
}

fn holder(name: &str, permits: usize, is_certain: bool) -> (String, usize, bool) {
    (name.to_owned(), permits, is_certain)
}

#[test]
fn the_holder_of_a_mutex_is_told() {
    let made_at = line!() + 2;
    let (dump, _) = dump_of(|runtime| {
        let lock = Arc::new(Mutex::new(()));
        let held = Arc::clone(&lock);
        named("holder").spawn(async move {
            let _guard = held.lock().await;
            pending::<()>().await;
        });
        named("waiting").spawn(async move {
            sleep(DAY).await;
            drop(lock.lock().await);
        });
        runtime.run_until_stalled();
        runtime.block_on(sleep(3 * DAY));
    });
    let wait = wait_of(&dump, "waiting");
    assert_eq!(holders(&dump, "waiting"), [holder("holder", 1, true)]);
    assert_eq!((wait.missing(), wait.unknown_holders()), (1, 0));
    assert_eq!(wait.waited(), 2 * DAY);
    assert_eq!(wait.location().file(), file!());
    assert_eq!(wait.location().line(), made_at);
    let id = find(&dump, "holder").id();
    assert_eq!(dump.chain(find(&dump, "waiting").id()), [id]);
    let text = format!(
        "waits for a lock (Mutex), made at {}, for 172800.0s; held by task {id}",
        wait.location()
    );
    assert!(dump.to_string().contains(&text), "{dump}");
}

#[test]
fn a_holder_is_forgotten_when_its_guard_is_dropped() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(Mutex::new(()));
        let [first, second, third] = [(); 3].map(|()| Arc::clone(&lock));
        named("first").spawn(async move {
            drop(first.lock().await);
            let guard = first.lock().await;
            yield_now().await;
            drop(guard);
            pending::<()>().await;
        });
        named("second").spawn(async move {
            let _guard = second.lock().await;
            pending::<()>().await;
        });
        named("third").spawn(async move { drop(third.lock().await) });
    });
    assert_eq!(holders(&dump, "third"), [holder("second", 1, true)]);
}

#[test]
fn a_future_that_no_longer_waits_is_not_told() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(Mutex::new(()));
        let held = Arc::clone(&lock);
        named("holder").spawn(async move {
            let _guard = held.lock().await;
            pending::<()>().await;
        });
        named("left").spawn(async move {
            let mut locking = Box::pin(lock.lock());
            assert!(locking.as_mut().now_or_never().is_none());
            drop(locking);
            pending::<()>().await;
        });
    });
    let waits = find(&dump, "left").waits();
    assert!(
        !waits
            .iter()
            .any(|wait| matches!(wait, WaitReason::Permits(_))),
        "{dump}"
    );
}

#[test]
fn the_task_of_an_owned_guard_is_the_one_that_acquired_it_last() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(Mutex::new(()));
        let (sender, receiver) = oneshot::channel();
        let owned = Arc::clone(&lock);
        named("acquirer").spawn(async move {
            let guard = owned.lock_owned().await;
            assert!(sender.send(guard).is_ok());
            pending::<()>().await;
        });
        named("keeper").spawn(async move {
            let _guard = receiver.await;
            pending::<()>().await;
        });
        named("waiting").spawn(async move {
            yield_now().await;
            drop(lock.lock().await);
        });
    });
    assert_eq!(holders(&dump, "waiting"), [holder("acquirer", 1, false)]);
    let id = find(&dump, "acquirer").id();
    let text = format!("; last acquired by task {id}");
    assert!(dump.to_string().contains(&text), "{dump}");
}

#[test]
fn a_guard_that_another_task_drops_frees_the_lock() {
    let (dump, _) = dump_of(|runtime| {
        let semaphore = Arc::new(Semaphore::new(2));
        let (sender, receiver) = oneshot::channel();
        let [one, other, both] = [(); 3].map(|()| Arc::clone(&semaphore));
        named("one").spawn(async move {
            let _permit = one.acquire_owned().await;
            pending::<()>().await;
        });
        named("other").spawn(async move {
            assert!(sender.send(other.acquire_owned().await).is_ok());
            pending::<()>().await;
        });
        named("dropper").spawn(async move {
            drop(receiver.await);
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        named("waiting").spawn(async move { drop(both.acquire_many(2).await) });
    });
    // One permit is left, and it is not known whose.
    assert_eq!(holders(&dump, "waiting"), []);
    assert_eq!(wait_of(&dump, "waiting").unknown_holders(), 1);
    assert_eq!(wait_of(&dump, "waiting").missing(), 1);
}

#[test]
fn permits_of_a_semaphore_are_counted_by_task() {
    let (dump, _) = dump_of(|runtime| {
        let semaphore = Arc::new(Semaphore::new(6));
        let [two, three, many, one] = [(); 4].map(|()| Arc::clone(&semaphore));
        named("two").spawn(async move {
            let _first = two.acquire().await;
            let _second = two.acquire().await;
            let third = two.acquire_many(3).await;
            drop(third);
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        named("three").spawn(async move {
            let mut permits = three.acquire_many(3).await.unwrap();
            let split = permits.split(1).unwrap();
            permits.merge(split);
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        // It gets the one that is left.
        named("many").spawn(async move { drop(many.acquire_many(5).await) });
        named("one").spawn(async move { drop(one.acquire().await) });
    });
    let held = [holder("two", 2, true), holder("three", 3, true)];
    assert_eq!(holders(&dump, "many"), held);
    assert_eq!(wait_of(&dump, "many").missing(), 4);
    let [two, three] = held;
    assert_eq!(
        holders(&dump, "one"),
        [two, three, holder("many", 1, false)]
    );
    assert!(
        dump.to_string()
            .contains("waits for a permit (Semaphore), 4 of them, made at")
    );
    let id = find(&dump, "two").id();
    assert!(
        dump.to_string()
            .contains(&format!("held by task {id} (2 permits), ")),
        "{dump}"
    );
}

#[test]
fn readers_and_writers_are_told() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(RwLock::new(()));
        let [reader, other, writer, late] = [(); 4].map(|()| Arc::clone(&lock));
        named("downgraded").spawn(async move {
            let _guard = other.write().await.downgrade();
            pending::<()>().await;
        });
        spawn_nameless_reader(&lock);
        named("reader").spawn(async move {
            let _guard = reader.read().await;
            pending::<()>().await;
        });
        named("writer").spawn(async move { drop(writer.write().await) });
        named("late").spawn(async move { drop(late.read().await) });
    });
    let readers = ["downgraded", "nameless", "reader"].map(|name| holder(name, 1, true));
    assert_eq!(holders(&dump, "writer"), readers, "{dump}");
    // It waits for the writer in front of it as well.
    let late = holders(&dump, "late");
    assert!(late.iter().any(|(name, ..)| name == "writer"), "{dump}");
}

/// Spawns a nameless task that holds the lock for reading, by a guard that was mapped.
fn spawn_nameless_reader(lock: &Arc<RwLock<()>>) {
    let lock = Arc::clone(lock);
    spawn(async move {
        let guard = lock.read().await;
        let _part = quintet::sync::RwLockReadGuard::map(guard, |part| part);
        pending::<()>().await;
    });
}

#[test]
fn forgotten_permits_have_no_holder() {
    let (dump, _) = dump_of(|_| {
        let semaphore = Arc::new(Semaphore::new(2));
        let [forgetful, waiting] = [(); 2].map(|()| Arc::clone(&semaphore));
        named("forgetful").spawn(async move {
            forgetful.acquire().await.unwrap().forget();
            let _kept = forgetful.acquire().await.unwrap();
            forgetful.forget_permits(5);
            pending::<()>().await;
        });
        named("waiting").spawn(async move { drop(waiting.acquire().await) });
    });
    assert_eq!(holders(&dump, "waiting"), [holder("forgetful", 1, true)]);
    assert_eq!(wait_of(&dump, "waiting").unknown_holders(), 0);
}

#[test]
fn a_task_that_initializes_a_cell_holds_it() {
    let (dump, _) = dump_of(|_| {
        let cell = Arc::new(OnceCell::new());
        let made = Arc::clone(&cell);
        named("maker").spawn(async move { *made.get_or_init(pending::<()>).await });
        named("waiting").spawn(async move { *cell.get_or_init(async || ()).await });
    });
    assert_eq!(holders(&dump, "waiting"), [holder("maker", 1, true)]);
}

#[test]
fn a_task_that_has_ended_is_told_as_uncertain() {
    let (dump, _) = dump_of(|_| {
        let lock = Arc::new(Mutex::new(()));
        let leaked = Arc::clone(&lock);
        named("ended").spawn(async move { std::mem::forget(leaked.lock().await) });
        named("waiting").spawn(async move { drop(lock.lock().await) });
    });
    assert_eq!(holders(&dump, "waiting"), [holder("gone", 1, false)]);
}

#[test]
fn an_aborted_task_holds_nothing() {
    let (dump, _) = dump_of(|runtime| {
        let lock = Arc::new(Mutex::new(()));
        let [aborted, next, last] = [(); 3].map(|()| Arc::clone(&lock));
        let task = named("aborted").spawn(async move {
            let _guard = aborted.lock().await;
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        task.abort();
        named("next").spawn(async move {
            let _guard = next.lock().await;
            pending::<()>().await;
        });
        named("last").spawn(async move { drop(last.lock().await) });
    });
    assert_eq!(holders(&dump, "last"), [holder("next", 1, true)]);
}

#[test]
fn other_threads_and_executors_are_unknown_holders() {
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder.track_waits(true).build().unwrap();
        let lock = Arc::new(Mutex::new(()));
        let (blocking, polling) = (Arc::clone(&lock), lock.lock());
        let guard = polling.now_or_never().expect("a free lock");
        let task = {
            let lock = Arc::clone(&blocking);
            let _entered = runtime.enter();
            named("waiting").spawn(async move { drop(lock.lock().await) })
        };
        runtime.run_until_stalled();
        let dump = runtime.dump();
        assert_eq!(wait_of(&dump, "waiting").unknown_holders(), 1);
        assert_eq!(holders(&dump, "waiting"), []);
        assert!(
            dump.to_string().contains("; held by something unknown"),
            "{dump}"
        );
        drop(guard);
        runtime.block_on(task).unwrap();
        let holding = thread::spawn(move || drop(blocking.blocking_lock()));
        holding.join().unwrap();
        assert!(lock.try_lock().is_ok());
    });
}

#[test]
fn a_blocking_job_holds_what_it_locks() {
    let (release, is_released) = std::sync::mpsc::channel::<()>();
    let (dump, _) = dump_of(|runtime| {
        let lock = Arc::new(Mutex::new(()));
        let locked = Arc::clone(&lock);
        let (holds, is_held) = std::sync::mpsc::channel();
        let job = named("job").spawn_blocking(move || {
            let _guard = locked.blocking_lock();
            holds.send(()).unwrap();
            is_released.recv()
        });
        job.unref();
        runtime.run_until_stalled();
        is_held.recv().unwrap();
        named("waiting").spawn(async move { drop(lock.lock().await) });
    });
    assert_eq!(holders(&dump, "waiting"), [holder("job", 1, true)]);
    drop(release);
}

/// Dumps read what threads of other executors change at the same time.
#[test]
fn dumps_are_taken_while_other_threads_use_the_lock() {
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder.track_waits(true).build().unwrap();
        let lock = Arc::new(Mutex::new(0_u64));
        let has_ended = Arc::new(AtomicBool::new(false));
        let threads = [(); 2].map(|()| {
            let (lock, has_ended) = (Arc::clone(&lock), Arc::clone(&has_ended));
            thread::spawn(move || {
                while !has_ended.load(Ordering::Relaxed) {
                    *lock.blocking_lock() += 1;
                }
            })
        });
        let handle: Handle = runtime.handle().clone();
        let dumping = thread::spawn(move || {
            for _ in 0..100 {
                for task in handle.dump().tasks() {
                    for wait in task.waits() {
                        if let WaitReason::Permits(wait) = wait {
                            let held = wait.holders().iter().map(|holder| holder.permits());
                            assert!(held.sum::<usize>() <= 1);
                        }
                    }
                }
            }
        });
        runtime.block_on(async {
            while !dumping.is_finished() {
                let tasks = [(); 3].map(|()| {
                    let lock = Arc::clone(&lock);
                    spawn(async move { *lock.lock().await += 1 })
                });
                for task in tasks {
                    task.await.unwrap();
                }
            }
        });
        has_ended.store(true, Ordering::Relaxed);
        dumping.join().unwrap();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn locks_of_the_past_are_not_kept() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let mut last = None;
            for _ in 0..1000 {
                let lock = Arc::new(Mutex::new(()));
                let guard = lock.lock().await;
                let waiting = Arc::clone(&lock);
                let task = spawn(async move { drop(waiting.lock().await) });
                yield_now().await;
                drop(guard);
                task.await.unwrap();
                last = Some(Arc::downgrade(&lock));
            }
            assert!(last.unwrap().upgrade().is_none());
            assert_eq!(Handle::current().dump().tasks().len(), 1);
        });
    });
}
