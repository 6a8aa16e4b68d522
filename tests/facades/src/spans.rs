//! The spans of tasks and jobs: what they say, and when they begin, are entered and end.

use std::future::{pending, ready};
use std::panic::Location;
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use quintet::blocking;
use quintet::runtime::Builder;
use quintet::spawn;
use quintet::task::{self, set_immediate, yield_now};
use quintet::time::sleep;
use tracing::Level;

use crate::subscriber::{Notebook, SeenSpan};

fn here() -> ThreadId {
    thread::current().id()
}

/// Asserts that a span is of this file, from one of the few lines after `before`.
#[track_caller]
fn assert_soon_after(span: &SeenSpan, before: &Location<'_>) {
    let fields = &span.said.fields;
    assert_eq!(fields["loc.file"], before.file());
    let line: u32 = fields["loc.line"].parse().unwrap();
    assert!((1..6).contains(&(line - before.line())), "line {line}");
    assert!(fields["loc.col"].parse::<u32>().unwrap() > 0);
}

#[test]
fn a_task_has_a_span_that_says_what_it_is() {
    let notes = Notebook::default();
    let location = Location::caller();
    let id = notes.during(|| {
        quintet::block_on(async {
            let task = task::Builder::new().name("sum").spawn(ready(42));
            let id = task.id();
            assert_eq!(task.await.unwrap(), 42);
            id
        })
    });

    let span = notes.span_named("sum");
    assert_eq!(span.said.name, "runtime.spawn");
    assert_eq!(span.said.target, "tokio::task");
    assert_eq!(span.said.level, Level::TRACE);
    assert_eq!(span.said.fields["kind"], "task");
    assert_eq!(span.said.fields["task.id"], id.to_string());
    assert!(span.said.fields["size.bytes"].parse::<usize>().unwrap() >= 4);
    assert_soon_after(&span, location);
    assert_eq!(span.parent, None);
}

#[test]
fn the_span_begins_at_the_spawn_and_ends_before_the_joiner_runs() {
    let notes = Notebook::default();
    notes.during(|| {
        quintet::block_on(async {
            let task = task::Builder::new().name("one").spawn(yield_now());
            let span = notes.span_named("one");
            assert!(span.entered.is_empty() && !span.is_closed());

            task.await.unwrap();
            let span = notes.span_named("one");
            assert_eq!(span.entered, [here(), here()]);
            assert_eq!(span.exited, 2);
            assert!(span.is_closed());
        });
    });
}

#[test]
fn the_future_of_block_on_has_a_span() {
    let notes = Notebook::default();
    let location = Location::caller();
    notes.during(|| quintet::block_on(async { yield_now().await }));

    let [span] = &notes.spans()[..] else {
        panic!("{:?}", notes.spans());
    };
    assert_eq!(span.said.fields["kind"], "block_on");
    assert_soon_after(span, location);
    assert_eq!((span.entered.len(), span.exited), (2, 2));
    assert!(span.is_closed());
}

#[test]
fn an_immediate_has_a_span() {
    let notes = Notebook::default();
    notes.during(|| quintet::block_on(async { set_immediate(|| ()).await.unwrap() }));

    let [span] = &notes.spans_of("immediate")[..] else {
        panic!("{:?}", notes.spans());
    };
    assert_eq!(span.entered.len(), 1);
    assert!(span.is_closed());
}

#[test]
fn the_span_of_a_job_is_entered_where_the_job_runs() {
    let notes = Notebook::default();
    let (id, worker) = notes.during(|| {
        quintet::block_on(async {
            let job = blocking::Builder::new().name("hash").spawn(here);
            (job.id(), job.await.unwrap())
        })
    });

    let span = notes.span_named("hash");
    assert_eq!(span.said.name, "runtime.spawn");
    assert_eq!(span.said.target, "tokio::task::blocking");
    assert_eq!(span.said.fields["kind"], "blocking");
    assert_eq!(span.said.fields["task.id"], id.to_string());
    assert!(span.said.fields["fn"].contains("here"), "{span:?}");
    assert_eq!(span.entered, [worker]);
    assert_ne!(worker, here());
    assert!(span.is_closed());
    assert_eq!(notes.waker_ops(&span), [""; 0]);
}

#[test]
fn the_span_of_a_job_that_never_runs_ends() {
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().worker_threads(1).build().unwrap();
        let (go_on, wait) = mpsc::channel::<()>();
        let first = runtime.spawn_blocking(move || wait.recv());
        let enter = runtime.enter();
        let job = blocking::Builder::new().name("late").spawn(|| ());
        job.abort();
        drop(enter);
        go_on.send(()).unwrap();
        runtime.block_on(async {
            first.await.unwrap().unwrap();
            assert!(job.await.unwrap_err().is_cancelled());
        });
    });

    assert!(notes.span_named("late").is_closed());
}

