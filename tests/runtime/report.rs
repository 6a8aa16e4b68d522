//! Reports: what a runtime has to say that no result carries, and where it goes.

use std::fs::OpenOptions;
use std::future::{pending, poll_fn};
use std::panic::Location;
use std::process::Stdio;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use quintet::runtime::{Builder, Handle, Report, Runtime, UnhandledPanic, WaitReason, on_exit};
use quintet::sync::{self, Notify, Semaphore, oneshot, watch};
use quintet::task::{self, CancellationToken, JoinHandle};
use quintet::{spawn, spawn_blocking};

use crate::support::child::{assert_ran, child, in_a_child, is_child};
use crate::support::drops::{OnDrop, PanicsWhenDropped};
use crate::support::patience::in_time;
use crate::support::reports::{Reports, reports};
use crate::support::turns::settle;
use crate::support::wakers::{hooked_waker, poll_with};

/// Runs `test` on a runtime, and returns what was reported until that has ended.
fn reported(test: impl AsyncFnOnce()) -> Vec<Report> {
    reported_on(&mut Builder::new(), test)
}

fn reported_on(builder: &mut Builder, test: impl AsyncFnOnce()) -> Vec<Report> {
    in_time(|| {
        let reports = Reports::of(builder);
        let runtime = builder.build().expect("descriptors for a runtime");
        runtime.block_on(test());
        drop(runtime);
        reports.take()
    })
}

#[track_caller]
fn only<T: std::fmt::Debug>(list: Vec<T>) -> T {
    let [one] = <[T; 1]>::try_from(list).expect("one report");
    one
}

#[test]
fn a_panic_of_a_task_without_a_handle_is_reported_with_the_task() {
    let line = line!() + 4;
    let mut id = None;
    let reports = reported(async || {
        let named = task::Builder::new().name("the named one");
        let task: JoinHandle<()> = named.spawn(async { panic!("message") });
        id = Some(task.id());
        drop(task);
        settle().await;
    });
    let Report::TaskPanicked { task, message, .. } = only(reports) else {
        panic!("it was a task that panicked");
    };
    assert_eq!(Some(task.id()), id);
    assert_eq!(task.name(), Some("the named one"));
    assert_eq!(
        (task.location().file(), task.location().line()),
        (file!(), line)
    );
    assert_eq!(message, "message");
}

#[test]
fn a_panic_of_a_job_without_a_handle_is_reported_on_its_worker() {
    in_time(|| {
        let (reports, reported) = mpsc::channel();
        let runtime = Builder::new()
            .on_report(move |report| {
                let _test_is_over = reports.send((report.clone(), thread::current().id()));
            })
            .build()
            .unwrap();
        let (release, released) = mpsc::channel::<()>();
        let job = runtime.handle().spawn_blocking(move || {
            let _handle_is_gone = released.recv();
            panic!("of a job")
        });
        let id = job.id();
        drop::<JoinHandle<()>>(job);
        drop(release);

        let (report, thread) = reported.recv().unwrap();

        assert_ne!(thread, thread::current().id());
        assert!(
            matches!(&report, Report::TaskPanicked { task, message, .. }
                if task.id() == id && message == "of a job"),
            "{report:?}"
        );
    });
}

#[test]
fn a_panic_of_a_destructor_is_reported() {
    let reports = reported(async || {
        let task = spawn(async {
            let _guard = PanicsWhenDropped("of a future");
            pending::<()>().await;
        });
        settle().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        drop(spawn(async { PanicsWhenDropped("of an output") }));
        settle().await;
    });
    let texts: Vec<String> = reports.iter().map(Report::to_string).collect();
    assert_eq!(reports.len(), 2, "{texts:?}");
    for (report, (what, text)) in reports.iter().zip([
        ("the destructor of a task's future", "of a future"),
        ("the destructor of a task's output", "of an output"),
    ]) {
        assert!(
            matches!(report, Report::DestructorPanicked { what: found, message, .. }
                if *found == what && message == text),
            "{report:?}"
        );
        assert!(report.to_string().ends_with(&format!(": {text}")));
    }
}

