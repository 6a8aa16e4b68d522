//! Runtimes: making, entering and running them.

use std::cell::Cell;
use std::collections::HashSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::future::{pending, poll_fn};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::pin::pin;
use std::process::Output;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use quintet::runtime::{Builder, Handle, Runtime};
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking};

use crate::support::child::{child, in_a_child};
use crate::support::log::Log;
use crate::support::panics::panic_message;
use crate::support::patience::in_time;
use crate::support::turns::settle;
use crate::support::wakers::{CountingWaker, poll_with};

#[test]
fn block_on_takes_futures_that_borrow_and_returns_their_output() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let mut local = vec![1];
        let shared = Rc::new(2);

        let borrowed = runtime.block_on(async {
            yield_now().await;
            local.push(*shared);
            &local
        });

        assert_eq!(*borrowed, [1, 2]);
    });
}

#[test]
fn the_root_is_the_first_in_the_queue() {
    in_time(|| {
        let log = Log::default();
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn({
            let log = log.clone();
            async move { log.add("spawned before") }
        });

        runtime.block_on(async {
            log.add("root");
            task.await.unwrap();
        });

        assert_eq!(log.lines(), ["root", "spawned before"]);
    });
}

#[test]
fn what_is_ready_when_a_run_begins_goes_before_its_first_tick() {
    in_time(|| {
        let log = Log::default();
        let runtime = Runtime::new().unwrap();
        let timer = runtime.spawn({
            let log = log.clone();
            async move {
                sleep(Duration::from_micros(1)).await;
                log.add("timer");
            }
        });
        runtime.block_on(settle());
        // Due when the next run begins.
        thread::sleep(Duration::from_millis(1));
        drop(runtime.spawn({
            let log = log.clone();
            async move {
                log.add("spawned before");
                spawn(async move { log.add("spawned by that") });
            }
        }));

        runtime.block_on(async {
            log.add("root");
            timer.await.unwrap();
        });

        assert_eq!(
            log.lines(),
            ["root", "spawned before", "spawned by that", "timer"]
        );
    });
}

#[test]
fn block_on_returns_as_soon_as_its_root_is_done_and_leaves_the_rest_where_it_is() {
    in_time(|| {
        let log = Log::default();
        let runtime = Runtime::new().unwrap();
        let add = |line| {
            let log = log.clone();
            async move { log.add(line) }
        };

        runtime.block_on(async {
            drop(spawn(add("first")));
            drop(spawn(add("second")));
            let log = log.clone();
            drop(set_immediate(move || log.add("immediate")));
        });
        assert!(log.lines().is_empty());
        runtime.block_on(async {
            log.add("root");
            yield_now().await;
        });

        assert_eq!(log.lines(), ["root", "first", "second", "immediate"]);
    });
}

#[test]
fn tasks_go_on_in_the_next_run() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (sender, receiver) = oneshot::channel();
        let mut task = runtime.spawn(async move {
            yield_now().await;
            sleep(Duration::from_micros(10)).await;
            let number = spawn_blocking(|| 1).await.unwrap();
            number + receiver.await.unwrap()
        });

        for _ in 0..10 {
            runtime.block_on(yield_now());
            runtime.block_on(async {});
        }
        assert!(!task.is_finished());
        sender.send(1).unwrap();

        assert_eq!(runtime.block_on(&mut task).unwrap(), 2);
    });
}

#[test]
fn the_root_is_polled_only_when_it_is_woken() {
    in_time(|| {
        let polls = Cell::new(0);
        let runtime = Runtime::new().unwrap();

        runtime.block_on(async {
            let mut timer = Box::pin(sleep(Duration::from_millis(3)));
            let others = [spawn(sleep(Duration::from_millis(1))), spawn(yield_now())];
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                timer.as_mut().poll(cx)
            })
            .await;
            drop(others);
        });

        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn the_root_can_be_woken_from_everywhere() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let steps = runtime.block_on(async {
            let mut step = 0;
            poll_fn(|cx| {
                step += 1;
                let waker = cx.waker().clone();
                match step {
                    1 => waker.wake(),
                    2 => drop(spawn(async move { waker.wake() })),
                    3 => drop(set_immediate(move || waker.wake())),
                    4 => thread::spawn(move || waker.wake()).join().unwrap(),
                    5 => drop(spawn_blocking(move || waker.wake())),
                    _ => return Poll::Ready(step),
                }
                Poll::Pending
            })
            .await
        });

        assert_eq!(steps, 6);
    });
}

