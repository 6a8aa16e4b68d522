//! The spans of users, in tasks that were spawned within them.

use std::future::ready;

use quintet::runtime::Builder;
use quintet::task::{set_immediate, yield_now};
use quintet::{spawn, spawn_blocking};
use tracing::{Instrument, Span, info, info_span};

use crate::subscriber::{Notebook, SeenEvent, SeenSpan};

/// The name of the span that is the current one of the event with this message.
#[track_caller]
fn span_of(notes: &Notebook, message: &str) -> Option<SeenSpan> {
    let spans = notes.spans();
    let events = notes.events_of("users");
    let mut events = events
        .into_iter()
        .filter(|event: &SeenEvent| event.said.fields["message"] == message);
    let event = events.next().expect("there is such an event");
    assert!(events.next().is_none(), "{message}");
    let id = *event.within.last()?;
    spans.into_iter().find(|span| span.id == id)
}

fn say(message: &str) {
    info!(target: "users", "{message}");
}

/// Spawns in each way, within the span "request".
async fn spawn_in_each_way() {
    let handle = quintet::runtime::Handle::current();
    let work = async {
        let tasks = [
            spawn(async {
                yield_now().await;
                say("task");
                spawn(async { say("grandchild") }).await.unwrap();
            }),
            set_immediate(|| say("immediate")),
            handle.spawn(async { say("handle") }),
        ];
        for task in tasks {
            task.await.unwrap();
        }
    };
    work.instrument(info_span!("request")).await;
}

const WAYS: [&str; 4] = ["task", "grandchild", "immediate", "handle"];

#[test]
fn tasks_carry_no_span_by_default() {
    let notes = Notebook::default();
    notes.during(|| quintet::block_on(spawn_in_each_way()));

    for way in WAYS {
        let span = span_of(&notes, way).unwrap();
        assert_eq!(span.said.name, "runtime.spawn", "{way}");
        assert_eq!(span.parent, None, "{way}");
    }
}

#[test]
fn tasks_carry_the_span_of_their_spawn_if_the_runtime_says_so() {
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().inherit_spans(true).build().unwrap();
        runtime.block_on(spawn_in_each_way());
    });

    let spans = notes.spans();
    let mut requests = spans.iter().filter(|span| span.said.name == "request");
    let request = requests.next().unwrap();
    for way in WAYS {
        assert_eq!(span_of(&notes, way).unwrap().id, request.id, "{way}");
    }
    let tasks = [notes.spans_of("task"), notes.spans_of("immediate")].concat();
    assert_eq!(tasks.len(), 4);
    assert!(tasks.iter().all(|task| task.parent == Some(request.id)));
    assert!(spans.iter().all(SeenSpan::is_closed));
}

#[test]
fn jobs_carry_the_span_likewise() {
    for is_inherited in [false, true] {
        let notes = Notebook::default();
        let worker = notes.clone();
        notes.during(|| {
            let runtime = Builder::new().inherit_spans(is_inherited).build().unwrap();
            runtime.block_on(async {
                let request = info_span!("request").entered();
                // The worker has no subscriber of its own, but the spans know theirs.
                let job = spawn_blocking(move || worker.during(|| say("job")));
                drop(request);
                job.await.unwrap();
            });
        });

        let name = if is_inherited {
            "request"
        } else {
            "runtime.spawn"
        };
        assert_eq!(span_of(&notes, "job").unwrap().said.name, name);
    }
}

#[test]
fn a_future_can_be_instrumented_by_itself() {
    let notes = Notebook::default();
    notes.during(|| {
        quintet::block_on(async {
            let request = info_span!("request").entered();
            let task = spawn(async { say("instrumented") }.in_current_span());
            drop(request);
            task.await.unwrap();
        });
    });

    let span = span_of(&notes, "instrumented").unwrap();
    assert_eq!(span.said.name, "request");
}

#[test]
fn without_a_span_of_the_user_none_is_carried() {
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().inherit_spans(true).build().unwrap();
        runtime.block_on(async {
            spawn(async { say("alone") }).await.unwrap();
            assert_eq!(Span::current().metadata().unwrap().name(), "runtime.spawn");
        });
    });

    let span = span_of(&notes, "alone").unwrap();
    assert_eq!(span.said.fields["kind"], "task");
    assert_eq!(span.parent, None);
}

#[test]
fn a_chain_of_tasks_keeps_no_spans() {
    fn next(notes: &Notebook, left: u32) {
        if left == 0 {
            return;
        }
        let open = notes
            .spans()
            .iter()
            .filter(|span| !span.is_closed())
            .count();
        // The root, the request, this task.
        assert!(open <= 3, "{open} spans are open");
        let then = notes.clone();
        drop(spawn(async move { next(&then, left - 1) }));
    }

    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().inherit_spans(true).build().unwrap();
        let enter = runtime.enter();
        let request = info_span!("request").entered();
        next(&notes, 100);
        drop((request, enter));
        runtime.run().unwrap();
    });

    assert_eq!(notes.spans_of("task").len(), 100);
    assert!(notes.spans().iter().all(SeenSpan::is_closed));
}

#[test]
fn the_setting_belongs_to_one_runtime() {
    let notes = Notebook::default();
    notes.during(|| {
        let inheriting = Builder::new().inherit_spans(true).build().unwrap();
        let plain = Builder::new().build().unwrap();
        let request = info_span!("request").entered();
        drop(inheriting.spawn(ready(())));
        drop(plain.spawn(ready(())));
        drop(request);
    });

    let [first, second] = &notes.spans_of("task")[..] else {
        panic!("{:?}", notes.spans());
    };
    assert!(first.parent.is_some() && second.parent.is_none());
}
