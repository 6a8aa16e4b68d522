//! The ways to run a runtime: until nothing is alive, once, until it stalls; and what is alive.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;

use futures::channel::oneshot;
use quintet::net::TcpListener;
use quintet::runtime::{Builder, Runtime, UnhandledPanic, before_exit, on_exit};
use quintet::signal::unix::{SignalKind, signal};
use quintet::task::{set_immediate, yield_now};
use quintet::time::{Duration, Instant, interval, sleep, sleep_until};
use quintet::{spawn, spawn_blocking};

use crate::support::alarm::can_set_alarm;
use crate::support::patience::in_time;
use crate::support::skipped::skip;

const LONG: Duration = Duration::from_secs(3600);

/// A log that closures share.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn text(&self) -> String {
        self.0.borrow().join(" ")
    }
}

fn paused() -> Runtime {
    let paused = Builder::new().start_paused(true).build();
    paused.expect("descriptors for a runtime")
}

// ---- What keeps a loop alive -----------------------------------------------------------------

#[test]
fn run_ends_at_once_where_there_is_nothing() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        runtime.run().unwrap();
        runtime.run().unwrap();
    });
}

#[test]
fn run_waits_for_sleeps_jobs_immediates_yields_and_closes() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let log = Log::default();
        for (name, wait) in [("a", 1), ("b", 2)] {
            let log = log.clone();
            runtime.spawn(async move {
                sleep(Duration::from_millis(wait)).await;
                yield_now().await;
                let inner = log.clone();
                set_immediate(move || inner.add(format!("immediate-{name}")));
                spawn_blocking(|| {}).await.unwrap();
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                listener.close().await;
                log.add(name);
            });
        }
        runtime.run().unwrap();
        for line in ["a", "b", "immediate-a", "immediate-b"] {
            assert_eq!(
                log.0.borrow().iter().filter(|l| *l == line).count(),
                1,
                "{line}"
            );
        }
    });
}

#[test]
fn run_waits_for_a_detached_job_of_each_origin() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (done, is_done) = mpsc::channel();
        let second = done.clone();
        drop(runtime.spawn_blocking(move || done.send(1)));
        drop(runtime.handle().spawn_blocking(move || second.send(2)));
        runtime.run().unwrap();
        let mut ended: Vec<i32> = is_done.try_iter().collect();
        ended.sort_unstable();
        assert_eq!(ended, [1, 2]);
    });
}

/// Takes its time to wake.
struct SlowWaker(mpsc::Sender<()>);

impl Wake for SlowWaker {
    fn wake(self: Arc<Self>) {
        thread::sleep(Duration::from_millis(20));
        self.0.send(()).expect("the test waits for it");
    }
}

#[test]
fn run_waits_until_the_task_that_awaits_a_job_elsewhere_is_woken() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (begin, may_begin) = mpsc::channel::<()>();
        let (woken, is_woken) = mpsc::channel();
        let job = runtime.handle().spawn_blocking(move || may_begin.recv());
        let mut job = pin!(job);
        let waker = Waker::from(Arc::new(SlowWaker(woken)));
        let polled = job.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        begin.send(()).unwrap();
        runtime.run().unwrap();
        is_woken.try_recv().unwrap();
    });
}

#[test]
fn run_waits_for_a_task_that_comes_from_another_thread_while_a_guard_lives() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let guard = handle.keep_alive();
        let thread = thread::spawn(move || {
            let second = guard.clone();
            drop(guard);
            let sum = quintet::block_on(handle.spawn(async { 1 + 2 })).unwrap();
            drop(second);
            sum
        });
        runtime.run().unwrap();
        assert_eq!(thread.join().unwrap(), 3);
    });
}

#[test]
fn what_is_unreferenced_keeps_nothing_alive() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        runtime.spawn(async {
            let sleep = sleep(LONG);
            sleep.unref();
            assert!(!sleep.has_ref());
            sleep.await;
        });
        runtime.spawn(async {
            let mut beat = interval(LONG);
            beat.unref();
            beat.tick().await;
            beat.tick().await;
        });
        runtime.spawn(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.unref();
            listener.accept().await.unwrap();
        });
        runtime.spawn(async {
            let mut signals = signal(SignalKind::user_defined2()).unwrap();
            signals.unref();
            signals.recv().await;
        });
        let task = runtime.spawn(sleep(LONG));
        task.unref();
        assert!(!task.has_ref());
        let (release, is_released) = mpsc::channel::<()>();
        let job = runtime.spawn_blocking(move || is_released.recv());
        job.unref();
        let elsewhere = runtime.handle().spawn(sleep(LONG));
        elsewhere.unref();
        assert!(!elsewhere.has_ref());

        runtime.run().unwrap();

        assert!(!task.is_finished());
        assert!(!job.is_finished());
        drop(release);
    });
}