#[test]
fn a_panic_of_the_destructor_of_a_future_that_has_ended_names_its_task() {
    let mut id = None;
    let reports = reported(async || {
        let guard = PanicsWhenDropped("of a future");
        let named = task::Builder::new().name("the named one");
        let task = named.spawn(poll_fn(move |_| {
            let _captured = &guard;
            Poll::Ready(())
        }));
        id = Some(task.id());
        task.await.unwrap();
    });
    let report = only(reports);
    assert!(
        matches!(&report, Report::DestructorPanicked { task: Some(task), .. }
            if Some(task.id()) == id && task.name() == Some("the named one")),
        "{report:?}"
    );
}

#[test]
fn a_panic_of_an_output_that_a_worker_drops_goes_to_the_runtime_of_the_job() {
    in_time(|| {
        let (reports, reported) = mpsc::channel();
        let runtime = Builder::new()
            .on_report(move |report| {
                let _test_is_over = reports.send(report.clone());
            })
            .build()
            .unwrap();
        let (release, released) = mpsc::channel::<()>();
        let job = runtime.handle().spawn_blocking(move || {
            let _handle_is_gone = released.recv();
            PanicsWhenDropped("of an output")
        });
        let id = job.id();
        drop(job);
        drop(release);

        let report = reported.recv().unwrap();

        assert!(
            matches!(&report, Report::DestructorPanicked { task: Some(task), message, .. }
                if task.id() == id && message == "of an output"),
            "{report:?}"
        );
    });
}

#[test]
fn a_panic_of_a_waker_is_reported_to_the_runtime_that_calls_it() {
    let reports = reported(async || {
        let waker = hooked_waker(|| panic!("of a waker"), || ());
        let (sender, mut receiver) = oneshot::channel::<()>();
        assert!(poll_with(&mut receiver, &waker).is_pending());
        sender.send(()).unwrap();
    });
    let report = only(reports);
    assert!(
        matches!(&report, Report::WakerPanicked { message, .. } if message == "of a waker"),
        "{report:?}"
    );
}

#[test]
fn a_panic_of_a_waker_that_a_job_calls_is_reported_to_the_runtime_of_the_job() {
    for seed in [None, Some(1)] {
        let mut builder = Builder::new();
        if let Some(seed) = seed {
            builder.seed(seed);
        }
        let reports = reported_on(&mut builder, async || {
            let job = || {
                panic_in_a_waker();
                Handle::current()
            };
            drop(spawn_blocking(job).await.unwrap());
        });
        assert!(matches!(only(reports), Report::WakerPanicked { .. }));
    }
}

#[test]
fn a_job_reports_to_its_runtime_after_it_has_run_another_one() {
    let reports = reported(async || {
        let job = spawn_blocking(|| {
            let mut inner = Builder::new();
            let inner_reports = Reports::of(&mut inner);
            inner
                .build()
                .unwrap()
                .block_on(async { panic_in_a_waker() });
            panic_in_a_waker();
            inner_reports.take().len()
        });
        assert_eq!(job.await.unwrap(), 1, "the inner runtime has its own");
    });

    assert!(
        matches!(only(reports), Report::WakerPanicked { .. }),
        "that of the job"
    );
}

#[test]
fn a_panic_of_a_hook_is_reported() {
    let reports = reported(async || on_exit(|_| panic!("of a hook")));
    let report = only(reports);
    assert!(
        matches!(&report, Report::HookPanicked { message, .. } if message == "of a hook"),
        "{report:?}"
    );
}

/// Runs `test` until another thread has got a report, and ends it by a message. Returns the report.
pub(crate) fn first_report(
    builder: &mut Builder,
    test: impl AsyncFnOnce(oneshot::Receiver<()>),
) -> Report {
    let (reports, reported) = mpsc::channel();
    let builder = builder.on_report(move |report| {
        let _test_is_over = reports.send(report.clone());
    });
    let runtime = builder.build().expect("a runtime");
    let (end, ended) = oneshot::channel();
    let other = thread::spawn(move || {
        let report = reported.recv().expect("a report");
        end.send(()).expect("the test waits");
        report
    });
    runtime.block_on(test(ended));
    other.join().expect("it got a report")
}

