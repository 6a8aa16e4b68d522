//! A task is over when its handle says so: its future or closure is gone by then.

use std::future::{pending, ready};
use std::pin::Pin;
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use quintet::runtime::{Handle, Runtime};
use quintet::task::{AbortHandle, JoinHandle, JoinSet, scope, yield_now};
use quintet::{spawn, spawn_blocking};

use super::{on_a_loop, settle, without_runtime};
use crate::support::cases::watched;

/// Part of a future or closure: notes whether its handle says that it is over.
struct Part {
    handle: Arc<OnceLock<AbortHandle>>,
    verdicts: mpsc::Sender<bool>,
}

impl Drop for Part {
    fn drop(&mut self) {
        // One that was refused has no handle yet.
        let handle = self.handle.get();
        let is_over = handle.is_some_and(AbortHandle::is_finished);
        self.verdicts.send(is_over).unwrap();
    }
}

/// What is known of one [`Part`].
struct Watch {
    handle: Arc<OnceLock<AbortHandle>>,
    verdicts: mpsc::Receiver<bool>,
}

fn part() -> (Part, Watch) {
    let handle = Arc::new(OnceLock::new());
    let (sender, verdicts) = mpsc::channel();
    let part = Part {
        handle: Arc::clone(&handle),
        verdicts: sender,
    };
    (part, Watch { handle, verdicts })
}

impl Watch {
    fn has<T>(&self, handle: &JoinHandle<T>) {
        self.handle.set(handle.abort_handle()).unwrap();
    }

    /// To be called when the handle has said that it is over.
    #[track_caller]
    fn check(&self) {
        let verdict = self.verdicts.try_recv();
        assert_eq!(verdict, Ok(false), "it is dropped before, and not later");
    }
}

type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

type Make = fn(Part) -> Future<()>;
type Closure = Box<dyn FnOnce() + Send>;

/// Futures that hold a part and end in each of the ways, and whether they are to be aborted.
fn futures() -> Vec<(Make, bool)> {
    fn ends(part: Part) -> Future<()> {
        Box::pin(async move {
            yield_now().await;
            drop(part);
        })
    }
    /// The future itself holds it, and has it still when it has ended.
    fn is_ready(part: Part) -> Future<()> {
        struct Holds(#[expect(dead_code, reason = "it is dropped")] Part);
        impl std::future::Future for Holds {
            type Output = ();
            fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
                Pin::new(&mut ready(())).poll(cx)
            }
        }
        Box::pin(Holds(part))
    }
    fn panics(part: Part) -> Future<()> {
        Box::pin(async move {
            let _part = part;
            std::panic::resume_unwind(Box::new("quietly"));
        })
    }
    fn waits(part: Part) -> Future<()> {
        Box::pin(async move {
            let _part = part;
            pending::<()>().await;
        })
    }
    vec![
        (ends, false),
        (is_ready, false),
        (panics, false),
        (waits, true),
    ]
}

#[test]
fn a_future_is_gone_when_its_handle_completes() {
    let ways: [fn(Future<()>) -> JoinHandle<()>; 3] = [
        |future| spawn(future),
        |future| Handle::current().spawn(future),
        |future| {
            let handle = Handle::current();
            let thread = thread::spawn(move || handle.spawn(future));
            thread.join().unwrap()
        },
    ];
    for spawn in ways {
        for (future, aborts) in futures() {
            // Aborted before its first poll, and after.
            for turns in 0..3 {
                on_a_loop(async || {
                    let (part, watch) = part();
                    let task = spawn(future(part));
                    watch.has(&task);
                    for _ in 0..turns {
                        yield_now().await;
                    }
                    if aborts {
                        task.abort();
                    }
                    assert_eq!(task.await.is_err_and(|error| error.is_cancelled()), aborts);
                    watch.check();
                });
            }
        }
    }
}

