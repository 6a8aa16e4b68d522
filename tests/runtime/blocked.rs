//! The report of a loop that is blocked by what a task does.

use std::future::poll_fn;
use std::io;
use std::process::Stdio;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use quintet::runtime::{Builder, Handle, Report, Runtime};
use quintet::task::{self, yield_now};
use quintet::{spawn, time};

use crate::support::child::{child, in_a_child};
use crate::support::patience::in_time;
use crate::support::reports::{Reports, reports};

/// A limit, and a time that is far above it.
const LIMIT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_millis(40);

/// Runs `test` on a runtime on which polls may take [`LIMIT`], and returns what is reported.
fn reported(test: impl AsyncFnOnce()) -> Vec<Report> {
    reported_on(&mut Builder::new(), Some(LIMIT), test)
}

fn reported_on(
    builder: &mut Builder,
    limit: Option<Duration>,
    test: impl AsyncFnOnce(),
) -> Vec<Report> {
    in_time(|| {
        let reports = Reports::of(builder);
        let runtime = builder
            .blocked_after(limit)
            .build()
            .expect("descriptors for a runtime");
        runtime.block_on(test());
        drop(runtime);
        reports.take()
    })
}

#[test]
fn a_long_poll_is_reported_with_its_task() {
    let line = line!() + 5;
    let mut id = None;
    let reports = reported(async || {
        let named = task::Builder::new().name("the blocker");
        time::sleep(Duration::ZERO).await;
        let blocker = named.spawn(async {
            time::sleep(Duration::ZERO).await;
            thread::sleep(LONG);
        });
        id = Some(blocker.id());
        blocker.await.unwrap();
    });
    let [report] = &reports[..] else {
        panic!("it is reported once: {reports:?}");
    };
    let Report::Blocked {
        what,
        task: Some(task),
        phase,
        woken_by,
        duration,
        ..
    } = report
    else {
        panic!("a task blocks: {report:?}");
    };
    assert_eq!(Some(task.id()), id);
    assert_eq!(task.name(), Some("the blocker"));
    assert_eq!(
        (task.location().file(), task.location().line()),
        (file!(), line)
    );
    assert_eq!(
        (*what, *phase, *woken_by),
        ("a poll", Some("timers"), Some("a timer"))
    );
    // The time in which the thread waited for a processor before it may be subtracted.
    assert!(*duration >= LONG - LIMIT / 4, "{duration:?}");
    let text = report.to_string();
    let expected = format!(
        "a poll of task `the blocker` (id {}, spawned at ",
        task.id()
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(text.contains(") has blocked the loop for "), "{text}");
    assert!(
        text.contains(" (phase: timers, woken by a timer); divide it"),
        "{text}"
    );
}

/// Waits for a wake of another thread.
async fn woken_elsewhere() {
    let mut has_begun = false;
    poll_fn(|cx| {
        if has_begun {
            return Poll::Ready(());
        }
        has_begun = true;
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Pending
    })
    .await;
}

#[test]
fn the_report_says_what_has_woken_the_task() {
    let block = || thread::sleep(LONG);
    let reports = reported(async || {
        let cases = [
            spawn(async move { block() }),
            spawn(async move {
                yield_now().await;
                block();
            }),
            spawn(async move {
                woken_elsewhere().await;
                block();
            }),
        ];
        for case in cases {
            case.await.unwrap();
        }
    });
    let mut seen: Vec<_> = reports
        .iter()
        .map(|report| match report {
            Report::Blocked {
                phase, woken_by, ..
            } => (*phase, *woken_by),
            other => panic!("{other}"),
        })
        .collect();
    // The message is sent at any time.
    seen.sort();
    assert_eq!(
        seen,
        [
            (None, Some("running code")),
            (Some("check"), Some("its turn in the check phase")),
            (Some("poll"), Some("a message of another thread")),
        ]
    );
}

#[test]
fn a_task_is_reported_once_a_second() {
    let started = Instant::now();
    let reports = reported(async || {
        for _ in 0..10 {
            thread::sleep(2 * LIMIT);
            yield_now().await;
        }
    });
    let at_most = 1 + started.elapsed().as_secs() as usize;
    assert!((1..=at_most).contains(&reports.len()), "{reports:?}");
}

#[test]
fn short_polls_and_other_limits_are_not_reported() {
    let block = async || thread::sleep(LONG);
    assert!(reported_on(&mut Builder::new(), None, block).is_empty());
    let minute = Some(Duration::from_secs(60));
    assert!(reported_on(&mut Builder::new(), minute, block).is_empty());
    let reports = reported_on(&mut Builder::new(), minute, async || {
        // Waiting is no blocking.
        time::sleep(LONG).await;
    });
    assert!(reports.is_empty());
}

#[test]
fn it_is_measured_in_real_time_while_time_is_paused() {
    let mut builder = Builder::new();
    builder.start_paused(true).measure_tasks(false);
    let reports = reported_on(&mut builder, Some(LIMIT), async || {
        thread::sleep(LONG);
        time::sleep(Duration::from_secs(3600)).await;
    });
    assert_eq!(reports.len(), 1, "{reports:?}");
}

#[test]
fn it_does_not_change_the_order_under_a_seed() {
    let hash = |limit: Option<Duration>| {
        let mut hash = None;
        let reports = reported_on(
            Builder::new().seed(7).start_paused(true),
            limit,
            async || {
                let tasks = [3, 1, 2].map(|millis| {
                    spawn(async move {
                        time::sleep(Duration::from_millis(millis)).await;
                        thread::sleep(2 * LIMIT);
                        quintet::spawn_blocking(|| ()).await.unwrap();
                    })
                });
                for task in tasks {
                    task.await.unwrap();
                }
                hash = Handle::current().order_hash();
            },
        );
        assert_eq!(reports.len(), if limit.is_some() { 3 } else { 0 });
        hash.expect("there is a seed")
    };
    assert_eq!(hash(Some(LIMIT)), hash(None));
}

/// What a program writes that blocks its loop for 300 ms, with `QUINTET_BLOCKED` set to `variable`.
fn written(test: &str, variable: Option<&str>) -> Option<Vec<String>> {
    let mut child = child(test);
    child.env_remove("QUINTET_REPORTS").stderr(Stdio::piped());
    match variable {
        Some(value) => child.env("QUINTET_BLOCKED", value),
        None => child.env_remove("QUINTET_BLOCKED"),
    };
    in_a_child(child, || {
        let runtime = Runtime::new().expect("descriptors for a runtime");
        runtime.block_on(async { thread::sleep(Duration::from_millis(300)) });
    })
    .map(|output| reports(&output))
}

#[test]
fn debug_builds_report_200_milliseconds_by_default() {
    let test = "blocked::debug_builds_report_200_milliseconds_by_default";
    let Some(lines) = written(test, None) else {
        return;
    };
    if cfg!(debug_assertions) {
        let [line] = &lines[..] else {
            panic!("one line: {lines:?}");
        };
        assert!(
            line.starts_with("quintet: a poll of task `root` (id 1, "),
            "{line}"
        );
    } else {
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn the_environment_can_switch_it_off() {
    let test = "blocked::the_environment_can_switch_it_off";
    let Some(lines) = written(test, Some("off")) else {
        return;
    };
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn the_environment_sets_the_limit() {
    let test = "blocked::the_environment_sets_the_limit";
    let Some(lines) = written(test, Some("10ms")) else {
        return;
    };
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn a_wrong_value_of_the_environment_is_an_error_unless_the_builder_sets_a_limit() {
    let test =
        "blocked::a_wrong_value_of_the_environment_is_an_error_unless_the_builder_sets_a_limit";
    let mut child = child(test);
    child.env("QUINTET_BLOCKED", "soon");
    let _output = in_a_child(child, || {
        let error = Runtime::new().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(
            error.to_string().contains("QUINTET_BLOCKED is \"soon\""),
            "{error}"
        );
        assert!(Builder::new().blocked_after(None).build().is_ok());
    });
}