#[test]
fn a_wait_that_nothing_of_the_loop_can_end_is_reported_with_the_tasks() {
    in_time(|| {
        let report = first_report(&mut Builder::new(), async |end| end.await.unwrap());
        let Report::Stalled { dump, .. } = report else {
            panic!("it waited in vain");
        };
        let [root] = dump.tasks() else {
            panic!("{dump}");
        };
        assert_eq!(root.name(), Some("root"));
        assert!(matches!(root.waits(), [WaitReason::Other(_)]), "{dump}");
    });
}

#[test]
fn a_job_that_outlasts_the_grace_is_reported() {
    in_time(|| {
        let mut builder = Builder::new();
        builder.shutdown_grace(Duration::from_millis(1));
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let line = line!() + 2;
        let reports = reported_on(&mut builder, async || {
            drop(task::Builder::new().name("slow").spawn_blocking(move || {
                begin.send(()).unwrap();
                let _released = released.recv();
            }));
            begun.recv().unwrap();
        });
        drop(release);
        let Report::JobLeftBehind { job, grace, .. } = only(reports) else {
            panic!("a job was left behind");
        };
        assert_eq!(job.name(), Some("slow"));
        assert_eq!(
            (job.location().file(), job.location().line()),
            (file!(), line)
        );
        assert_eq!(grace, Duration::from_millis(1));
    });
}

#[test]
fn no_panic_is_reported_where_panics_are_ignored() {
    let mut builder = Builder::new();
    builder.unhandled_panic(UnhandledPanic::Ignore);
    let reports = reported_on(&mut builder, async || {
        drop::<JoinHandle<()>>(spawn(async { panic!("of a task") }));
        drop(spawn(async { PanicsWhenDropped("of an output") }));
        let guard = PanicsWhenDropped("of a future");
        drop(spawn(async move {
            let _guard = guard;
        }));
        drop(Handle::current().spawn(async { PanicsWhenDropped("of an output") }));
        on_exit(|_| panic!("of a hook"));
        let waker = hooked_waker(|| panic!("of a waker"), || ());
        let mut task = spawn(async {});
        assert!(poll_with(&mut task, &waker).is_pending());
        settle().await;
    });
    assert!(reports.is_empty(), "{reports:?}");
}

#[test]
fn the_function_may_use_the_runtime() {
    in_time(|| {
        let (outcomes, outcome) = mpsc::channel();
        let runtime = Builder::new()
            .on_report(move |_| {
                let handle = Handle::current();
                let task = spawn(async { 1 });
                let from_handle = handle.spawn(async { 2 });
                outcomes.send((handle.dump(), task, from_handle)).unwrap();
            })
            .build()
            .unwrap();
        runtime.block_on(async {
            drop::<JoinHandle<()>>(spawn(async { panic!("of a task") }));
            settle().await;
            let (dump, task, from_handle) = outcome.recv().unwrap();
            assert_eq!(dump.tasks().len(), 3, "{dump}");
            assert_eq!((task.await.unwrap(), from_handle.await.unwrap()), (1, 2));
        });
    });
}

/// Lets a waker panic that waits in `wait`, by `wake`, and does `again` in the report of it.
fn in_a_report<W: Future + Unpin>(
    mut wait: W,
    wake: impl FnOnce(),
    again: impl Fn() + Send + Sync + 'static,
) {
    in_time(|| {
        let (reports, reported) = mpsc::channel();
        let mut builder = Builder::new();
        builder.on_report(move |report| {
            again();
            let _test_is_over = reports.send(report.to_string());
        });
        let runtime = builder.build().expect("descriptors for a runtime");
        let _guard = runtime.enter();
        let waker = hooked_waker(|| panic!("of a waker"), || ());
        assert!(poll_with(&mut wait, &waker).is_pending());
        wake();
        assert_eq!(
            reported.try_recv().as_deref(),
            Ok("a waker panicked: of a waker")
        );
    });
}

