//! Panics of users' code, wherever it is called: they stay where they happened.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::AsyncRead;
use futures::channel::oneshot;
use quintet::net::TcpStream;
use quintet::runtime::{Builder, Handle, Report, Runtime, TaskMeta};
use quintet::task::{self, JoinHandle, set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::support::child::{assert_ran, child, in_a_child, is_child};
use crate::support::drops::{OnDrop, PanicsWhenDropped};
use crate::support::log::Log;
use crate::support::panics::{panic_message, panic_of, text};
use crate::support::patience::in_time;
use crate::support::reports::Reports;
use crate::support::strict::{assert_reported, take_reports};
use crate::support::tcp::connection;
use crate::support::turns::{on_a_loop, reach_poll_phase, settle};
use crate::support::wakers::{hooked_waker, poll_with};

#[test]
fn a_panic_that_its_handle_was_not_asked_for_is_reported_at_the_end() {
    in_time(|| {
        let mut builder = Runtime::builder();
        let reports = Reports::of(&mut builder);
        let runtime = builder.build().unwrap();
        let held: JoinHandle<()> = runtime.spawn(async { panic_any("never asked for") });
        runtime.block_on(settle());
        assert!(held.is_finished() && reports.take().is_empty());

        drop(runtime);

        let [report] = &reports.take_texts()[..] else {
            panic!("it is reported once");
        };
        assert!(report.contains(&format!("id {}", held.id())), "{report}");
        assert!(report.contains("never asked for"), "{report}");
    });
}

#[test]
fn a_panic_in_a_poll_stays_in_its_task_and_the_checkpoint_goes_on() {
    on_a_loop(async || {
        let log = Log::default();
        let first: JoinHandle<()> = set_immediate({
            let log = log.clone();
            move || {
                spawn({
                    let log = log.clone();
                    async move { log.add("task of the first") }
                });
                log.add("first");
                panic!("of the first")
            }
        });
        let second = set_immediate({
            let log = log.clone();
            move || log.add("second")
        });

        let error = first.await.unwrap_err();
        second.await.unwrap();

        assert_eq!(text(&*error.into_panic()), "of the first");
        assert_eq!(log.lines(), ["first", "task of the first", "second"]);
    });
}

#[test]
fn a_future_that_panicked_is_dropped_before_its_handle_is_told() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let inside = Rc::clone(&alive);
        let task: JoinHandle<()> = spawn(async move {
            let _inside = inside;
            yield_now().await;
            panic!("of a poll")
        });

        let error = task.await.unwrap_err();

        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(error.is_panic());
    });
}

#[test]
fn a_future_that_panics_as_it_is_dropped_has_ended_all_the_same() {
    on_a_loop(async || {
        let mut has_begun = false;
        let guard = PanicsWhenDropped("of a drop");
        let task = spawn(poll_fn(move |cx| {
            let _captured = &guard;
            if has_begun {
                return Poll::Ready("output");
            }
            has_begun = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }));

        assert_eq!(task.await.unwrap(), "output");
        assert_reported(&[": of a drop"]);
    });
}

#[test]
fn a_future_that_panics_as_it_is_aborted_is_cancelled_all_the_same() {
    on_a_loop(async || {
        let task = spawn(async {
            let _guard = PanicsWhenDropped("of a drop");
            pending::<()>().await;
        });
        let abort = task.abort_handle();
        let waiter = spawn(task);
        settle().await;

        abort.abort();

        assert!(waiter.await.unwrap().unwrap_err().is_cancelled());
        assert_reported(&[": of a drop"]);
    });
}

#[test]
fn a_future_that_panics_as_it_is_aborted_before_its_first_poll_is_cancelled() {
    on_a_loop(async || {
        let guard = PanicsWhenDropped("of a drop");
        let task = spawn(async move {
            let _guard = guard;
        });
        let guard = PanicsWhenDropped("of a drop");
        let immediate = set_immediate(move || drop(guard));

        task.abort();
        immediate.abort();

        assert!(task.await.unwrap_err().is_cancelled());
        assert!(immediate.await.unwrap_err().is_cancelled());
        assert_reported(&[": of a drop"; 2]);
    });
}