#[test]
fn a_waker_of_an_ended_root_wakes_no_task() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let stale = runtime.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let polls = Cell::new(0);

        runtime.block_on(async {
            let counted = poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            });
            let woken = async {
                stale.wake_by_ref();
                thread::spawn({
                    let stale = stale.clone();
                    move || stale.wake()
                })
                .join()
                .unwrap();
                // Not as part of the root, whose own wakes would count.
                spawn(async {
                    yield_now().await;
                    yield_now().await;
                })
                .await
                .unwrap();
            };
            futures::future::select(pin!(counted), pin!(woken)).await;
        });

        assert_eq!(
            polls.get(),
            2,
            "at first, and when the other task had ended"
        );
    });
}

#[test]
fn block_on_inside_a_task_panics_and_says_what_to_do() {
    in_time(|| {
        let runtime = Rc::new(Runtime::new().unwrap());
        let other = Rc::new(Runtime::new().unwrap());
        let attempts: Vec<Box<dyn FnOnce()>> = vec![
            Box::new(|| quintet::block_on(async {})),
            Box::new({
                let runtime = Rc::clone(&runtime);
                move || runtime.block_on(async {})
            }),
            Box::new({
                let other = Rc::clone(&other);
                move || other.block_on(async {})
            }),
        ];

        for attempt in attempts {
            let in_task = runtime.spawn(async { panic_message(attempt) });
            let message = runtime.block_on(in_task).unwrap();
            assert!(
                message.contains("is running on this thread already"),
                "{message}"
            );
            assert!(message.contains("`.await`"), "{message}");
            assert!(message.contains("`spawn_blocking`"), "{message}");
        }

        assert_eq!(runtime.block_on(async { 1 }), 1, "no harm is done");
        assert_eq!(other.block_on(async { 2 }), 2);
    });
}

#[test]
fn runtimes_of_one_thread_run_in_turns() {
    in_time(|| {
        let first = Runtime::builder().name("first").build().unwrap();
        let second = Runtime::builder().name("second").build().unwrap();
        let (to_second, from_first) = oneshot::channel();
        let (to_first, from_second) = oneshot::channel();
        let one = first.spawn(async move {
            yield_now().await;
            to_second.send(1).unwrap();
            from_second.await.unwrap() + 10
        });
        let two = second.spawn(async move {
            let number: i32 = from_first.await.unwrap();
            sleep(Duration::from_micros(10)).await;
            to_first.send(number + 1).unwrap();
            Handle::current().name().map(str::to_owned)
        });

        for _ in 0..3 {
            first.block_on(yield_now());
            second.block_on(yield_now());
        }

        assert_eq!(second.block_on(two).unwrap().as_deref(), Some("second"));
        assert_eq!(first.block_on(one).unwrap(), 12);
    });
}

#[test]
fn a_task_may_spawn_onto_another_runtime_of_its_thread() {
    in_time(|| {
        let first = Runtime::new().unwrap();
        let second = Runtime::builder().name("second").build().unwrap();

        let mut task = None;
        first.block_on(async {
            let there = second.spawn(async { Handle::current().name().map(str::to_owned) });
            let guard = second.enter();
            drop(spawn(async {}));
            assert_eq!(Handle::current().name(), Some("second"));
            drop(guard);
            assert_eq!(Handle::current().name(), None);
            settle().await;
            assert!(!there.is_finished(), "the second does not run");
            task = Some(there);
        });

        let task = task.unwrap();
        assert_eq!(second.block_on(task).unwrap().as_deref(), Some("second"));
    });
}

#[test]
fn a_runtime_may_be_made_run_by_others_and_dropped_in_any_order() {
    in_time(|| {
        let mut runtimes: Vec<_> = (0..6).map(|_| Runtime::new().unwrap()).collect();
        let alive = Rc::new(());
        for runtime in &runtimes {
            let inside = Rc::clone(&alive);
            runtime.spawn(async move {
                let _inside = inside;
                pending::<()>().await;
            });
            runtime.block_on(settle());
        }
        assert_eq!(Rc::strong_count(&alive), 7);

        drop(runtimes.remove(2));
        drop(runtimes.remove(0));
        runtimes[1].block_on(yield_now());
        drop(runtimes);

        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn guards_nest_and_restore_what_was_there() {
    in_time(|| {
        let outer = Runtime::builder().name("outer").build().unwrap();
        let inner = Runtime::builder().name("inner").build().unwrap();
        let name = || {
            Handle::try_current()
                .ok()
                .map(|handle| handle.name().map(str::to_owned))
        };
        let named = |name: &str| Some(Some(name.to_owned()));

        let first = outer.enter();
        let second = inner.enter();
        assert_eq!(name(), named("inner"));
        let third = outer.enter();
        assert_eq!(name(), named("outer"));
        drop(third);
        assert_eq!(name(), named("inner"));
        inner.block_on(async { assert_eq!(name(), named("inner")) });
        outer.block_on(async { assert_eq!(name(), named("outer")) });
        drop(second);
        assert_eq!(name(), named("outer"));
        drop(first);

        assert_eq!(name(), None);
    });
}

#[test]
fn what_is_spawned_under_a_guard_runs_in_the_next_run() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let guard = runtime.enter();
        let tasks = [
            spawn(async { 1 }),
            set_immediate(|| 2),
            spawn_blocking(|| 4),
            Handle::current().spawn(async { 8 }),
        ];
        drop(guard);
        assert!(Handle::try_current().is_err());

        let sum = runtime.block_on(async {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });

        assert_eq!(sum, 15);
    });
}