#[test]
fn other_threads_hear_of_the_end_when_the_future_is_gone() {
    watched(|| {
        let runtime = Runtime::new().unwrap();
        for (future, aborts) in futures() {
            let handle = runtime.handle().clone();
            let guard = handle.keep_alive();
            let thread = thread::spawn(move || {
                let _guard = guard;
                let (part, watch) = part();
                let task = handle.spawn(future(part));
                watch.has(&task);
                if aborts {
                    task.abort();
                }
                let _ended = without_runtime(task);
                watch.check();
            });
            runtime.run().unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn the_future_of_a_set_is_gone_when_it_is_joined() {
    on_a_loop(async || {
        for (future, aborts) in futures() {
            let mut set = JoinSet::new();
            let mut watches = Vec::new();
            for is_remote in [false, true] {
                let (part, watch) = part();
                let abort = if is_remote {
                    set.spawn_on(future(part), &Handle::current())
                } else {
                    set.spawn(future(part))
                };
                watch.handle.set(abort).unwrap();
                watches.push(watch);
            }
            if aborts {
                set.abort_all();
            }
            while set.join_next().await.is_some() {}
            watches.iter().for_each(Watch::check);
        }
    });
}

#[test]
fn a_closure_is_gone_when_its_handle_completes() {
    let ways: [fn(Closure) -> JoinHandle<()>; 3] = [
        |f| spawn_blocking(f),
        |f| Handle::current().spawn_blocking(f),
        |f| {
            let handle = Handle::current();
            let thread = thread::spawn(move || handle.spawn_blocking(f));
            thread.join().unwrap()
        },
    ];
    for spawn in ways {
        for panics in [false, true] {
            on_a_loop(async || {
                let (part, watch) = part();
                let (go, goes) = mpsc::channel::<()>();
                let job = spawn(Box::new(move || {
                    let _part = part;
                    goes.recv().unwrap_err();
                    if panics {
                        std::panic::resume_unwind(Box::new("quietly"));
                    }
                }));
                watch.has(&job);
                drop(go);
                assert_eq!(job.await.is_err(), panics);
                watch.check();
            });
        }
    }
}

/// Keeps the one worker of a runtime busy until the returned value is dropped.
fn hold_the_worker(runtime: &Runtime) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (starts, started) = mpsc::channel();
    drop(runtime.handle().spawn_blocking(move || {
        starts.send(()).unwrap();
        released.recv().unwrap_err();
    }));
    started.recv().unwrap();
    release
}

#[test]
fn the_closure_of_a_queued_job_that_is_aborted_is_gone_when_its_handle_completes() {
    watched(|| {
        let runtime = Runtime::builder().worker_threads(1).build().unwrap();
        let release = hold_the_worker(&runtime);
        runtime.block_on(async {
            let (first, first_watch) = part();
            let (second, second_watch) = part();
            let here = spawn_blocking(move || drop(first));
            let elsewhere = Handle::current().spawn_blocking(move || drop(second));
            first_watch.has(&here);
            second_watch.has(&elsewhere);
            here.abort();
            elsewhere.abort();
            assert!(
                first_watch.verdicts.try_recv().is_err()
                    && second_watch.verdicts.try_recv().is_err(),
                "nothing is dropped inside of an abort"
            );
            assert!(here.await.unwrap_err().is_cancelled());
            first_watch.check();
            assert!(elsewhere.await.unwrap_err().is_cancelled());
            second_watch.check();
        });
        drop(release);
    });
}

#[test]
fn an_aborted_job_ends_even_while_its_loop_does_not_run() {
    watched(|| {
        let runtime = Runtime::builder().worker_threads(1).build().unwrap();
        let release = hold_the_worker(&runtime);
        let (part, watch) = part();
        let job = runtime.handle().spawn_blocking(move || drop(part));
        watch.has(&job);
        job.abort();
        drop(release);
        // The worker comes to it, and does not begin it.
        assert!(without_runtime(job).unwrap_err().is_cancelled());
        watch.check();
    });
}

#[test]
fn what_the_end_cancels_is_gone_when_its_handle_says_so() {
    watched(|| {
        // It leaves the job behind that holds the worker, and would say so.
        let mut builder = Runtime::builder();
        let runtime = builder.quiet().worker_threads(1).build().unwrap();
        let release = hold_the_worker(&runtime);
        let waits = |part: Part| async move {
            let _part = part;
            pending::<()>().await;
        };
        let (parts, watches): (Vec<_>, Vec<_>) = (0..6).map(|_| part()).unzip();
        let mut parts = parts.into_iter();
        let mut next = || parts.next().unwrap();
        let remote = runtime.handle().clone();
        let late = waits(next());
        let jobs = [next(), next(), next()].map(|part| move || drop(part));
        let [queued, elsewhere, aborted] = jobs;
        let handles = [
            runtime.spawn(waits(next())),
            runtime.handle().spawn(waits(next())),
            // Its message is no longer fetched.
            thread::spawn(move || remote.spawn(late)).join().unwrap(),
            runtime.spawn_blocking(queued),
            runtime.handle().spawn_blocking(elsewhere),
            runtime.handle().spawn_blocking(aborted),
        ];
        handles[5].abort();
        for (watch, handle) in [4, 5, 0, 1, 2, 3]
            .map(|n| &watches[n])
            .into_iter()
            .zip(&handles)
        {
            watch.has(handle);
        }
        let ends = thread::spawn(move || {
            while !handles.iter().all(JoinHandle::is_finished) {
                thread::yield_now();
            }
            watches.iter().for_each(Watch::check);
        });
        runtime.shutdown_background();
        drop(release);
        ends.join().unwrap();
    });
}

#[test]
fn a_child_of_a_scope_is_gone_when_its_handle_completes() {
    on_a_loop(async || {
        for (future, aborts) in futures().into_iter().filter(|(_, aborts)| *aborts) {
            let (part, watch) = part();
            scope(async |s| {
                let child = s.spawn(future(part));
                settle().await;
                child.abort();
                assert_eq!(child.await.is_err(), aborts);
                assert!(watch.verdicts.try_recv().is_ok());
            })
            .await;
        }
        let (part, watch) = part();
        scope(async |s| {
            let child = s.spawn(async move {
                let _part = part;
                yield_now().await;
            });
            child.await.unwrap();
            assert!(watch.verdicts.try_recv().is_ok());
        })
        .await;
    });
}
