//! The queue of jobs with a limit: jobs that are refused, and tasks that wait for room.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::Waker;
use std::thread;

use quintet::blocking::{self, Class};
use quintet::runtime::{Builder, Handle, Runtime};
use quintet::task::{JoinHandle, yield_now};
use quintet::{spawn, spawn_blocking, spawn_cpu};

use crate::support::patience::in_time;
use crate::support::turns::settle;
use crate::support::wakers::{block_on_by_parking, poll_with};

/// A runtime with one worker, one thread for computations, and room for two jobs of each class.
fn with_little_room(test: impl AsyncFnOnce() + Send + 'static) {
    in_time(|| little_room().block_on(test()));
}

fn little_room() -> Runtime {
    let mut builder = Builder::new();
    builder.worker_threads(1).cpu_threads(1).max_queued_jobs(2);
    builder.build().unwrap()
}

fn cpu() -> blocking::Builder {
    blocking::Builder::new().class(Class::Cpu)
}

/// Keeps the thread for computations busy until the sender is dropped.
fn hold() -> (mpsc::Sender<()>, JoinHandle<()>) {
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let job = spawn_cpu(move || {
        started.send(()).unwrap();
        assert!(released.recv().is_err());
    });
    starts.recv().unwrap();
    (release, job)
}

#[test]
fn a_job_too_many_is_refused_and_given_back() {
    with_little_room(async || {
        let (release, held) = hold();
        let first = cpu().try_spawn(|| 1).unwrap();
        let second = cpu().try_spawn(|| 2).unwrap();
        let full = cpu().try_spawn(|| 3).unwrap_err();
        assert_eq!(full.to_string(), "the queue of blocking jobs is full");
        let f = full.into_inner();
        // The other class has room, and a job that does not ask enters.
        let other = blocking::Builder::new().try_spawn(|| 4).unwrap();
        let above = spawn_cpu(|| 5);
        assert_eq!(Handle::current().pool_stats().cpu.queued, 3);
        assert_eq!(other.await.unwrap(), 4);

        drop(release);

        held.await.unwrap();
        assert_eq!(first.await.unwrap(), 1);
        assert_eq!(second.await.unwrap(), 2);
        assert_eq!(above.await.unwrap(), 5);
        assert_eq!(cpu().try_spawn(f).unwrap().await.unwrap(), 3);
    });
}

#[test]
fn tasks_get_room_in_the_order_in_which_they_wait() {
    with_little_room(async || {
        let (release, _held) = hold();
        let queued = [spawn_cpu(|| ()), spawn_cpu(|| ())];
        let order = Rc::new(RefCell::new(Vec::new()));
        let (ran, runs) = mpsc::channel();
        let tasks: Vec<_> = (0..10)
            .map(|number| {
                let (order, ran) = (Rc::clone(&order), ran.clone());
                spawn(async move {
                    let job = cpu().spawn_when_room(move || ran.send(number).unwrap());
                    let job = job.await;
                    order.borrow_mut().push(number);
                    job.await.unwrap();
                })
            })
            .collect();
        settle().await;
        yield_now().await;
        assert!(order.borrow().is_empty());
        assert!(cpu().try_spawn(|| ()).is_err(), "it would overtake them");

        drop(release);

        for task in tasks {
            task.await.unwrap();
        }
        for job in queued {
            job.await.unwrap();
        }
        assert_eq!(*order.borrow(), Vec::from_iter(0..10));
        assert_eq!(Vec::from_iter(runs.try_iter()), Vec::from_iter(0..10));
        assert!(cpu().try_spawn(|| ()).is_ok());
    });
}

#[test]
fn the_queue_stays_within_its_limit() {
    with_little_room(async || {
        for number in 0..1000 {
            drop(cpu().spawn_when_room(move || number).await);
            assert!(Handle::current().pool_stats().cpu.queued <= 2);
        }
    });
}

#[test]
fn a_job_that_is_aborted_makes_room_at_once() {
    with_little_room(async || {
        let (release, _held) = hold();
        let queued = [spawn_cpu(|| ()), spawn_cpu(|| ())];
        let waiting = spawn(async { cpu().spawn_when_room(|| 7).await.await });
        settle().await;

        queued[0].abort();
        // The thread is still held.
        while Handle::current().pool_stats().cpu.cancelled == 0 {
            yield_now().await;
        }
        settle().await;

        assert_eq!(Handle::current().pool_stats().cpu.queued, 2);
        assert!(cpu().try_spawn(|| ()).is_err(), "the task has taken it");
        drop(release);
        assert_eq!(waiting.await.unwrap().unwrap(), 7);
    });
}