#[test]
fn a_phase_budget_of_one_keeps_everything_going() {
    in_time(|| {
        let mut builder = Runtime::builder();
        let runtime = builder.phase_budget(1).worker_threads(1).build().unwrap();

        let sum = runtime.block_on(async {
            let (sender, receiver) = oneshot::channel();
            let tasks: Vec<JoinHandle<i32>> = vec![
                spawn(async { 1 }),
                spawn(async {
                    yield_now().await;
                    2
                }),
                spawn(async {
                    sleep(Duration::from_micros(10)).await;
                    4
                }),
                set_immediate(|| 8),
                spawn_blocking(|| 16),
                Handle::current().spawn(async { 32 }),
                spawn(async { receiver.await.unwrap() }),
            ];
            drop(thread::spawn(|| sender.send(64)));
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });

        assert_eq!(sum, 127);
    });
}

#[test]
fn wakers_of_another_executor_can_drive_what_a_guard_gives() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (counter, waker) = CountingWaker::new();
        let mut task = runtime.spawn(async { "output" });
        let guard = runtime.enter();
        let mut timer = Box::pin(sleep(Duration::from_micros(1)));
        let mut turn = yield_now();
        assert!(poll_with(&mut task, &waker).is_pending());
        assert!(poll_with(&mut timer, &waker).is_pending());
        assert!(poll_with(&mut turn, &waker).is_pending());

        runtime.block_on(async {
            sleep(Duration::from_millis(1)).await;
            // A thread that was held up gets here in the first tick, before its check phase.
            yield_now().await;
        });

        assert_eq!(counter.wakes(), 3);
        assert_eq!(
            poll_with(&mut task, &waker).map(Result::unwrap),
            Poll::Ready("output")
        );
        assert!(poll_with(&mut timer, &waker).is_ready());
        assert!(poll_with(&mut turn, &waker).is_ready());
        drop(guard);
    });
}