#[test]
fn a_future_that_panics_in_its_poll_and_in_its_drop_tells_of_the_poll() {
    on_a_loop(async || {
        let guard = PanicsWhenDropped("of the drop");
        let task: JoinHandle<()> = spawn(poll_fn(move |_| {
            let _captured = &guard;
            panic!("of the poll")
        }));

        let error = task.await.unwrap_err();

        assert_eq!(text(&*error.into_panic()), "of the poll");
        assert_reported(&[": of the drop"]);
    });
}

#[test]
fn an_output_that_panics_as_it_is_dropped_affects_nothing_else() {
    on_a_loop(async || {
        drop(spawn(async {
            PanicsWhenDropped("of a detached task's output")
        }));
        settle().await;
        let late = spawn(async { PanicsWhenDropped("of an output that came first") });
        settle().await;
        drop(late);
        let elsewhere = spawn(async { PanicsWhenDropped("of an output at home") });
        thread::spawn(move || drop(elsewhere)).join().unwrap();
        reach_poll_phase().await;

        let handle = Handle::current();
        drop(handle.spawn(async { PanicsWhenDropped("of a detached task's output") }));
        settle().await;
        let late = handle.spawn(async { PanicsWhenDropped("of an output that came first") });
        settle().await;
        drop(late);

        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
        assert_reported(&[
            "a task's output panicked: of a detached task's output",
            "a task's output panicked: of an output that came first",
            "a task's output panicked: of an output at home",
            ": of a detached task's output",
            ": of an output that came first",
        ]);
    });
}

#[test]
fn a_payload_that_panics_as_it_is_dropped_affects_nothing_else() {
    on_a_loop(async || {
        let make = || async { panic_any(PanicsWhenDropped("of a payload")) };
        drop::<JoinHandle<()>>(spawn(make()));
        settle().await;
        let late: JoinHandle<()> = spawn(make());
        settle().await;
        drop(late);
        let immediate: JoinHandle<()> =
            set_immediate(|| panic_any(PanicsWhenDropped("of a payload")));
        drop(immediate);
        drop::<JoinHandle<()>>(Handle::current().spawn(make()));
        yield_now().await;
        settle().await;

        assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
        assert_reported(&["its join handle was dropped: (the payload is not a string)"; 4]);
    });
}

#[test]
fn a_destructor_may_panic_with_a_payload_that_panics_as_it_is_dropped() {
    on_a_loop(async || {
        let task = spawn(async {
            let _guard = OnDrop(Some(|| panic_any(PanicsWhenDropped("of a payload"))));
            pending::<()>().await;
        });
        settle().await;

        task.abort();

        assert!(task.await.unwrap_err().is_cancelled());
        assert_reported(&[": (the payload is not a string)"]);
    });
}

#[test]
fn a_panic_of_the_root_leaves_the_runtime_as_it_was() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (sender, receiver) = oneshot::channel();
        let task = runtime.spawn(async move {
            yield_now().await;
            sleep(Duration::from_micros(10)).await;
            receiver.await
        });

        for _ in 0..3 {
            let message = panic_message(|| {
                runtime.block_on(async {
                    settle().await;
                    panic!("of the root")
                })
            });
            assert_eq!(message, "of the root");
            let message = panic_message(|| {
                let guard = PanicsWhenDropped("of the root's drop");
                runtime.block_on(async move {
                    let _guard = guard;
                    yield_now().await;
                });
            });
            assert_eq!(message, "of the root's drop");
        }

        assert!(Handle::try_current().is_err(), "no loop is left behind");
        sender.send("there").unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), Ok("there"));
    });
}