#[test]
fn a_wait_that_is_dropped_leaves_nothing_and_passes_room_on() {
    with_little_room(async || {
        for with_room in [false, true] {
            let (release, held) = hold();
            let queued = [spawn_cpu(|| ()), spawn_cpu(|| ())];
            let alive = Arc::new(());
            let kept = Arc::clone(&alive);
            let mut dropped = Box::pin(cpu().spawn_when_room(move || drop(kept)));
            let mut next = Box::pin(cpu().spawn_when_room(|| 7));
            assert!(poll_with(&mut dropped, Waker::noop()).is_pending());
            assert!(poll_with(&mut next, Waker::noop()).is_pending());
            if with_room {
                drop(release);
                held.await.unwrap();
                for job in queued {
                    job.await.unwrap();
                }
                drop(dropped);
                assert_eq!(next.await.await.unwrap(), 7);
            } else {
                drop(dropped);
                drop(release);
                assert_eq!(next.await.await.unwrap(), 7);
            }
            assert_eq!(Arc::strong_count(&alive), 1);
            while Handle::current().pool_stats().cpu.queued > 0 {
                yield_now().await;
            }
        }
        assert!(cpu().try_spawn(|| ()).is_ok());
        assert!(cpu().try_spawn(|| ()).is_ok());
    });
}

#[test]
fn a_task_that_waits_for_room_keeps_the_loop_alive_and_is_in_the_dump() {
    in_time(|| {
        let runtime = little_room();
        let (release, released) = mpsc::channel::<()>();
        let first = runtime.spawn_cpu(move || assert!(released.recv().is_err()));
        let more = [runtime.spawn_cpu(|| ()), runtime.spawn_cpu(|| ())];
        let waiting = runtime.spawn(async {
            spawn_cpu(|| ()).await.unwrap();
            cpu().spawn_when_room(|| 7).await.await.unwrap()
        });
        let waits = runtime.spawn(async { cpu().spawn_when_room(|| 7).await.await.unwrap() });
        runtime.run_until_stalled();
        let dump = runtime.dump().to_string();
        assert!(
            dump.contains("room in the queue of blocking jobs"),
            "{dump}"
        );

        drop(release);
        runtime.run().unwrap();

        assert!(first.is_finished() && more.iter().all(JoinHandle::is_finished));
        assert!(waiting.is_finished() && waits.is_finished());
    });
}

#[test]
fn another_thread_waits_for_room_until_the_runtime_ends() {
    in_time(|| {
        let runtime = little_room();
        let handle = runtime.handle().clone();
        let (release, released) = mpsc::channel::<()>();
        let first = runtime.spawn_cpu(move || assert!(released.recv().is_err()));
        let (waits, waiting) = mpsc::channel();
        let thread = thread::spawn(move || {
            let _guard = handle.enter();
            // Room for two.
            while handle.pool_stats().cpu.running == 0 {
                thread::yield_now();
            }
            drop([(); 2].map(|()| cpu().try_spawn(|| ()).unwrap()));
            let mut job = Box::pin(cpu().spawn_when_room(|| 7));
            assert!(poll_with(&mut job, Waker::noop()).is_pending());
            waits.send(()).unwrap();
            let job = block_on_by_parking(job);
            block_on_by_parking(job)
        });
        waiting.recv().unwrap();
        let abort = first.abort_handle();

        // The job that runs ends only after this, so no room comes up meanwhile.
        let shutdown = thread::spawn(move || {
            let error = thread.join().unwrap().unwrap_err();
            drop(release);
            error
        });
        drop(runtime);

        assert!(shutdown.join().unwrap().is_cancelled());
        assert!(abort.is_finished());
    });
}

#[test]
fn under_a_seed_there_is_a_limit_too() {
    for seed in 0..20 {
        let mut builder = Builder::new();
        let runtime = builder.seed(seed).max_queued_jobs(2).build().unwrap();
        let sum = runtime.block_on(async {
            let mut sum = 0;
            let mut jobs = Vec::new();
            for number in 0..20 {
                jobs.push(cpu().spawn_when_room(move || number).await);
                assert!(Handle::current().pool_stats().cpu.queued <= 2);
            }
            for job in jobs {
                sum += job.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 190);
    }
}

#[test]
fn a_name_reaches_the_job() {
    with_little_room(async || {
        let (release, held) = hold();
        let named = cpu().name("named").try_spawn(|| ()).unwrap();
        let dump = Handle::current().dump().to_string();
        assert!(dump.contains("named"), "{dump}");
        drop(release);
        held.await.unwrap();
        named.await.unwrap();
    });
}

#[test]
fn room_is_needed_only_until_a_job_begins() {
    with_little_room(async || {
        let (release, _held) = hold();
        assert!(cpu().try_spawn(|| ()).is_ok());
        drop(release);
        while Handle::current().pool_stats().cpu.queued > 0 {
            yield_now().await;
        }
        let jobs = [(); 2].map(|()| spawn_blocking(|| ()));
        for job in jobs {
            job.await.unwrap();
        }
        let stats = Handle::current().pool_stats();
        assert_eq!((stats.plain.queued, stats.plain.running), (0, 0));
    });
}
