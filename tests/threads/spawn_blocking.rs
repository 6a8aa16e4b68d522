//! Blocking jobs: which thread runs them, when their results arrive, and how they end.

use std::cell::RefCell;
use std::collections::HashSet;
use std::error::Error as _;
use std::future::pending;
use std::io;
use std::panic::panic_any;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures::FutureExt as _;
use quintet::runtime::{Builder, Handle, Report, Runtime};
use quintet::task::{AbortHandle, JoinHandle, set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::support::child::{child, in_a_child};
use crate::support::drops::{OnDrop, PanicsWhenDropped, TellsWhereItIsDropped};
use crate::support::log::Log;
use crate::support::patience::in_time;
use crate::support::reports::Reports;
use crate::support::strict::{block_on_built_by, take_reports};
use crate::support::turns::{on_a_loop, settle};
use crate::support::wakers::block_on_by_parking;

/// No machine has so much address space for a stack.
const ABSURD_STACK_SIZE: usize = 1 << 60;

#[test]
fn a_job_runs_on_a_worker_and_its_result_comes_home() {
    on_a_loop(async || {
        let here = thread::current().id();

        let (there, name) = spawn_blocking(|| {
            let thread = thread::current();
            (thread.id(), thread.name().map(str::to_owned))
        })
        .await
        .unwrap();

        assert_ne!(there, here);
        assert_eq!(name.as_deref(), Some("quintet-worker-0"));
    });
}

#[test]
fn workers_are_named_as_the_builder_says() {
    on_one_worker(Runtime::builder().thread_name("mine"), async || {
        let name = spawn_blocking(|| thread::current().name().map(str::to_owned));

        assert_eq!(name.await.unwrap().as_deref(), Some("mine-0"));
    });
}

#[test]
fn a_result_stays_out_of_its_handle_until_the_poll_phase() {
    on_one_worker(&mut Runtime::builder(), async || {
        let mut job = spawn_blocking(|| "result");
        block_until_workers_are_through();

        assert!(!job.is_finished());
        assert!((&mut job).now_or_never().is_none());
        settle().await;
        assert!(!job.is_finished(), "the ready queue is not the poll phase");
        assert!((&mut job).now_or_never().is_none());
        yield_now().await;

        assert!(job.is_finished());
        assert_eq!(job.now_or_never().unwrap().unwrap(), "result");
    });
}

#[test]
fn results_come_after_ready_tasks_and_before_immediates_in_the_order_of_their_end() {
    on_one_worker(&mut Runtime::builder(), async || {
        let log = Log::default();
        let jobs = ["first job", "second job"].map(|name| {
            let (log, job) = (log.clone(), spawn_blocking(move || name));
            spawn(async move { log.add(job.await.unwrap()) })
        });
        settle().await;
        block_until_workers_are_through();

        let immediate = set_immediate({
            let log = log.clone();
            move || log.add("immediate")
        });
        let ready = spawn({
            let log = log.clone();
            async move { log.add("ready") }
        });
        immediate.await.unwrap();

        assert_eq!(
            log.lines(),
            ["ready", "first job", "second job", "immediate"]
        );
        assert!(ready.is_finished() && jobs.iter().all(JoinHandle::is_finished));
    });
}

#[test]
fn one_worker_runs_jobs_in_the_order_of_spawning() {
    on_one_worker(&mut Runtime::builder(), async || {
        let order = Arc::new(Mutex::new(Vec::new()));
        let jobs: Vec<_> = (0..200)
            .map(|number| {
                let order = Arc::clone(&order);
                spawn_blocking(move || order.lock().unwrap().push(number))
            })
            .collect();

        for job in jobs {
            job.await.unwrap();
        }

        assert_eq!(*order.lock().unwrap(), Vec::from_iter(0..200));
    });
}

#[test]
fn the_fifth_job_waits_for_one_of_four_and_the_loop_goes_on() {
    let run = || {
        let runtime = Runtime::builder().worker_threads(4).build().unwrap();
        runtime.block_on(async {
            let (started, starts) = mpsc::channel();
            let (releases, jobs): (Vec<_>, Vec<_>) = (0..4)
                .map(|number| {
                    let started = started.clone();
                    let (release, released) = mpsc::channel::<()>();
                    let job = spawn_blocking(move || {
                        started.send(thread::current().id()).unwrap();
                        assert!(released.recv().is_err());
                        number
                    });
                    (release, job)
                })
                .unzip();
            let threads: HashSet<ThreadId> = starts.iter().take(4).collect();
            assert_eq!(threads.len(), 4);

            let has_begun = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&has_begun);
            let fifth = spawn_blocking(move || flag.store(true, Ordering::Relaxed));
            sleep(Duration::from_millis(2)).await;
            spawn(async {}).await.unwrap();
            assert!(!has_begun.load(Ordering::Relaxed));
            let mut releases = releases.into_iter();
            drop(releases.next_back());
            fifth.await.unwrap();

            assert!(has_begun.load(Ordering::Relaxed));
            assert!(jobs[..3].iter().all(|job| !job.is_finished()));
            drop(releases);
            for (number, job) in jobs.into_iter().enumerate() {
                assert_eq!(job.await.unwrap(), number);
            }
        });
    };
    in_time(run);
}