#[test]
fn shutdown_drops_everything_whatever_panics() {
    in_time(|| {
        let log = Log::default();
        let mut builder = Builder::new();
        let reports = Reports::of(&mut builder);
        let runtime = builder.build().unwrap();
        let mut handles = Vec::new();
        for (number, line) in ["first", "second", "third", "fourth"]
            .into_iter()
            .enumerate()
        {
            let guard = OnDrop(Some({
                let log = log.clone();
                move || {
                    log.add(line);
                    panic!("of a drop at shutdown: {line}")
                }
            }));
            let task = runtime.spawn(async move {
                let guard = guard;
                if number % 2 == 0 {
                    pending::<()>().await;
                }
                guard
            });
            handles.push(task);
        }
        runtime.block_on(settle());
        assert!(log.lines().is_empty());

        drop(runtime);

        let lines = log.lines();
        assert_eq!(
            lines[..2],
            ["first", "third"],
            "futures in the order of spawning"
        );
        assert_eq!(lines.len(), 4, "then outputs: {lines:?}");
        let reports = reports.take_texts();
        for (line, report) in lines.iter().zip(&reports) {
            let end = format!("panicked: of a drop at shutdown: {line}");
            assert!(report.ends_with(&end), "{report}");
        }
        assert_eq!(reports.len(), 4, "{reports:?}");
    });
}

#[test]
fn a_runtime_may_be_dropped_while_its_thread_unwinds() {
    in_time(|| {
        let dropped = Rc::new(Cell::new(0));
        let count = Rc::clone(&dropped);

        let mut builder = Builder::new();
        let reports = Reports::of(&mut builder);
        let message = panic_message(move || {
            let runtime = builder.build().unwrap();
            for _ in 0..3 {
                let count = Rc::clone(&count);
                let guard = OnDrop(Some(move || {
                    count.set(count.get() + 1);
                    panic!("of a drop at shutdown")
                }));
                runtime.spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            runtime.block_on(async {
                settle().await;
                panic!("of the root")
            })
        });

        assert_eq!(message, "of the root");
        assert_eq!(dropped.get(), 3);
        assert_eq!(reports.take().len(), 3);
    });
}

#[test]
fn a_waker_that_panics_when_woken_does_not_keep_others_from_being_woken() {
    on_a_loop(async || {
        let (client, mut server) = connection().await;
        let waker = hooked_waker(|| panic!("of a waker"), || ());
        let (sender, receiver) = oneshot::channel::<()>();
        let mut joined = spawn(receiver);
        let mut timer = sleep(Duration::ZERO);
        let mut turn = yield_now();
        assert!(poll_with(&mut joined, &waker).is_pending());
        assert!(poll_with(&mut timer, &waker).is_pending());
        assert!(poll_with(&mut turn, &waker).is_pending());
        assert!(poll_read(&mut server, &waker).is_pending());
        let others = [
            spawn(sleep(Duration::ZERO)),
            spawn(async { yield_now().await }),
        ];

        sender.send(()).unwrap();
        client.write_all(b"!").await.unwrap();
        for other in others {
            other.await.unwrap();
        }
        sleep(Duration::from_millis(1)).await;
        yield_now().await;

        assert!(joined.is_finished() && timer.is_elapsed());
        assert!(poll_with(&mut turn, Waker::noop()).is_ready());
        while poll_read(&mut server, Waker::noop()).is_pending() {
            yield_now().await;
        }
        assert_reported(&["a waker panicked: of a waker"; 4]);
    });
}

#[test]
fn a_waker_that_panics_when_dropped_after_its_wake_does_not_keep_others_from_being_woken() {
    on_a_loop(async || {
        let (sender, receiver) = oneshot::channel::<()>();
        let mut joined = spawn(receiver);
        let mut timer = sleep(Duration::ZERO);
        let mut turn = yield_now();
        let make = || hooked_waker(|| (), || panic!("of a waker's drop"));
        assert!(poll_with(&mut joined, &make()).is_pending());
        assert!(poll_with(&mut timer, &make()).is_pending());
        assert!(poll_with(&mut turn, &make()).is_pending());
        let others = [
            spawn(sleep(Duration::ZERO)),
            spawn(async { yield_now().await }),
        ];

        sender.send(()).unwrap();
        for other in others {
            other.await.unwrap();
        }
        sleep(Duration::from_micros(10)).await;

        assert!(joined.is_finished() && timer.is_elapsed());
        assert!(poll_with(&mut turn, Waker::noop()).is_ready());
        assert_reported(&["a waker panicked: of a waker's drop"; 3]);
    });
}

#[test]
fn a_waker_that_panics_when_its_handle_comes_home_affects_nothing_else() {
    on_a_loop(async || {
        let mut task = spawn(pending::<()>());
        let abort = task.abort_handle();
        let waker = hooked_waker(|| (), || panic!("of a waker's drop"));
        assert!(poll_with(&mut task, &waker).is_pending());
        drop(waker);

        thread::spawn(move || drop(task)).join().unwrap();
        reach_poll_phase().await;
        abort.abort();
        settle().await;

        assert!(abort.is_finished());
    });
}

#[test]
fn a_waker_that_panics_when_its_closed_socket_is_released_affects_nothing_else() {
    on_a_loop(async || {
        let (_client, mut server) = connection().await;
        let dropped = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&dropped);
        let waker = hooked_waker(
            || (),
            move || {
                count.fetch_add(1, Ordering::Relaxed);
                panic!("of a waker's drop")
            },
        );
        assert!(poll_read(&mut server, &waker).is_pending());
        drop(waker);

        // Its slot is freed in the close phase, with the waker in it.
        drop(server);
        yield_now().await;
        yield_now().await;

        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        assert_reported(&["panicked: of a waker's drop"]);
    });
}