#[test]
fn builders_refuse_what_makes_no_sense_and_say_why() {
    type Mistake = fn(&mut Builder) -> &mut Builder;
    let cases: [(&str, Mistake); 3] = [
        ("between 1 and 1024 worker threads, not 0", |builder| {
            builder.worker_threads(0)
        }),
        ("between 1 and 1024 worker threads, not 1025", |builder| {
            builder.worker_threads(1025)
        }),
        ("at least one poll", |builder| builder.phase_budget(0)),
    ];
    for (reason, mistake) in cases {
        let message = panic_message(|| mistake(&mut Builder::new()).clone());

        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_builder_builds_more_than_once() {
    in_time(|| {
        let mut builder = Builder::default();
        builder
            .name("twin")
            .worker_threads(1024)
            .phase_budget(u32::MAX);
        builder
            .thread_keep_alive(Duration::MAX)
            .shutdown_grace(Duration::MAX);

        let twins = [builder.build().unwrap(), builder.clone().build().unwrap()];

        for twin in twins {
            assert_eq!(twin.handle().name(), Some("twin"));
            twin.block_on(async { spawn_blocking(|| ()).await.unwrap() });
            assert!(format!("{twin:?}").contains("twin"), "{twin:?}");
        }
    });
}

#[test]
fn runs_and_tasks_leave_no_memory_behind() {
    /// How much of its memory this process has in use, in KiB.
    fn memory() -> usize {
        let status = fs::read_to_string("/proc/self/status").expect("proc is mounted");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let amount = line.and_then(|line| line.trim().strip_suffix(" kB"));
        amount
            .expect("the kernel says how much")
            .parse()
            .expect("a number")
    }
    /// So many that what stays of each would show, and so few that they do not take long under a
    /// sanitizer.
    const TASKS: usize = 25_000;
    fn work(runtime: &Runtime) {
        for _ in 0..TASKS {
            runtime.block_on(async { drop(spawn(async {})) });
        }
        runtime.block_on(async {
            for _ in 0..TASKS {
                spawn(async {}).await.unwrap();
                drop(set_immediate(|| ()));
                let aborted = spawn(pending::<()>());
                aborted.abort();
            }
            yield_now().await;
        });
    }

    let body = |_: &OsStr| {
        let runtime = Runtime::new().unwrap();
        // The queues find their size, and the allocator its ways.
        work(&runtime);
        work(&runtime);
        let before = memory();

        work(&runtime);

        // What stays of a task is some 100 bytes at least.
        let more = memory().saturating_sub(before);
        assert!(more < TASKS * 50 / 1024, "{more} KiB more");
    };
    let test = "runtimes::runs_and_tasks_leave_no_memory_behind";
    with_workers(test, &[OsString::from("1")], body);
}

#[test]
fn the_environment_sets_the_number_of_workers() {
    let body = |value: &OsStr| {
        let workers = usize::min(value.to_str().unwrap().parse().unwrap(), 8);
        quintet::block_on(async {
            // So many jobs run at the same time, and with fewer workers than jobs no more.
            let (started, starts) = mpsc::channel();
            let (releases, jobs): (Vec<_>, Vec<_>) = (0..8)
                .map(|_| {
                    let started = started.clone();
                    let (release, released) = mpsc::channel::<()>();
                    let job = spawn_blocking(move || {
                        started.send(thread::current().id()).unwrap();
                        assert!(released.recv().is_err());
                    });
                    (release, job)
                })
                .unzip();
            let mut threads: HashSet<_> = starts.iter().take(workers).collect();
            assert_eq!(threads.len(), workers);
            drop((started, releases));
            for job in jobs {
                job.await.unwrap();
            }
            threads.extend(starts);
            assert_eq!(threads.len(), workers);
        });
    };
    let values = ["1", "3", "1024"].map(OsString::from);

    with_workers(
        "runtimes::the_environment_sets_the_number_of_workers",
        &values,
        body,
    );
}

#[test]
fn the_environment_must_set_a_number_that_makes_sense() {
    let body = |_: &OsStr| {
        let error = Runtime::new().map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        println!("error: {error}");
        let message = panic_message(|| quintet::block_on(async {}));
        println!("panic: {message}");

        let sure = Runtime::builder().worker_threads(2).build();
        sure.unwrap()
            .block_on(async { spawn_blocking(|| ()).await.unwrap() });
    };
    let values = [
        "0",
        "1025",
        "-1",
        "",
        " 4",
        "four",
        "4.0",
        "99999999999999999999",
    ];
    let mut values = values.map(OsString::from).to_vec();
    values.push(OsStr::from_bytes(b"4\xff").to_owned());

    let test = "runtimes::the_environment_must_set_a_number_that_makes_sense";
    for (value, output) in with_workers(test, &values, body) {
        let text = String::from_utf8_lossy(&output.stdout);
        for beginning in ["error: ", "panic: "] {
            let line = text.lines().find(|line| line.starts_with(beginning));
            let line = line.unwrap_or_else(|| panic!("{value:?}: {text}"));
            assert!(line.contains("QUINTET_WORKERS"), "{line}");
            assert!(line.contains(&format!("{value:?}")), "{line}");
            assert!(line.contains("between 1 and 1024"), "{line}");
        }
    }
}

/// Calls `body` with each of `values`, as the value of `QUINTET_WORKERS`, in a process of its own,
/// which must end well, and returns what it wrote; `test` is the test that calls this. In those
/// processes the result is empty.
fn with_workers(test: &str, values: &[OsString], body: fn(&OsStr)) -> Vec<(OsString, Output)> {
    const WORKERS: &str = "QUINTET_WORKERS";
    let outputs = values.iter().map_while(|value| {
        let mut child = child(test);
        child.env(WORKERS, value);
        let output = in_a_child(child, || {
            body(&env::var_os(WORKERS).expect("set by the parent"));
        });
        Some((value.clone(), output?))
    });
    outputs.collect()
}

#[test]
fn a_name_that_no_thread_can_have_is_an_error() {
    for name in ["a\0b", "\0"] {
        let error = Runtime::builder().thread_name(name).build().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("NUL"), "{error}");
    }
    let runtime = Runtime::builder().thread_name("a\u{300}").build().unwrap();
    runtime
        .block_on(async { spawn_blocking(|| ()).await })
        .unwrap();
}