#[test]
fn unref_of_what_already_waits_ends_the_run_and_ref_takes_it_back() {
    in_time(|| {
        let runtime = paused();
        let log = Log::default();
        let line = log.clone();
        let task = runtime.spawn(async move {
            sleep(LONG).await;
            line.add("slept");
        });
        runtime.run_until_stalled();
        task.unref();
        task.unref();
        runtime.run().unwrap();
        assert_eq!(log.text(), "");
        task.ref_();
        task.ref_();
        runtime.run().unwrap();
        assert_eq!(log.text(), "slept");
    });
}

#[test]
fn unref_from_another_thread_ends_the_run() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(sleep(LONG));
        let (send, receive) = mpsc::channel();
        let thread = thread::spawn(move || {
            let task: quintet::task::JoinHandle<()> = receive.recv().unwrap();
            task.unref();
        });
        runtime.spawn(async move { send.send(task).unwrap() });
        runtime.run().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn an_unreferenced_source_that_is_registered_can_be_changed() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .map(Rc::new)
            .unwrap();
        let accepting = Rc::clone(&listener);
        runtime.spawn(async move { accepting.accept().await.map(drop) });
        runtime.run_until_stalled();
        listener.unref();
        runtime.run().unwrap();
        listener.ref_();
        assert!(listener.has_ref());
        let addr = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(addr).unwrap();
        runtime.run().unwrap();
        drop(client);
    });
}

#[test]
fn a_file_operation_of_an_unreferenced_task_keeps_nothing_alive() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let polls = Rc::new(Cell::new(0));
        let count = Rc::clone(&polls);
        runtime
            .spawn(async move {
                loop {
                    count.set(count.get() + 1);
                    quintet::fs::metadata("/").await.unwrap();
                }
            })
            .unref();
        runtime.run().unwrap();
        assert!(polls.get() > 0);
    });
}

#[test]
fn an_unreferenced_immediate_runs_in_company_and_stays_alone() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let _guard = runtime.enter();
        let log = Log::default();
        for name in ["unref", "ref"] {
            let log = log.clone();
            let immediate = set_immediate(move || log.add(name));
            if name == "unref" {
                immediate.unref();
            }
        }
        runtime.run().unwrap();
        assert_eq!(log.text(), "unref ref");
        let alone = log.clone();
        set_immediate(move || alone.add("alone")).unref();
        runtime.run().unwrap();
        assert_eq!(log.text(), "unref ref");
    });
}

#[test]
fn a_combinator_waits_for_its_task() {
    in_time(|| {
        let runtime = paused();
        let sleeps = (0..100).map(|n| sleep(Duration::from_secs(n)));
        // More than thirty: each gets a waker of its own.
        let task = runtime.spawn(futures::future::join_all(sleeps));
        runtime.run().unwrap();
        assert!(task.is_finished());
        let task = runtime.spawn(futures::future::join_all((0..100).map(|_| sleep(LONG))));
        task.unref();
        runtime.run().unwrap();
        assert!(!task.is_finished());
    });
}

// ---- Stalled ---------------------------------------------------------------------------------

#[test]
fn a_task_that_waits_for_nothing_of_the_loop_stalls_it_and_is_named() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (_sender, receiver) = oneshot::channel::<()>();
        let line = line!() + 1;
        drop(runtime.spawn(receiver));
        let error = runtime.run().unwrap_err();
        assert_eq!(error.tasks().len(), 1);
        assert_eq!(error.tasks()[0].location().line(), line);
        let text = error.to_string();
        assert!(
            text.contains(&format!("tests/event_loop/run.rs:{line}:")),
            "{text}"
        );
        assert!(text.contains("nothing can wake a task"), "{text}");
        assert_eq!(format!("{error:?}"), text);
        // Nothing was dropped.
        runtime.run().unwrap_err();
        assert_eq!(runtime.dump().tasks().len(), 1);
    });
}

#[test]
fn a_stalled_loop_goes_on_when_it_is_woken() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (sender, receiver) = oneshot::channel::<u32>();
        let task = runtime.spawn(receiver);
        runtime.run().unwrap_err();
        sender.send(5).unwrap();
        runtime.run().unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), Ok(5));
    });
}