#[test]
fn wakers_that_a_runtime_still_holds_at_its_end_may_panic_when_dropped() {
    in_a_child(
        child("panics::wakers_that_a_runtime_still_holds_at_its_end_may_panic_when_dropped"),
        || {
            let runtime = Runtime::new().unwrap();
            let dropped = Arc::new(AtomicUsize::new(0));
            let make = || {
                let dropped = Arc::clone(&dropped);
                hooked_waker(
                    || (),
                    move || {
                        dropped.fetch_add(1, Ordering::Relaxed);
                        panic!("of a waker's drop")
                    },
                )
            };
            let mut timer = sleep(Duration::from_secs(1000));
            let mut turn = yield_now();
            let outliving = runtime.block_on(async {
                let (client, mut server) = connection().await;
                let mut closing = Box::pin(client.close());
                assert!(poll_read(&mut server, &make()).is_pending());
                assert!(poll_with(&mut closing, &make()).is_pending());
                assert!(poll_with(&mut timer, &make()).is_pending());
                assert!(poll_with(&mut turn, &make()).is_pending());
                (server, closing)
            });

            let end = catch_unwind(AssertUnwindSafe(|| drop(runtime)));

            assert!(end.is_ok(), "shutdown does not panic");
            assert_eq!(dropped.load(Ordering::Relaxed), 4);
            drop(outliving);
        },
    );
}

