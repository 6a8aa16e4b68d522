//! `blocking::is_cancelled`: which jobs are asked to end, and when.

use std::sync::mpsc;
use std::thread;

use quintet::blocking::{self, Class, is_cancelled};
use quintet::runtime::{Builder, Handle};
use quintet::spawn_cpu;
use quintet::task::{AbortOnDropHandle, JoinHandle, JoinSet, yield_now};

use crate::support::patience::in_time;

/// A job that runs until it is cancelled, which its handle then resolves to.
fn until_cancelled(begun: mpsc::Sender<()>) -> impl FnOnce() -> &'static str + Send {
    move || {
        begun.send(()).unwrap();
        while !is_cancelled() {
            thread::yield_now();
        }
        "cancelled"
    }
}

/// Calls `test` with functions that spawn such a job, and wait until it runs.
fn each_spawn(
    test: impl AsyncFn(JoinHandle<&'static str>) -> Option<JoinHandle<&'static str>> + Send + 'static,
) {
    in_time(move || {
        quintet::block_on(async {
            for class in [Class::Plain, Class::Dns, Class::Cpu] {
                let (begun, begins) = mpsc::channel();
                let job = blocking::Builder::new().class(class);
                let job = job.spawn(until_cancelled(begun));
                begins.recv().unwrap();
                if let Some(job) = test(job).await {
                    assert_eq!(job.await.unwrap(), "cancelled");
                }
            }
            // Jobs that any thread may await.
            for is_cpu in [false, true] {
                let (begun, begins) = mpsc::channel();
                let handle = Handle::current();
                let job = if is_cpu {
                    handle.spawn_cpu(until_cancelled(begun))
                } else {
                    handle.spawn_blocking(until_cancelled(begun))
                };
                begins.recv().unwrap();
                if let Some(job) = test(job).await {
                    assert_eq!(job.await.unwrap(), "cancelled");
                }
            }
        });
    });
}

#[test]
fn a_job_learns_that_its_handle_was_aborted() {
    each_spawn(async |job| {
        job.abort();
        job.abort();
        Some(job)
    });
}

#[test]
fn an_abort_reaches_a_job_while_its_loop_is_blocked() {
    each_spawn(async |job| {
        let abort = job.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();
        // The loop runs only after this.
        let stats = || Handle::current().pool_stats();
        while stats().plain.running + stats().dns.running + stats().cpu.running > 0 {
            thread::yield_now();
        }
        Some(job)
    });
}

#[test]
fn sets_and_guards_abort_jobs_that_run() {
    in_time(|| {
        let runtime = Builder::new().cpu_threads(1).build().unwrap();
        runtime.block_on(async {
            let (begun, begins) = mpsc::channel();
            let mut set = JoinSet::new();
            set.spawn_cpu(until_cancelled(begun.clone()));
            set.spawn_blocking(until_cancelled(begun.clone()));
            begins.iter().take(2).for_each(drop);
            set.abort_all();
            assert_eq!(set.join_next().await.unwrap().unwrap(), "cancelled");
            assert_eq!(set.join_next().await.unwrap().unwrap(), "cancelled");

            set.spawn_cpu(until_cancelled(begun));
            begins.recv().unwrap();
            drop(set);
            // The only thread for computations is free again.
            spawn_cpu(|| ()).await.unwrap();
        });
    });
    // The end of the runtime would take its grace, if the job went on.
    each_spawn(async |job| {
        drop(AbortOnDropHandle::new(job));
        let stats = || Handle::current().pool_stats();
        while stats().plain.running + stats().dns.running + stats().cpu.running > 0 {
            yield_now().await;
        }
        None
    });
}

#[test]
fn an_abort_ends_one_job_and_not_the_next_of_its_thread() {
    in_time(|| {
        let runtime = Builder::new().cpu_threads(1).build().unwrap();
        runtime.block_on(async {
            let (begun, begins) = mpsc::channel();
            let first = spawn_cpu(until_cancelled(begun));
            let second = spawn_cpu(is_cancelled);
            begins.recv().unwrap();
            first.abort();
            first.await.unwrap();
            assert!(!second.await.unwrap());
            // The slot and its header have been used again.
            assert!(!spawn_cpu(is_cancelled).await.unwrap());
        });
    });
}

#[test]
fn what_is_no_job_is_not_cancelled() {
    assert!(!is_cancelled());
    in_time(|| {
        quintet::block_on(async {
            assert!(!is_cancelled());
            let (begun, begins) = mpsc::channel();
            let job = spawn_cpu(move || {
                until_cancelled(begun)();
                thread::spawn(is_cancelled).join().unwrap()
            });
            begins.recv().unwrap();
            job.abort();
            assert!(!job.await.unwrap(), "a thread that the job has started");
        });
    });
}

#[test]
fn a_job_in_a_job_has_a_flag_of_its_own() {
    in_time(|| {
        quintet::block_on(async {
            let (begun, begins) = mpsc::channel();
            let job = spawn_cpu(move || {
                until_cancelled(begun)();
                let inner = Builder::new().seed(1).build().unwrap();
                // It runs on this thread.
                let inner = inner.block_on(inner.spawn_cpu(is_cancelled)).unwrap();
                (inner, is_cancelled())
            });
            begins.recv().unwrap();
            job.abort();
            assert_eq!(job.await.unwrap(), (false, true));
        });
    });
}

#[test]
fn a_shutdown_asks_running_jobs_to_end() {
    in_time(|| {
        let runtime = Builder::new().cpu_threads(1).build().unwrap();
        let (begun, begins) = mpsc::channel();
        let (sender, results) = mpsc::channel();
        for class in [Class::Plain, Class::Dns, Class::Cpu] {
            let (begun, sender) = (begun.clone(), sender.clone());
            let _guard = runtime.enter();
            drop(blocking::Builder::new().class(class).spawn(move || {
                sender.send(until_cancelled(begun)()).unwrap();
            }));
        }
        begins.iter().take(3).for_each(drop);

        drop(runtime);

        drop(sender);
        assert_eq!(Vec::from_iter(results), ["cancelled"; 3]);
    });
}