#[test]
fn a_task_that_awaits_one_that_may_go_on_is_not_stalled() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let inner = runtime.spawn(async {
            let sleep = sleep(LONG);
            sleep.unref();
            sleep.await;
        });
        let middle = runtime.spawn(inner);
        let _outer = runtime.spawn(middle);
        runtime.run().unwrap();
    });
}

#[test]
fn tasks_that_await_each_other_are_stalled() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let inner = runtime.spawn(pending::<()>());
        let _outer = runtime.spawn(inner);
        let error = runtime.run().unwrap_err();
        assert_eq!(error.tasks().len(), 2);
        assert!(
            error.to_string().contains("waits for the end of task"),
            "{error}"
        );
    });
}

#[test]
fn an_unreferenced_task_stalls_nothing() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        runtime.spawn(pending::<()>()).unref();
        runtime.run().unwrap();
    });
}

// ---- Stop, hooks, exit -----------------------------------------------------------------------

#[test]
fn stop_ends_the_run_after_its_tick_and_loses_nothing() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let log = Log::default();
        let handle = runtime.handle().clone();
        let lines = log.clone();
        runtime.spawn(async move {
            yield_now().await;
            handle.stop();
            lines.add("stopped");
            yield_now().await;
            lines.add("later");
        });
        runtime.run().unwrap();
        assert_eq!(log.text(), "stopped");
        runtime.run().unwrap();
        assert_eq!(log.text(), "stopped later");
    });
}

#[test]
fn stop_from_another_thread_ends_a_wait() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let task = runtime.spawn(sleep(LONG));
        let (is_running, run) = mpsc::channel();
        let thread = thread::spawn(move || {
            run.recv().unwrap();
            handle.stop();
        });
        runtime.spawn(async move { is_running.send(()).unwrap() });
        runtime.run().unwrap();
        thread.join().unwrap();
        assert!(!task.is_finished());
    });
}

#[test]
fn a_stop_does_not_keep_block_on_from_its_end() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        runtime.handle().stop();
        let two = runtime.block_on(async {
            sleep(Duration::from_millis(2)).await;
            2
        });
        assert_eq!(two, 2);
    });
}

#[test]
fn before_exit_may_revive_the_loop() {
    in_time(|| {
        let runtime = paused();
        let log = Log::default();
        let guard = runtime.enter();
        let (lines, mut times) = (log.clone(), 0);
        before_exit(move || {
            lines.add(format!("before-{times}"));
            times += 1;
            if times < 3 {
                let (lines, number) = (lines.clone(), times);
                spawn(async move {
                    sleep(LONG).await;
                    lines.add(format!("timer-{number}"));
                });
            }
        });
        let lines = log.clone();
        on_exit(move |code| lines.add(format!("exit-{code}")));
        drop(guard);
        let lines = log.clone();
        runtime.spawn(async move { lines.add("main") });
        runtime.run().unwrap();
        drop(runtime);
        assert_eq!(
            log.text(),
            "main before-0 timer-1 before-1 timer-2 before-2 exit-0"
        );
    });
}

#[test]
fn a_hook_that_panics_is_kept_and_its_panic_comes_out_of_run() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let guard = runtime.enter();
        let calls = Rc::new(Cell::new(0));
        let count = Rc::clone(&calls);
        before_exit(move || {
            count.set(count.get() + 1);
            assert!(count.get() > 1, "the first time");
        });
        drop(guard);
        let payload = catch_unwind(AssertUnwindSafe(|| runtime.run())).unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "the first time");
        runtime.run().unwrap();
        assert_eq!(calls.get(), 2);
    });
}