#[test]
fn wakers_that_a_runtime_still_holds_at_its_end_may_use_the_loop_when_dropped() {
    in_a_child(
        child("panics::wakers_that_a_runtime_still_holds_at_its_end_may_use_the_loop_when_dropped"),
        || {
            let runtime = Runtime::new().unwrap();
            let refused = Arc::new(AtomicUsize::new(0));
            let make = || {
                let refused = Arc::clone(&refused);
                let mut armed = sleep(Duration::from_secs(1000));
                assert!(poll_with(&mut armed, Waker::noop()).is_pending());
                let armed = Mutex::new(Some(armed));
                hooked_waker(
                    || (),
                    move || {
                        assert!(spawn(async {}).is_finished(), "too late for a task");
                        drop(armed.lock().unwrap().take());
                        let mut late = sleep(Duration::ZERO);
                        assert!(poll_with(&mut late, Waker::noop()).is_pending());
                        refused.fetch_add(1, Ordering::Relaxed);
                    },
                )
            };
            let mut timer = sleep(Duration::from_secs(1000));
            let mut turn = yield_now();
            let outliving = runtime.block_on(async {
                let (client, mut server) = connection().await;
                assert!(poll_with(&mut timer, &make()).is_pending());
                assert!(poll_read(&mut server, &make()).is_pending());
                assert!(poll_with(&mut turn, &make()).is_pending());
                (client, server)
            });

            let end = catch_unwind(AssertUnwindSafe(|| drop(runtime)));

            assert!(end.is_ok(), "shutdown does not panic");
            assert_eq!(refused.load(Ordering::Relaxed), 3);
            drop(outliving);
        },
    );
}