#[test]
fn thousands_of_jobs_run_once_each() {
    on_a_loop(async || {
        let ran = Arc::new(AtomicUsize::new(0));
        let mut jobs = Vec::new();
        for number in 0..5000 {
            let ran = Arc::clone(&ran);
            jobs.push(spawn_blocking(move || {
                ran.fetch_add(1, Ordering::Relaxed);
                number
            }));
            if number % 100 == 0 {
                yield_now().await;
            }
        }

        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), number);
        }

        assert_eq!(ran.load(Ordering::Relaxed), 5000);
    });
}

#[test]
fn the_loop_sleeps_between_results_and_misses_none() {
    on_a_loop(async || {
        for number in 0..500 {
            assert_eq!(spawn_blocking(move || number).await.unwrap(), number);
        }
    });
}

#[test]
fn a_job_may_come_before_its_runtime_runs() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let job = runtime.spawn_blocking(|| "early");
        let other = runtime.handle().spawn_blocking(|| "from the handle");

        let outcomes = runtime.block_on(async { (job.await.unwrap(), other.await.unwrap()) });

        assert_eq!(outcomes, ("early", "from the handle"));
    });
}

#[test]
fn a_job_goes_on_without_its_handle() {
    on_a_loop(async || {
        let (sender, receiver) = futures::channel::oneshot::channel();

        drop(spawn_blocking(move || sender.send("done")));

        assert_eq!(receiver.await, Ok("done"));
    });
}

#[test]
fn a_panic_is_in_the_handle_and_the_worker_lives_on() {
    on_one_worker(&mut Runtime::builder(), async || {
        let worker = || spawn_blocking(|| thread::current().id());
        let before = worker().await.unwrap();

        let text: JoinHandle<()> = spawn_blocking(|| panic!("of a job"));
        let number: JoinHandle<()> = Handle::current().spawn_blocking(|| panic_any(7_u8));
        let text = text.await.unwrap_err();
        let number = number.await.unwrap_err();

        assert!(text.is_panic() && number.is_panic());
        assert!(text.to_string().contains("of a job"), "{text}");
        assert_eq!(*number.into_panic().downcast::<u8>().unwrap(), 7);
        assert_eq!(worker().await.unwrap(), before);
    });
}

#[test]
fn panics_in_the_destructors_of_jobs_and_results_affect_nothing_else() {
    on_one_worker(&mut Runtime::builder(), async || {
        let before = spawn_blocking(|| thread::current().id()).await.unwrap();
        let guard = || PanicsWhenDropped("of a job's destructor");

        drop(spawn_blocking(guard));
        drop(Handle::current().spawn_blocking(guard));
        let payload: JoinHandle<()> = spawn_blocking(move || panic_any(guard()));
        drop(payload);
        let payload: JoinHandle<()> = Handle::current().spawn_blocking(move || panic_any(guard()));
        drop(payload);
        let hold = hold_a_worker();
        let captured = guard();
        let queued = spawn_blocking(move || drop(captured));
        let captured = guard();
        let other = Handle::current().spawn_blocking(move || drop(captured));
        queued.abort();
        other.abort();

        assert!(queued.await.unwrap_err().is_cancelled());
        assert!(other.await.unwrap_err().is_cancelled());
        drop(hold);
        assert_eq!(
            spawn_blocking(|| thread::current().id()).await.unwrap(),
            before
        );

        let reports = take_reports();
        let is_of_task = |report: &&Report| matches!(report, Report::TaskPanicked { .. });
        assert_eq!(reports.len(), 4, "{reports:?}");
        assert_eq!(reports.iter().filter(is_of_task).count(), 2, "{reports:?}");
    });
}

