//! Panics where they hurt most.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;

use quintet::runtime::{Builder, Report, UnhandledPanic, before_exit, on_exit};
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::{Duration, sleep};
use quintet::{spawn, spawn_blocking};

use super::{
    Bomb, LONG, OnDrop, Reports, assert_panics, in_time, new, panic_of, paused, reporting,
};

#[test]
fn payloads_that_panic_when_dropped_affect_nothing_else() {
    in_time(|| {
        let (runtime, reports) = reporting();
        runtime.block_on(async {
            drop(spawn(async { panic_any(Bomb) }));
            drop(set_immediate(|| panic_any(Bomb)));
            drop(spawn_blocking(|| panic_any(Bomb)));
            let handle = quintet::runtime::Handle::current();
            drop(handle.spawn(async { panic_any(Bomb) }));
            drop(handle.spawn_blocking(|| panic_any(Bomb)));
            spawn_blocking(|| ()).await.unwrap();
            yield_now().await;
        });
        let guard = runtime.enter();
        on_exit(|_| panic_any(Bomb));
        drop(guard);
        runtime.run().unwrap();
        assert_panics(&reports, 5, 0);
        drop(runtime);
        assert!(matches!(reports.take()[..], [Report::HookPanicked { .. }]));
    });
}

#[test]
fn a_root_that_explodes_leaves_a_runtime_that_works() {
    in_time(|| {
        let runtime = new();
        for _ in 0..3 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async { panic_any(Bomb) });
            }));
            // The thread that takes the payload drops it where it panics.
            let payload = result.unwrap_err();
            assert_eq!(panic_of(|| drop(payload)), "a payload explodes");
            runtime.block_on(async { spawn(async {}).await.unwrap() });
        }
    });
}

#[test]
fn a_job_that_is_cancelled_may_panic_in_its_closures_destructor() {
    in_time(|| {
        for seed in [None, Some(1)] {
            let mut builder = Builder::new();
            builder.worker_threads(1);
            if let Some(seed) = seed {
                builder.seed(seed);
            }
            let runtime = builder.build().unwrap();
            let (release, is_released) = mpsc::channel::<()>();
            let first = runtime.spawn_blocking(move || _ = is_released.recv());
            let guard = |text: &'static str| OnDrop::new(move || panic!("{text}"));
            let job = |guard| move || drop(guard);
            let jobs = [
                runtime.spawn_blocking(job(guard("local"))),
                runtime.handle().spawn_blocking(job(guard("elsewhere"))),
            ];
            for job in &jobs {
                job.abort();
                job.abort();
            }
            drop(release);
            runtime.block_on(first).unwrap();
            for job in jobs {
                assert!(runtime.block_on(job).unwrap_err().is_cancelled());
            }
            drop(runtime.spawn_blocking(job(guard("left at the end"))));
            drop(runtime.handle().spawn_blocking(job(guard("left, too"))));
        }
    });
}

#[test]
fn an_immediate_may_panic_in_its_destructor_when_it_is_aborted() {
    in_time(|| {
        let (runtime, reports) = reporting();
        let guard = runtime.enter();
        let inside = OnDrop::new(|| panic!("of an immediate"));
        let immediate = set_immediate(move || drop(inside));
        immediate.abort();
        let behind = set_immediate(|| ());
        drop(guard);
        runtime.run().unwrap();
        assert!(runtime.block_on(immediate).unwrap_err().is_cancelled());
        runtime.block_on(behind).unwrap();
        assert_panics(&reports, 0, 1);
    });
}

#[test]
fn every_other_of_ten_thousand_panics_and_all_others_run() {
    in_time(|| {
        let built = Builder::new()
            .unhandled_panic(UnhandledPanic::Ignore)
            .build();
        let runtime = built.unwrap();
        let ran = Rc::new(Cell::new(0));
        catch_unwind(AssertUnwindSafe(|| {
            for n in 0..2000 {
                let ran = Rc::clone(&ran);
                drop(runtime.spawn(async move {
                    if n % 2 == 0 {
                        // Without the hook's text.
                        std::panic::resume_unwind(Box::new(n));
                    }
                    yield_now().await;
                    ran.set(ran.get() + 1);
                }));
            }
            runtime.run().unwrap();
        }))
        .unwrap();
        assert_eq!(ran.get(), 1000);
    });
}

#[test]
fn the_first_of_many_panics_ends_the_runtime_and_the_others_are_lost_in_peace() {
    in_time(|| {
        let mut builder = Builder::new();
        builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
        let reports = Reports::of(&mut builder);
        let runtime = builder.build().unwrap();
        for n in 0..10 {
            drop(runtime.spawn(async move { panic!("number {n}") }));
            let guard = OnDrop::new(move || panic!("destructor {n}"));
            drop(runtime.spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            }));
        }
        assert_eq!(panic_of(|| runtime.run()), "number 0");
        assert!(panic_of(|| runtime.run()).contains("build a new one"));
        assert!(panic_of(|| runtime.block_on(async {})).contains("build a new one"));
        let refused = runtime.spawn(async {});
        assert!(refused.is_finished());
        let refused = runtime.handle().spawn_blocking(|| ());
        assert!(quintet::block_on(refused).unwrap_err().is_cancelled());
        assert_panics(&reports, 10, 10);
    });
}