#[test]
fn a_task_from_another_thread_has_a_span_from_the_call_on() {
    let notes = Notebook::default();
    let runtime = Builder::new().build().unwrap();
    let handle = runtime.handle().clone();
    let elsewhere = notes.clone();
    let task = thread::spawn(move || elsewhere.during(|| handle.spawn(async { here() })));
    let task = task.join().unwrap();

    let [span] = &notes.spans_of("task")[..] else {
        panic!("{:?}", notes.spans());
    };
    assert!(span.entered.is_empty() && !span.is_closed());
    assert_eq!(span.said.fields["task.id"], task.id().to_string());
    assert_eq!(runtime.block_on(task).unwrap(), here());
    let [span] = &notes.spans_of("task")[..] else {
        panic!("{:?}", notes.spans());
    };
    assert_eq!(span.entered, [here()]);
    assert!(span.is_closed());
}

#[test]
fn a_task_that_its_runtime_refuses_leaves_no_span_open() {
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let task = handle.spawn(ready(()));
        assert!(quintet::block_on(task).unwrap_err().is_cancelled());
        let job = handle.spawn_blocking(|| ());
        assert!(quintet::block_on(job).unwrap_err().is_cancelled());
    });

    assert!(notes.spans().iter().all(SeenSpan::is_closed));
}

/// Says in which spans it is dropped.
struct DroppedIn;

impl Drop for DroppedIn {
    fn drop(&mut self) {
        tracing::info!(target: "drops", "dropped");
    }
}

#[test]
fn a_future_is_dropped_in_its_span() {
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().build().unwrap();
        let wait = |held: DroppedIn| async move {
            pending::<()>().await;
            drop(held);
        };
        runtime.block_on(async {
            let task = task::Builder::new().name("returns");
            task.spawn(async { drop(DroppedIn) }).await.unwrap();
            let task = task::Builder::new().name("aborted").spawn(wait(DroppedIn));
            yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            drop(task::Builder::new().name("left").spawn(wait(DroppedIn)));
            yield_now().await;
        });
    });

    let drops = notes.events_of("drops");
    for (event, name) in drops.iter().zip(["returns", "aborted", "left"]) {
        let span = notes.span_named(name);
        assert_eq!(event.within.last(), Some(&span.id), "{name}");
        assert!(span.is_closed(), "{name}");
        assert_eq!(span.entered.len(), span.exited, "{name}");
    }
    assert_eq!(drops.len(), 3);
}

#[test]
fn a_task_that_panics_leaves_its_span() {
    let notes = Notebook::default();
    crate::panics::on_panic(|_| {});
    notes.during(|| {
        quintet::block_on(async {
            let task = task::Builder::new().name("fails");
            let task = task.spawn(async { panic!("oops") });
            assert!(task.await.unwrap_err().is_panic());
            tracing::info!(target: "after", "it goes on");
        });
    });

    let span = notes.span_named("fails");
    assert_eq!((span.entered.len(), span.exited), (1, 1));
    assert!(span.is_closed());
    let root = &notes.spans_of("block_on")[0];
    assert_eq!(notes.events_of("after")[0].within, [root.id]);
}

#[test]
fn tasks_without_a_subscriber_have_no_span_in_a_later_one() {
    let notes = Notebook::default();
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let early = runtime.spawn(async {
        for _ in 0..3 {
            sleep(Duration::from_secs(1)).await;
        }
    });
    runtime.run_until_stalled();
    notes.during(|| runtime.block_on(early).unwrap());

    assert_eq!(notes.spans_of("task").len(), 0);
    assert_eq!(notes.spans_of("block_on").len(), 1);
}

#[test]
fn a_seed_and_a_subscriber_change_nothing_in_the_order() {
    let run = || {
        let runtime = Builder::new().seed(7).start_paused(true).build().unwrap();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..20)
                .map(|i| {
                    spawn(async move {
                        sleep(Duration::from_millis(i % 3)).await;
                        let job = quintet::spawn_blocking(move || i);
                        yield_now().await;
                        job.await.unwrap()
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        runtime.handle().order_hash().unwrap()
    };

    let notes = Notebook::default();
    assert_eq!(run(), notes.during(run));
    assert_eq!(notes.spans_of("task").len(), 20);
}