#[test]
fn an_unhandled_panic_may_end_the_runtime() {
    in_time(|| {
        for way in ["block_on", "run", "turn", "elsewhere"] {
            let runtime = Builder::new()
                .quiet()
                .unhandled_panic(UnhandledPanic::ShutdownRuntime)
                .build()
                .unwrap();
            let log = Log::default();
            let sibling = log.clone();
            runtime.spawn(async move {
                struct OnDrop(Log);
                impl Drop for OnDrop {
                    fn drop(&mut self) {
                        self.0.add("dropped");
                    }
                }
                let _guard = OnDrop(sibling);
                pending::<()>().await;
            });
            if way == "elsewhere" {
                drop(runtime.handle().spawn(async { panic!("oh") }));
            } else {
                drop(runtime.spawn(async { panic!("oh") }));
            }
            let later = log.clone();
            runtime.spawn(async move {
                yield_now().await;
                later.add("not this");
            });
            let payload = catch_unwind(AssertUnwindSafe(|| match way {
                "block_on" => runtime.block_on(pending()),
                "turn" | "elsewhere" => while runtime.turn(None) {},
                _ => runtime.run().unwrap(),
            }));
            assert_eq!(
                *payload.unwrap_err().downcast::<&str>().unwrap(),
                "oh",
                "{way}"
            );
            assert_eq!(log.text(), "dropped", "{way}");
            let again = catch_unwind(AssertUnwindSafe(|| runtime.run())).unwrap_err();
            let message = again.downcast::<&str>().map(|text| text.to_string());
            assert!(message.unwrap().contains("has been shut down"), "{way}");
        }
    });
}

#[test]
fn an_awaited_panic_ends_nothing() {
    in_time(|| {
        let runtime = Builder::new()
            .unhandled_panic(UnhandledPanic::ShutdownRuntime)
            .build()
            .unwrap();
        let error = runtime.block_on(async { spawn(async { panic!("oh") }).await });
        assert!(error.unwrap_err().is_panic());
    });
}

// ---- Once, and until it stalls ---------------------------------------------------------------

#[test]
fn a_turn_runs_one_tick() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let log = Log::default();
        let lines = log.clone();
        runtime.spawn(async move {
            for n in 0..3 {
                lines.add(n.to_string());
                yield_now().await;
            }
        });
        assert!(runtime.turn(Some(Duration::ZERO)));
        assert_eq!(log.text(), "0 1");
        assert!(runtime.turn(None));
        assert!(!runtime.turn(None));
        assert_eq!(log.text(), "0 1 2");
        assert!(!runtime.turn(None), "nothing is alive, so it does not wait");
    });
}

#[test]
fn a_turn_waits_no_longer_than_it_is_told() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(sleep(LONG));
        assert!(runtime.turn(Some(Duration::ZERO)));
        assert!(runtime.turn(Some(Duration::from_millis(2))));
        assert!(!task.is_finished());
    });
}

#[test]
fn a_turn_without_a_limit_waits_until_something_happens() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(sleep(Duration::from_millis(3)));
        while runtime.turn(None) {}
        assert!(task.is_finished());
    });
}

#[test]
fn until_stalled_does_all_there_is_and_does_not_wait() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let log = Log::default();
        let lines = log.clone();
        let start = Instant::now();
        runtime.spawn(async move {
            for n in 0..5 {
                sleep(Duration::ZERO).await;
                yield_now().await;
                lines.add(n.to_string());
            }
            sleep_until(start + LONG).await;
            lines.add("no");
        });
        runtime.run_until_stalled();
        assert_eq!(log.text(), "0 1 2 3 4");
    });
}

#[test]
fn running_inside_a_task_panics_in_every_way_and_says_what_to_do() {
    in_time(|| {
        let runtime = Rc::new(Runtime::new().unwrap());
        type Way = fn(&Runtime);
        let ways: [(&str, Way); 3] = [
            ("run", |runtime| runtime.run().unwrap()),
            ("turn", |runtime| assert!(runtime.turn(None))),
            ("run_until_stalled", Runtime::run_until_stalled),
        ];
        for (name, way) in ways {
            let inner = Rc::clone(&runtime);
            let task = runtime.spawn(async move {
                let result = catch_unwind(AssertUnwindSafe(|| way(&inner)));
                *result.unwrap_err().downcast::<String>().unwrap()
            });
            let message = runtime.block_on(task).unwrap();
            assert!(message.contains(&format!("`{name}`")), "{message}");
            assert!(
                message.contains("is running on this thread already"),
                "{message}"
            );
        }
    });
}

// ---- The descriptor --------------------------------------------------------------------------

/// Whether the runtime's descriptor is readable now, or within so many milliseconds.
fn is_readable(runtime: &Runtime, millis: i64) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(runtime, PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: millis / 1000,
        tv_nsec: millis % 1000 * 1_000_000,
    };
    poll(&mut fds, Some(&timeout)).expect("poll works") == 1
}

/// Turns until nothing is to be done, and asserts that the descriptor agrees.
fn settle(runtime: &Runtime) {
    for _ in 0..100 {
        if !is_readable(runtime, 0) {
            return;
        }
        runtime.turn(Some(Duration::ZERO));
    }
    panic!("the descriptor stays readable, but nothing is to be done");
}