#[test]
fn the_function_is_called_under_no_lock() {
    let (sender, mut receiver) = sync::mpsc::channel(2);
    let other = sender.clone();
    in_a_report(
        Box::pin(async move { receiver.recv().await }),
        || sender.try_send(1).unwrap(),
        move || _ = other.try_send(2),
    );
    let semaphore = Arc::new(Semaphore::new(0));
    let other = Arc::clone(&semaphore);
    in_a_report(
        Box::pin(Arc::clone(&semaphore).acquire_owned()),
        || semaphore.add_permits(1),
        move || other.add_permits(1),
    );
    let notify = Arc::new(Notify::new());
    let other = Arc::clone(&notify);
    in_a_report(
        Box::pin(Arc::clone(&notify).notified_owned()),
        || notify.notify_waiters(),
        move || other.notify_one(),
    );
    let (sender, mut receiver) = watch::channel(0);
    let sender = Arc::new(sender);
    let other = Arc::clone(&sender);
    in_a_report(
        Box::pin(async move { receiver.changed().await }),
        || sender.send(1).unwrap(),
        move || _ = other.send(2),
    );
    let token = CancellationToken::new();
    let other = token.clone();
    in_a_report(
        Box::pin(token.clone().cancelled_owned()),
        || token.cancel(),
        move || drop(other.child_token()),
    );
}

#[test]
fn the_function_is_dropped_with_its_runtime_and_its_destructor_may_panic() {
    in_time(|| {
        let (dropped, is_dropped) = mpsc::channel();
        let guard = OnDrop::new(move || {
            dropped.send(()).unwrap();
            panic!("of the function");
        });
        let mut builder = Builder::new();
        builder.on_report(move |_| {
            let _captured = &guard.0;
        });
        let runtime = builder.build().unwrap();
        drop(builder);
        runtime.block_on(async {});
        assert!(is_dropped.try_recv().is_err());

        let mut other = Builder::new();
        let reports = Reports::of(&mut other);
        let other = other.build().unwrap();
        let guard = other.enter();
        drop(runtime);
        drop(guard);

        is_dropped.try_recv().unwrap();
        assert!(only(reports.take_texts()).ends_with("panicked: of the function"));
    });
}

// ---- Standard error --------------------------------------------------------------------------

fn panic_in_a_task(builder: &mut Builder) {
    let runtime = builder.build().expect("descriptors for a runtime");
    drop::<JoinHandle<()>>(runtime.spawn(async { panic!("of a task") }));
    runtime.run_until_stalled();
}

fn panic_in_a_waker() {
    let waker = hooked_waker(|| panic!("of a waker"), || ());
    let (sender, mut receiver) = oneshot::channel::<()>();
    assert!(poll_with(&mut receiver, &waker).is_pending());
    sender.send(()).expect("the receiver is there");
}

/// What is written by the program `test`, with `QUINTET_REPORTS` set to `variable`.
fn written(test: &str, variable: Option<&str>, body: impl FnOnce()) -> Option<Vec<String>> {
    let mut child = child(test);
    match variable {
        Some(value) => child.env("QUINTET_REPORTS", value),
        None => child.env_remove("QUINTET_REPORTS"),
    };
    in_a_child(child, body).map(|output| reports(&output))
}

#[test]
fn without_a_function_reports_are_lines_on_standard_error() {
    let test = "report::without_a_function_reports_are_lines_on_standard_error";
    let lines = written(test, None, || {
        panic_in_a_task(&mut Builder::new());
        // Of no loop.
        panic_in_a_waker();
    });
    let Some(lines) = lines else { return };
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("quintet: task (id "), "{lines:?}");
    assert!(lines[0].ends_with("of a task"), "{lines:?}");
    assert_eq!(lines[1], "quintet: a waker panicked: of a waker");
}