#[test]
fn a_hook_may_explode_again_and_again() {
    in_time(|| {
        let runtime = new();
        let guard = runtime.enter();
        let calls = Rc::new(Cell::new(0));
        for _ in 0..2 {
            let calls = Rc::clone(&calls);
            before_exit(move || {
                calls.set(calls.get() + 1);
                panic_any(Bomb);
            });
        }
        drop(guard);
        for _ in 0..3 {
            let payload = catch_unwind(AssertUnwindSafe(|| runtime.run())).unwrap_err();
            assert!(payload.is::<Bomb>());
            assert_eq!(panic_of(|| drop(payload)), "a payload explodes");
        }
        assert_eq!(calls.get(), 6);
        assert_eq!(runtime.block_on(async { 1 }), 1);
    });
}

#[test]
fn an_output_that_panics_when_dropped_may_be_dropped_anywhere() {
    in_time(|| {
        let (runtime, reports) = reporting();
        let output = || OnDrop::new(|| panic!("of an output"));
        let tasks: Vec<JoinHandle<_>> = (0..4)
            .map(|_| runtime.spawn(async move { output() }))
            .collect();
        let elsewhere: Vec<JoinHandle<_>> = (0..4)
            .map(|_| runtime.handle().spawn(async move { output() }))
            .collect();
        let jobs: Vec<JoinHandle<_>> = (0..4)
            .map(|_| runtime.handle().spawn_blocking(output))
            .collect();
        runtime.run().unwrap();
        // On another thread, one by one: none may unwind into the code that drops it.
        let thread = thread::spawn(move || {
            drop(tasks);
            drop(elsewhere);
            drop(jobs);
        });
        thread.join().unwrap();
        runtime.run().unwrap();
        drop(runtime);
        assert_panics(&reports, 0, 12);
    });
}

#[test]
fn a_panic_in_the_destructor_of_a_task_that_another_destructor_aborts_stays_inside() {
    in_time(|| {
        let (runtime, reports) = reporting();
        runtime.block_on(async {
            let second = spawn(async {
                let _guard = OnDrop::new(|| panic!("of the second"));
                pending::<()>().await;
            });
            let abort = second.abort_handle();
            let first = spawn(async move {
                let _guard = OnDrop::new(move || {
                    abort.abort();
                    panic!("of the first");
                });
                pending::<()>().await;
            });
            yield_now().await;
            first.abort();
            assert!(first.await.unwrap_err().is_cancelled());
            assert!(second.await.unwrap_err().is_cancelled());
        });
        assert!(!thread::panicking());
        assert_panics(&reports, 0, 2);
    });
}

#[test]
fn a_timer_a_turn_and_a_close_survive_the_panic_of_the_task_that_awaits_them() {
    in_time(|| {
        paused().block_on(async {
            let tasks: Vec<JoinHandle<()>> = vec![
                spawn(async {
                    sleep(LONG).await;
                    panic!("timers")
                }),
                spawn(async {
                    yield_now().await;
                    panic!("check")
                }),
                spawn(async {
                    let listener = quintet::net::TcpListener::bind("127.0.0.1:0")
                        .await
                        .unwrap();
                    listener.close().await;
                    panic!("close")
                }),
                spawn(async {
                    spawn_blocking(|| ()).await.unwrap();
                    panic!("poll")
                }),
            ];
            let others = [spawn(sleep(LONG)), spawn(async { yield_now().await })];
            for task in tasks {
                assert!(task.await.unwrap_err().is_panic());
            }
            for other in others {
                other.await.unwrap();
            }
        });
    });
}

#[test]
fn a_future_that_is_polled_again_after_it_panicked_is_not_ours() {
    in_time(|| {
        new().block_on(async {
            let polls = Rc::new(Cell::new(0));
            let count = Rc::clone(&polls);
            let task = spawn(poll_fn(move |cx| {
                count.set(count.get() + 1);
                cx.waker().wake_by_ref();
                assert!(count.get() < 2, "the second time");
                Poll::<()>::Pending
            }));
            assert!(task.await.unwrap_err().is_panic());
            yield_now().await;
            assert_eq!(polls.get(), 2);
        });
    });
}

#[test]
fn a_panic_while_a_payload_unwinds_through_block_on_finds_the_thread_in_order() {
    in_time(|| {
        let outer = new();
        let said = RefCell::new(Vec::new());
        let message = panic_of(|| {
            outer.block_on(async {
                let guard = OnDrop::new(|| said.borrow_mut().push("unwound"));
                let job = spawn_blocking(|| {
                    panic_of(|| quintet::block_on(async { panic!("the inner one") }))
                });
                assert_eq!(job.await.unwrap(), "the inner one");
                drop(guard);
                panic!("the outer one");
            })
        });
        assert_eq!(message, "the outer one");
        assert_eq!(*said.borrow(), ["unwound"]);
        assert!(quintet::runtime::Handle::try_current().is_err());
        outer.block_on(sleep(Duration::from_micros(1)));
    });
}

#[test]
fn panics_on_workers_leave_as_many_workers_as_there_were() {
    in_time(|| {
        let runtime = Builder::new().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let alive = Arc::new(());
            for _ in 0..20 {
                let jobs: Vec<JoinHandle<()>> = (0..10)
                    .map(|_| {
                        let held = Arc::clone(&alive);
                        spawn_blocking(move || std::panic::resume_unwind(Box::new(held)))
                    })
                    .collect();
                for job in jobs {
                    assert!(job.await.unwrap_err().is_panic());
                }
            }
            assert_eq!(Arc::strong_count(&alive), 1);
            spawn_blocking(|| ()).await.unwrap();
        });
    });
}
