//! Reports as events.

use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use quintet::runtime::{Builder, Report, UnhandledPanic};
use quintet::sync::oneshot;
use quintet::task;
use tracing::Level;

use crate::panics::on_panic;
use crate::subscriber::{Notebook, SeenEvent};

const TARGET: &str = "quintet::report";

#[track_caller]
fn only_event(notes: &Notebook) -> SeenEvent {
    let mut events = notes.events_of(TARGET);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[test]
fn a_report_is_an_event_beside_the_function_that_gets_it() {
    on_panic(|_| {});
    let notes = Notebook::default();
    let texts = Arc::new(Mutex::new(Vec::new()));
    let id = notes.during(|| {
        let reported = Arc::clone(&texts);
        let runtime = Builder::new()
            .on_report(move |report| reported.lock().unwrap().push(report.to_string()))
            .build()
            .unwrap();
        let enter = runtime.enter();
        let task = task::Builder::new().name("worker");
        let task = task.spawn(async { panic!("oops") });
        let id = task.id();
        drop((task, enter));
        runtime.run().unwrap();
        id
    });

    let event = only_event(&notes);
    assert_eq!(event.said.level, Level::ERROR);
    assert_eq!(event.said.fields["report"], "task_panicked");
    assert_eq!(event.said.fields["task.id"], id.to_string());
    assert_eq!(event.said.fields["task.name"], "worker");
    let texts = texts.lock().unwrap();
    assert_eq!(texts.len(), 1);
    assert_eq!(event.said.fields["message"], texts[0]);
    assert!(texts[0].contains("oops"), "{texts:?}");
}

#[test]
fn a_quiet_runtime_still_sends_events() {
    struct Fails;
    impl Wake for Fails {
        fn wake(self: Arc<Self>) {
            panic!("the waker fails");
        }
    }

    on_panic(|_| {});
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().quiet().build().unwrap();
        runtime.block_on(async {
            let waker = Waker::from(Arc::new(Fails));
            let (sender, mut receiver) = oneshot::channel::<()>();
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut receiver).poll(&mut cx).is_pending());
            sender.send(()).unwrap();
        });
    });

    let event = only_event(&notes);
    assert_eq!(event.said.level, Level::ERROR);
    assert_eq!(event.said.fields["report"], "waker_panicked");
    assert!(!event.said.fields.contains_key("task.id"), "{event:?}");
}

#[test]
fn what_is_no_panic_is_a_warning() {
    let notes = Notebook::default();
    let (go_on, wait) = mpsc::channel::<()>();
    let (began, begins) = mpsc::channel();
    notes.during(|| {
        let runtime = Builder::new()
            .quiet()
            .shutdown_grace(Duration::ZERO)
            .build()
            .unwrap();
        drop(runtime.spawn_blocking(move || {
            began.send(()).unwrap();
            wait.recv()
        }));
        begins.recv().unwrap();
    });
    go_on.send(()).unwrap();

    let event = only_event(&notes);
    assert_eq!(event.said.level, Level::WARN);
    assert_eq!(event.said.fields["report"], "job_left_behind");
    assert!(event.said.fields["message"].contains("grace period of 0ns"));
}

#[test]
fn panics_that_are_ignored_are_no_events() {
    on_panic(|_| {});
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new()
            .unhandled_panic(UnhandledPanic::Ignore)
            .build()
            .unwrap();
        drop(runtime.spawn(async { panic!("oops") }));
        runtime.run().unwrap();
    });

    assert_eq!(notes.events_of(TARGET).len(), 0);
}

#[test]
fn a_report_that_a_report_causes_is_not_sent() {
    on_panic(|_| {});
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new()
            .quiet()
            .on_report(|report| {
                if let Report::TaskPanicked { .. } = report {
                    panic!("the function fails");
                }
            })
            .build()
            .unwrap();
        drop(runtime.spawn(async { panic!("oops") }));
        runtime.run().unwrap();
    });

    assert_eq!(only_event(&notes).said.fields["report"], "task_panicked");
}