#[test]
fn a_quiet_runtime_writes_nothing() {
    let test = "report::a_quiet_runtime_writes_nothing";
    let lines = written(test, None, || panic_in_a_task(Builder::new().quiet()));
    let Some(lines) = lines else { return };
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn the_environment_can_keep_reports_from_standard_error() {
    let test = "report::the_environment_can_keep_reports_from_standard_error";
    let lines = written(test, Some("off"), || {
        panic_in_a_task(&mut Builder::new());
        panic_in_a_waker();
        // But not from a function.
        let mut builder = Builder::new();
        let reports = Reports::of(&mut builder);
        panic_in_a_task(&mut builder);
        assert_eq!(reports.take().len(), 1);
    });
    let Some(lines) = lines else { return };
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn a_function_that_panics_loses_no_report() {
    let test = "report::a_function_that_panics_loses_no_report";
    let lines = written(test, None, || {
        let mut builder = Builder::new();
        builder.on_report(|_| panic!("of the function"));
        panic_in_a_task(&mut builder);
    });
    let Some(lines) = lines else { return };
    let line = only(lines);
    assert!(
        line.contains("`Builder::on_report` panicked: of the function"),
        "{line}"
    );
    assert!(line.ends_with("of a task"), "{line}");
}

#[test]
fn a_report_that_the_function_causes_does_not_call_it_again() {
    let test = "report::a_report_that_the_function_causes_does_not_call_it_again";
    let lines = written(test, None, || {
        let mut builder = Builder::new();
        let (calls, called) = mpsc::channel();
        builder.on_report(move |_| {
            calls.send(()).unwrap();
            panic_in_a_waker();
        });
        panic_in_a_task(&mut builder);
        // It is called again for the next one.
        panic_in_a_task(&mut builder);
        assert_eq!(called.try_iter().count(), 2);
    });
    let Some(lines) = lines else { return };
    assert_eq!(lines, ["quintet: a waker panicked: of a waker"; 2]);
}

#[test]
fn where_standard_error_takes_nothing_reports_are_lost_and_nothing_else() {
    let test = "report::where_standard_error_takes_nothing_reports_are_lost_and_nothing_else";
    let mut child = child(test);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    child.stderr(Stdio::from(full));
    if is_child() {
        // The usual hook ignores errors, too.
        in_time(|| {
            panic_in_a_task(&mut Builder::new());
            panic_in_a_task(Builder::new().on_report(|_| panic!("of the function")));
        });
        return;
    }
    assert_ran(&child.output().unwrap());
}

#[test]
fn a_task_is_named_as_in_other_messages() {
    let location = Location::caller();
    let reports = reported(async || {
        drop::<JoinHandle<()>>(spawn(async { panic!("of a task") }));
        drop::<JoinHandle<()>>(spawn_blocking(|| panic!("of a job")));
        spawn_blocking(|| ()).await.unwrap();
        settle().await;
    });
    assert!(!reports.is_empty());
    for report in reports {
        let text = report.to_string();
        assert!(
            text.contains(&format!("spawned at {}:", location.file())),
            "{text}"
        );
    }
}

#[test]
fn reports_of_an_entered_runtime_are_its_own() {
    in_time(|| {
        let [mut one, mut other] = [Builder::new(), Builder::new()];
        let [of_one, of_other] = [&mut one, &mut other].map(Reports::of);
        let [one, other] = [one, other].map(|builder: Builder| -> Runtime {
            let mut builder = builder;
            builder.build().unwrap()
        });

        let first = one.enter();
        let second = other.enter();
        panic_in_a_waker();
        assert_eq!((of_one.take().len(), of_other.take().len()), (0, 1));
        drop(first);
        panic_in_a_waker();
        assert_eq!((of_one.take().len(), of_other.take().len()), (0, 1));
        drop(second);

        let first = one.enter();
        drop(other.enter());
        panic_in_a_waker();
        assert_eq!((of_one.take().len(), of_other.take().len()), (1, 0));
        drop(first);
    });
}