const SOON: i64 = 30_000;

#[test]
fn the_descriptor_tells_of_everything_that_a_turn_would_do() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let _fd = runtime.as_fd();
        settle(&runtime);

        // A task that is spawned from outside.
        let task = runtime.spawn(async {});
        assert!(is_readable(&runtime, 0));
        settle(&runtime);
        assert!(task.is_finished());

        // A wake from another thread, and one from this.
        let (sender, receiver) = oneshot::channel::<()>();
        let task = runtime.spawn(receiver);
        settle(&runtime);
        thread::spawn(move || sender.send(()))
            .join()
            .unwrap()
            .unwrap();
        assert!(is_readable(&runtime, 0));
        settle(&runtime);
        assert!(task.is_finished());
        let (sender, receiver) = oneshot::channel::<()>();
        let task = runtime.spawn(receiver);
        settle(&runtime);
        sender.send(()).unwrap();
        assert!(is_readable(&runtime, 0));
        settle(&runtime);
        assert!(task.is_finished());

        // A job's result.
        let job = runtime.spawn_blocking(|| ());
        assert!(is_readable(&runtime, SOON));
        settle(&runtime);
        assert!(job.is_finished());

        // A socket.
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let addr = listener.local_addr().unwrap();
        let task = runtime.spawn(async move { listener.accept().await.map(drop) });
        settle(&runtime);
        let _client = std::net::TcpStream::connect(addr).unwrap();
        assert!(is_readable(&runtime, SOON));
        settle(&runtime);
        assert!(task.is_finished());

        // A spawn through the handle, an immediate, an abort.
        let task = runtime.handle().spawn(async {});
        assert!(is_readable(&runtime, 0));
        settle(&runtime);
        assert!(task.is_finished());
        let guard = runtime.enter();
        let immediate = set_immediate(|| ());
        drop(guard);
        assert!(is_readable(&runtime, 0));
        settle(&runtime);
        assert!(immediate.is_finished());
        let task = runtime.spawn(pending::<()>());
        settle(&runtime);
        task.abort();
        assert!(is_readable(&runtime, 0));
        settle(&runtime);
        assert!(task.is_finished());
    });
}

#[test]
fn a_timer_that_is_armed_in_a_turn_is_told_of() {
    if !can_set_alarm() {
        skip("the descriptor tells of no timer, as the OS has no timerfd");
        return;
    }
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        settle(&runtime);
        let task = runtime.spawn(sleep(Duration::from_millis(3)));
        settle(&runtime);
        assert!(is_readable(&runtime, SOON));
        while !task.is_finished() {
            assert!(is_readable(&runtime, SOON));
            runtime.turn(Some(Duration::ZERO));
        }
        settle(&runtime);
    });
}

#[test]
fn a_timer_that_is_armed_or_reset_outside_of_a_turn_is_told_of() {
    if !can_set_alarm() {
        skip("the descriptor tells of no timer, as the OS has no timerfd");
        return;
    }
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        settle(&runtime);
        let guard = runtime.enter();
        let mut early = Box::pin(sleep(Duration::from_millis(3)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(early.as_mut().poll(&mut cx).is_pending());
        assert!(is_readable(&runtime, SOON));
        runtime.turn(Some(Duration::ZERO));
        while !early.is_elapsed() {
            assert!(is_readable(&runtime, SOON));
            runtime.turn(Some(Duration::ZERO));
        }
        early
            .as_mut()
            .reset(Instant::now() + Duration::from_millis(3));
        assert!(is_readable(&runtime, SOON));
        drop(guard);
    });
}

#[test]
fn work_that_block_on_leaves_is_told_of() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        settle(&runtime);
        runtime.block_on(async {
            spawn(async {});
        });
        assert!(is_readable(&runtime, 0));
        settle(&runtime);
    });
}

#[test]
fn the_next_deadline_is_that_of_the_next_turn() {
    in_time(|| {
        let runtime = paused();
        assert_eq!(runtime.next_deadline(), None);
        runtime.spawn(async {});
        assert!(runtime.next_deadline().is_some());
        runtime.run().unwrap();
        assert_eq!(runtime.next_deadline(), None);

        let runtime = Runtime::new().unwrap();
        let deadline = Instant::now() + LONG;
        runtime.spawn(sleep_until(deadline));
        runtime.run_until_stalled();
        assert_eq!(runtime.next_deadline(), Some(deadline));
    });
}