#[test]
fn panics_of_a_thousand_tasks_leave_nothing_alive() {
    on_a_loop(async || {
        let alive = Rc::new(());
        let tasks: Vec<JoinHandle<()>> = (0..1000)
            .map(|_| {
                let alive = Rc::clone(&alive);
                spawn(async move {
                    let _alive = alive;
                    yield_now().await;
                    resume_unwind(Box::new(()))
                })
            })
            .collect();

        for task in tasks {
            assert!(task.await.unwrap_err().is_panic());
        }

        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn a_panic_of_a_task_without_a_joiner_is_reported_with_name_and_spawn_site() {
    on_a_loop(async || {
        let named = task::Builder::new().name("the named one");
        drop(named.spawn(async { panic!("first message") }));
        let late: JoinHandle<()> = spawn(async { panic!("second message") });
        settle().await;
        drop(late);
        let awaited: JoinHandle<()> = spawn(async { panic!("awaited message") });
        assert!(awaited.await.is_err());

        let reports = take_reports();

        let panics: Vec<_> = reports.iter().map(task_panic).collect();
        let [(first, message), (second, other_message)] = &*panics else {
            panic!("{reports:#?}");
        };
        assert_eq!(
            (*message, *other_message),
            ("first message", "second message")
        );
        assert_eq!((first.name(), second.name()), (Some("the named one"), None));
        for task in [first, second] {
            assert_eq!(task.location().file(), file!());
        }
    });
}

#[test]
fn a_panic_of_a_task_from_a_handle_is_reported_with_its_spawn_site() {
    on_a_loop(async || {
        let handle = Handle::current();
        drop::<JoinHandle<()>>(handle.spawn(async { panic!("detached") }));
        let late: JoinHandle<()> = handle.spawn(async { panic!("dropped late") });
        settle().await;
        drop(late);
        let mut reports = take_reports();
        for job in ["job", "job from a handle"] {
            let panics = move || panic!("{job}");
            drop::<JoinHandle<()>>(match job {
                "job" => spawn_blocking(panics),
                _ => handle.spawn_blocking(panics),
            });
            let mut reported = take_reports();
            while reported.is_empty() {
                yield_now().await;
                reported = take_reports();
            }
            reports.append(&mut reported);
        }

        let panics: Vec<_> = reports.iter().map(task_panic).collect();

        let messages: Vec<&str> = panics.iter().map(|(_, message)| *message).collect();
        assert_eq!(
            messages,
            ["detached", "dropped late", "job", "job from a handle"]
        );
        for (task, _) in panics {
            assert_eq!(task.location().file(), file!());
        }
    });
}

/// Which task panicked, and its message.
#[track_caller]
fn task_panic(report: &Report) -> (&TaskMeta, &str) {
    match report {
        Report::TaskPanicked { task, message, .. } => (task, message),
        other => panic!("{other}"),
    }
}

#[test]
fn a_panic_in_a_destructor_is_reported() {
    on_a_loop(async || {
        let task = spawn(async {
            let _guard = PanicsWhenDropped("of a future");
            pending::<()>().await;
        });
        settle().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        drop(spawn(async { PanicsWhenDropped("of an output") }));
        settle().await;
        let mut task = spawn(async {});
        let waker = hooked_waker(|| panic!("of a foreign one"), || ());
        assert!(poll_with(&mut task, &waker).is_pending());
        settle().await;

        assert_reported(&[
            ": of a future",
            "output panicked: of an output",
            "waker panicked: of a foreign one",
        ]);
    });
}

#[test]
fn a_report_that_cannot_be_written_affects_nothing_else() {
    let test = "panics::a_report_that_cannot_be_written_affects_nothing_else";
    if is_child() {
        // Standard error is a pipe without a reader by the time standard input ends.
        io::read_to_string(io::stdin()).unwrap();
        quintet::block_on(async {
            drop::<JoinHandle<()>>(spawn(async { panic!("detached") }));
            let task = spawn(async {
                let _guard = PanicsWhenDropped("of a drop");
                pending::<()>().await;
            });
            settle().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        return;
    }
    let mut command = child(test);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();

    drop(child.stderr.take());
    drop(child.stdin.take());

    assert_ran(&child.wait_with_output().unwrap());
}

#[test]
fn users_mistakes_are_reported_at_the_callers_line() {
    let runtime = Runtime::new().unwrap();
    let mut completed = runtime.spawn(async {});
    runtime.block_on(&mut completed).unwrap();
    let mut foreign = runtime.spawn(async {});
    let cancelled = runtime.block_on(async {
        let task = spawn(pending::<()>());
        task.abort();
        task.await.unwrap_err()
    });
    let noop = Waker::noop();
    let mistakes: Vec<Mistake<'_>> = vec![
        mistake("spawn", || spawn(async {})),
        mistake("task::Builder::spawn", || {
            task::Builder::new().spawn(async {})
        }),
        mistake("set_immediate", || set_immediate(|| ())),
        mistake("spawn_blocking", || spawn_blocking(|| ())),
        mistake("Handle::current", || {
            let handle = Handle::current();
            handle.name().map(str::to_owned)
        }),
        mistake("block_on", || {
            runtime.block_on(async { quintet::block_on(async {}) });
        }),
        mistake("Runtime::block_on", || {
            runtime.block_on(async { runtime.block_on(async {}) });
        }),
        mistake("worker_threads", || {
            Runtime::builder().worker_threads(0).clone()
        }),
        mistake("worker_threads", || {
            Runtime::builder().worker_threads(1025).clone()
        }),
        mistake("phase_budget", || {
            Runtime::builder().phase_budget(0).clone()
        }),
        mistake("into_panic", || cancelled.into_panic()),
        mistake("a handle that has completed", || {
            poll_with(&mut completed, noop)
        }),
        mistake("a foreign handle", || poll_with(&mut foreign, noop)),
        mistake("Sleep::poll", || {
            poll_with(&mut sleep(Duration::ZERO), noop)
        }),
        mistake("YieldNow::poll", || poll_with(&mut yield_now(), noop)),
    ];

    let mut elsewhere = Vec::new();
    for (name, mistake) in mistakes {
        let panicked = panic_of(mistake);
        if panicked.file != file!() {
            elsewhere.push((name, panicked));
        }
    }

    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

/// What a user may do wrong.
type Mistake<'a> = (&'static str, Box<dyn FnOnce() + 'a>);

fn mistake<'a, R>(name: &'static str, f: impl FnOnce() -> R + 'a) -> Mistake<'a> {
    (name, Box::new(|| drop(f())))
}

fn poll_read(stream: &mut TcpStream, waker: &Waker) -> Poll<io::Result<usize>> {
    Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut [0; 1])
}