#[test]
fn a_job_that_is_aborted_while_it_waits_never_runs() {
    on_one_worker(&mut Runtime::builder(), async || {
        let hold = hold_a_worker();
        let alive = Arc::new(());
        let never = || {
            let alive = Arc::clone(&alive);
            move || unreachable!("it is aborted: {alive:?}")
        };
        let here: JoinHandle<()> = spawn_blocking(never());
        let elsewhere: JoinHandle<()> = spawn_blocking(never());
        let other: JoinHandle<()> = Handle::current().spawn_blocking(never());

        here.abort();
        let abort = elsewhere.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();
        other.abort();

        assert!(
            here.await.unwrap_err().is_cancelled(),
            "the worker is still held"
        );
        assert!(elsewhere.await.unwrap_err().is_cancelled());
        assert!(other.await.unwrap_err().is_cancelled());
        drop(hold);
        block_until_workers_are_through();
        assert_eq!(Arc::strong_count(&alive), 1, "the closures are gone");
    });
}

#[test]
fn a_job_does_not_begin_once_it_is_aborted_even_while_its_loop_is_busy() {
    on_one_worker(&mut Runtime::builder(), async || {
        let hold = hold_a_worker();
        let has_begun = Arc::new(AtomicBool::new(false));
        let work = || {
            let has_begun = Arc::clone(&has_begun);
            move || has_begun.store(true, Ordering::Relaxed)
        };
        let jobs = [
            spawn_blocking(work()),
            spawn_blocking(work()),
            Handle::current().spawn_blocking(work()),
        ];

        jobs[0].abort();
        let aborts = [1, 2].map(|number: usize| jobs[number].abort_handle());
        let thread = thread::spawn(move || aborts.iter().for_each(AbortHandle::abort));
        thread.join().unwrap();
        drop(hold);
        block_until_workers_are_through();

        assert!(!has_begun.load(Ordering::Relaxed));
        for job in jobs {
            assert!(job.await.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_job_that_is_aborted_while_it_runs_goes_on_and_gives_its_result() {
    on_a_loop(async || {
        for is_from_handle in [false, true] {
            let (started, starts) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let work = move || {
                started.send(()).unwrap();
                assert!(released.recv().is_err());
                "result"
            };
            let job = if is_from_handle {
                Handle::current().spawn_blocking(work)
            } else {
                spawn_blocking(work)
            };
            starts.recv().unwrap();

            job.abort();
            settle().await;
            let abort = job.abort_handle();
            thread::spawn(move || abort.abort()).join().unwrap();
            yield_now().await;
            settle().await;
            assert!(!job.is_finished());
            drop(release);

            assert_eq!(job.await.unwrap(), "result");
        }
    });
}

#[test]
fn a_result_that_is_on_its_way_is_not_lost_to_an_abort_from_another_thread() {
    on_one_worker(&mut Runtime::builder(), async || {
        let job = spawn_blocking(|| "result");
        block_until_workers_are_through();

        // The worker's wake stands in the inbox, so this abort sends none of its own.
        let abort = job.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();

        assert_eq!(job.await.unwrap(), "result");
    });
}

#[test]
fn a_result_that_is_on_its_way_is_not_lost_to_an_abort_from_its_own_loop() {
    on_one_worker(&mut Runtime::builder(), async || {
        let job = spawn_blocking(|| "result");
        block_until_workers_are_through();

        job.abort();

        assert_eq!(job.await.unwrap(), "result");
    });
}

#[test]
fn a_result_that_is_left_over_is_not_lost_to_an_abort_from_its_own_loop() {
    for budget in 1..8 {
        on_one_worker(Runtime::builder().phase_budget(budget), async || {
            let hold = hold_a_worker();
            let jobs: Vec<_> = (0..6)
                .map(|number| spawn_blocking(move || number))
                .collect();
            let aborts: Rc<[_]> = jobs.iter().map(JoinHandle::abort_handle).collect();
            // A task that has its result aborts all the others, whose results may be in pending
            // then.
            let waiters: Vec<_> = jobs
                .into_iter()
                .map(|job| {
                    let aborts = Rc::clone(&aborts);
                    spawn(async move {
                        let result = job.await;
                        aborts.iter().for_each(AbortHandle::abort);
                        result.unwrap()
                    })
                })
                .collect();
            for _ in 0..20 {
                yield_now().await;
            }
            drop(hold);
            block_until_workers_are_through();

            for (number, waiter) in waiters.into_iter().enumerate() {
                assert_eq!(waiter.await.unwrap(), number);
            }
        });
    }
}

#[test]
fn a_job_that_finds_no_thread_fails_with_the_systems_error() {
    let run = || {
        let mut builder = Runtime::builder();
        let runtime = builder
            .thread_stack_size(ABSURD_STACK_SIZE)
            .build()
            .unwrap();
        runtime.block_on(async {
            let alive = Arc::new(());
            for is_from_handle in [false, true] {
                let held = Arc::clone(&alive);
                let work = move || drop(held);
                let job = if is_from_handle {
                    Handle::current().spawn_blocking(work)
                } else {
                    spawn_blocking(work)
                };
                let id = job.id();
                assert_eq!(Arc::strong_count(&alive), 1, "the closure is gone");
                assert!(job.is_finished());
                job.abort();

                let error = job.await.unwrap_err();

                assert!(!error.is_cancelled() && !error.is_panic());
                assert_eq!(error.id(), id);
                assert!(error.to_string().contains("no worker thread"), "{error}");
                assert!(error.source().is_some());
                let error = io::Error::from(error);
                // Not `WouldBlock`, which the OS says: nothing will become ready.
                assert_eq!(error.kind(), io::ErrorKind::Other, "{error}");
                assert!(
                    error.to_string().contains("cannot start a worker thread"),
                    "{error}"
                );
            }
            yield_now().await;
            assert_eq!(
                spawn(async { "the loop goes on" }).await.unwrap(),
                "the loop goes on"
            );
        });
    };
    in_time(run);
}

#[test]
fn the_destructor_of_a_job_that_finds_no_thread_may_use_runtimes() {
    let test = "spawn_blocking::the_destructor_of_a_job_that_finds_no_thread_may_use_runtimes";
    in_a_child(child(test), || {
        let mut builder = Runtime::builder();
        let runtime = builder
            .thread_stack_size(ABSURD_STACK_SIZE)
            .build()
            .unwrap();
        runtime.block_on(async {
            let is_through = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&is_through);
            let guard = OnDrop(Some(move || {
                assert!(!spawn(async {}).is_finished());
                let other = Runtime::new().unwrap();
                drop(other.spawn(async {}));
                drop(other);
                flag.store(true, Ordering::Relaxed);
            }));

            let job = spawn_blocking(move || drop(guard));

            assert!(job.await.is_err());
            assert!(is_through.load(Ordering::Relaxed));
        });
    });
}

#[test]
fn an_idle_worker_ends_after_its_time() {
    let mut builder = Runtime::builder();
    builder.thread_keep_alive(Duration::from_millis(1));
    on_one_worker(&mut builder, async || {
        thread_local! {
            static ENDS: RefCell<Option<TellsWhereItIsDropped>> = const { RefCell::new(None) };
        }
        let (drops, dropped_on) = mpsc::channel();
        let worker = spawn_blocking(move || {
            ENDS.set(Some(TellsWhereItIsDropped(drops)));
            thread::current().id()
        });
        let worker = worker.await.unwrap();

        assert_eq!(dropped_on.recv(), Ok(worker));

        assert_eq!(spawn_blocking(|| "another").await.unwrap(), "another");
    });
}

#[test]
fn a_job_may_run_a_runtime_of_its_own_and_spawn_through_handles() {
    on_a_loop(async || {
        let handle = Handle::current();

        let sum = spawn_blocking(move || {
            let here = quintet::block_on(async { spawn_blocking(|| 1).await.unwrap() });
            let there = block_on_by_parking(handle.spawn_blocking(|| 2)).unwrap();
            let home = block_on_by_parking(handle.spawn(async { 4 })).unwrap();
            here + there + home
        });

        assert_eq!(sum.await.unwrap(), 7);
    });
}

#[test]
fn a_job_from_a_handle_can_be_awaited_by_another_executor() {
    on_a_loop(async || {
        let handle = Handle::current();
        let (done, is_done) = futures::channel::oneshot::channel();

        let thread = thread::spawn(move || {
            let jobs: Vec<_> = (0..100)
                .map(|number| handle.spawn_blocking(move || number))
                .collect();
            let sum = jobs
                .into_iter()
                .map(|job| block_on_by_parking(job).unwrap())
                .sum();
            done.send(sum).unwrap();
        });

        assert_eq!(is_done.await, Ok(99 * 100 / 2));
        thread.join().unwrap();
    });
}

#[test]
fn a_job_from_a_handle_whose_runtime_has_ended_is_cancelled() {
    in_time(|| {
        let handle = Runtime::new().unwrap().handle().clone();
        let alive = Arc::new(());
        let held = Arc::clone(&alive);

        let job = handle.spawn_blocking(move || drop(held));

        assert_eq!(Arc::strong_count(&alive), 1);
        assert!(job.is_finished());
        let error = block_on_by_parking(job).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    });
}

#[test]
fn shutdown_drops_queued_jobs_and_waits_for_running_ones() {
    in_time(|| {
        let mut builder = Runtime::builder();
        builder
            .worker_threads(1)
            .shutdown_grace(Duration::from_secs(60));
        let runtime = builder.build().unwrap();
        let (started, starts) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let has_ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&has_ended);
        let running = runtime.spawn_blocking(move || {
            started.send(()).unwrap();
            assert!(released.recv().is_err());
            flag.store(true, Ordering::Relaxed);
        });
        let alive = Arc::new(());
        let never = || {
            let alive = Arc::clone(&alive);
            move || unreachable!("queued at the end: {alive:?}")
        };
        let queued: JoinHandle<()> = runtime.spawn_blocking(never());
        let other: JoinHandle<()> = runtime.handle().spawn_blocking(never());
        starts.recv().unwrap();
        // The running one goes on when a queued one is known to be dropped.
        let thread = thread::spawn(move || {
            let error = block_on_by_parking(other).unwrap_err();
            drop(release);
            error
        });

        drop(runtime);

        assert!(has_ended.load(Ordering::Relaxed));
        assert!(running.is_finished() && queued.is_finished());
        assert!(thread.join().unwrap().is_cancelled());
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn no_job_begins_once_the_shutdown_has_begun() {
    in_time(|| {
        for _ in 0..20 {
            let runtime = Runtime::builder().worker_threads(1).build().unwrap();
            let (started, starts) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            let (ended, ends) = mpsc::channel();
            drop(runtime.spawn_blocking(move || {
                started.send(()).unwrap();
                assert!(released.recv().is_err());
                ended.send(()).unwrap();
            }));
            let has_begun = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&has_begun);
            let queued = runtime
                .handle()
                .spawn_blocking(move || flag.store(true, Ordering::Relaxed));
            starts.recv().unwrap();
            // Among the first things of a shutdown is this drop, and the worker is free then.
            runtime.spawn(async move {
                let _guard = OnDrop(Some(move || {
                    drop(release);
                    ends.recv().unwrap();
                }));
                pending::<()>().await;
            });
            runtime.block_on(settle());

            drop(runtime);

            assert!(!has_begun.load(Ordering::Relaxed));
            assert!(block_on_by_parking(queued).unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn what_a_job_leaves_after_the_end_is_dropped_on_its_worker() {
    in_time(|| {
        let mut builder = Builder::new();
        let reports = Reports::of(&mut builder);
        let runtime = builder.build().unwrap();
        let (started, starts) = mpsc::channel();
        let (drops, dropped_on) = mpsc::channel();
        let mut releases = Vec::new();
        let mut elsewhere = Vec::new();
        for is_from_handle in [false, true] {
            let (release, released) = mpsc::channel::<()>();
            releases.push(release);
            let (started, drops) = (started.clone(), drops.clone());
            let work = move || {
                started.send(thread::current().id()).unwrap();
                assert!(released.recv().is_err());
                TellsWhereItIsDropped(drops)
            };
            if is_from_handle {
                elsewhere.push(runtime.handle().spawn_blocking(work));
            } else {
                drop(runtime.spawn_blocking(work));
            }
        }
        let workers: HashSet<ThreadId> = starts.iter().take(2).collect();

        runtime.shutdown_background();
        assert!(dropped_on.try_recv().is_err(), "it did not wait");
        assert_eq!(reports.take().len(), 2, "both jobs are named");
        drop(releases);

        let dropped_on_worker = dropped_on.recv().unwrap();
        assert!(workers.contains(&dropped_on_worker));
        let output = block_on_by_parking(elsewhere.pop().unwrap()).unwrap();
        drop(output);
        assert_eq!(dropped_on.recv().unwrap(), thread::current().id());
    });
}

#[test]
fn shutdown_with_no_grace_names_the_jobs_that_it_leaves_behind() {
    in_time(|| {
        let (started, starts) = mpsc::channel();
        let make = || {
            let started = started.clone();
            move || {
                started.send(()).unwrap();
                loop {
                    thread::park();
                }
            }
        };
        let reports = Reports::default();
        let runtimes = [(); 3].map(|()| {
            let mut builder = Runtime::builder();
            reports.collect(&mut builder);
            builder.shutdown_grace(Duration::ZERO).build().unwrap()
        });
        let [dropped, timed_out, in_background] = runtimes;
        let line = line!() + 1;
        drop(dropped.spawn_blocking(make()));
        drop(timed_out.handle().spawn_blocking(make()));
        let forgotten = in_background.spawn_blocking(make());
        starts.iter().take(3).for_each(drop);

        drop(dropped);
        timed_out.shutdown_timeout(Duration::from_millis(1));
        in_background.shutdown_background();
        drop(forgotten);

        let reports = reports.take();
        assert_eq!(reports.len(), 3, "{reports:?}");
        let graces = [0, 1, 0].map(Duration::from_millis);
        for (report, (line, expected)) in reports.iter().zip((line..).zip(graces)) {
            let Report::JobLeftBehind { job, grace, .. } = report else {
                panic!("{report}");
            };
            assert_eq!((job.name(), *grace), (None, expected));
            assert_eq!(
                (job.location().file(), job.location().line()),
                (file!(), line)
            );
        }
    });
}

#[test]
fn an_unreferenced_job_that_runs_gets_no_grace() {
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder.shutdown_grace(Duration::MAX).build().unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (end, may_end) = mpsc::channel::<()>();
        let job = runtime.spawn_blocking(move || {
            begun.send(()).unwrap();
            let _ended = may_end.recv();
        });
        let handle = job.abort_handle();
        has_begun.recv().unwrap();
        job.ref_();
        job.unref();

        // Would wait for years.
        drop(runtime);

        assert!(handle.is_finished(), "its task has ended with the runtime");
        drop(end);
    });
}

#[test]
fn a_grace_of_years_is_no_wait_when_nothing_runs() {
    in_time(|| {
        let mut builder = Runtime::builder();
        let runtime = builder.shutdown_grace(Duration::MAX).build().unwrap();
        runtime.block_on(async { spawn_blocking(|| ()).await.unwrap() });

        drop(runtime);
    });
}

#[test]
fn the_end_of_a_runtime_under_a_flood_of_jobs_resolves_every_handle() {
    const ROUNDS: usize = 30;

    in_time(|| {
        for _ in 0..ROUNDS {
            let runtime = Runtime::builder().worker_threads(2).build().unwrap();
            let alive = Arc::new(());
            let threads = [(); 2].map(|()| {
                let (handle, alive) = (runtime.handle().clone(), Arc::clone(&alive));
                thread::spawn(move || {
                    let mut outcomes = 0;
                    loop {
                        let held = Arc::clone(&alive);
                        let job = handle.spawn_blocking(move || drop(held));
                        if outcomes % 2 == 0 {
                            job.abort();
                        }
                        let was_aborted = outcomes % 2 == 0;
                        outcomes += 1;
                        if block_on_by_parking(job).is_err() && !was_aborted {
                            return outcomes;
                        }
                    }
                })
            });
            runtime.block_on(async {
                for _ in 0..10 {
                    spawn_blocking(|| ()).await.unwrap();
                }
            });

            drop(runtime);

            for thread in threads {
                assert!(thread.join().unwrap() > 0);
            }
            assert_eq!(Arc::strong_count(&alive), 1);
        }
    });
}

/// Keeps a worker busy until the returned sender is dropped.
fn hold_a_worker() -> mpsc::Sender<()> {
    let (started, starts) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    drop(spawn_blocking(move || {
        started.send(()).expect("the test waits");
        assert!(released.recv().is_err());
    }));
    starts.recv().expect("the job begins");
    release
}

/// Blocks the loop until its only worker is done with all jobs, and with telling of them.
fn block_until_workers_are_through() {
    let (done, is_done) = mpsc::channel();
    drop(spawn_blocking(move || done.send(())));
    is_done.recv().expect("the job runs");
}

/// Runs `test` on a runtime with a single worker.
fn on_one_worker(builder: &mut Builder, test: impl AsyncFnOnce() + Send + 'static) {
    let mut builder = builder.clone();
    in_time(move || {
        block_on_built_by(builder.worker_threads(1), test());
    });
}
