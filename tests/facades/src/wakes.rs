//! What is sent about wakers.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use quintet::runtime::Builder;
use quintet::sync::Notify;
use quintet::task::{self, yield_now};
use quintet::time::sleep;
use tracing::Level;

use crate::subscriber::{Notebook, WAKER};

const BEGIN: &str = "waker.clone";
const WAKE: &str = "waker.wake_by_ref";
const END: &str = "waker.drop";

#[test]
fn events_name_the_span_of_the_task_and_not_its_id() {
    let notes = Notebook::default();
    notes.during(|| {
        quintet::block_on(async {
            let task = task::Builder::new().name("one").spawn(yield_now());
            task.await.unwrap();
        });
    });

    let span = notes.span_named("one");
    let event = &notes.events_of(WAKER)[1];
    assert_eq!(event.said.level, Level::TRACE);
    assert_eq!(event.said.fields["task.id"], span.id.to_string());
    assert_ne!(span.said.fields["task.id"], span.id.to_string());
}

#[test]
fn the_loop_has_a_waker_while_the_task_lives() {
    let notes = Notebook::default();
    notes.during(|| {
        quintet::block_on(async {
            let task = task::Builder::new().name("waits").spawn(pending::<()>());
            yield_now().await;
            assert_eq!(notes.waker_ops(&notes.span_named("waits")), [BEGIN]);
            task.abort();
            assert!(task.await.is_err());
        });
    });

    // The abort wakes the task.
    let span = notes.span_named("waits");
    assert_eq!(notes.waker_ops(&span), [BEGIN, WAKE, END]);
}

#[test]
fn a_wake_by_itself_is_sent_within_the_span() {
    let notes = Notebook::default();
    notes.during(|| {
        quintet::block_on(async {
            let mut polls = 0;
            let task = poll_fn(move |cx| {
                polls += 1;
                match polls {
                    1 => cx.waker().wake_by_ref(),
                    2 => {
                        let owned = cx.waker().clone();
                        owned.wake();
                    }
                    _ => return Poll::Ready(()),
                }
                Poll::Pending
            });
            let task = task::Builder::new().name("selfish").spawn(task);
            task.await.unwrap();
        });
    });

    let span = notes.span_named("selfish");
    assert_eq!(notes.waker_ops(&span), [BEGIN, WAKE, WAKE, END]);
    let wakes = notes.events_of(WAKER);
    let wakes = wakes.iter().filter(|event| event.said.fields["op"] == WAKE);
    let within: Vec<_> = wakes
        .filter(|event| event.said.fields["task.id"] == span.id.to_string())
        .map(|event| event.within.last().copied())
        .collect();
    assert_eq!(within, [Some(span.id), Some(span.id)]);
}

#[test]
fn what_phases_join_handles_and_channels_wake_is_sent() {
    let notes = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bell = Arc::new(Notify::new());
            let sleeper = task::Builder::new().name("sleeps");
            let sleeper = sleeper.spawn(sleep(Duration::from_secs(1)));
            let joiner = task::Builder::new().name("joins");
            let rung = Arc::clone(&bell);
            let listener = task::Builder::new().name("listens");
            let listener = listener.spawn(async move { rung.notified().await });
            let joiner = joiner.spawn(async move {
                sleeper.await.unwrap();
                bell.notify_one();
            });
            let yielder = task::Builder::new().name("yields").spawn(yield_now());
            joiner.await.unwrap();
            listener.await.unwrap();
            yielder.await.unwrap();
        });
    });

    for name in ["sleeps", "joins", "listens", "yields"] {
        let ops = notes.waker_ops(&notes.span_named(name));
        assert_eq!(ops, [BEGIN, WAKE, END], "{name}");
    }
}

#[test]
fn a_wake_on_another_thread_goes_to_its_subscriber() {
    let notes = Notebook::default();
    let elsewhere = Notebook::default();
    notes.during(|| {
        let runtime = Builder::new().build().unwrap();
        let (give, take) = mpsc::channel::<Waker>();
        let mut is_woken = false;
        let task = poll_fn(move |cx| {
            if std::mem::replace(&mut is_woken, true) {
                return Poll::Ready(());
            }
            give.send(cx.waker().clone()).unwrap();
            Poll::Pending
        });
        let enter = runtime.enter();
        let task = task::Builder::new().name("far").spawn(task);
        drop(enter);
        let other = elsewhere.clone();
        let thread = thread::spawn(move || {
            let waker = take.recv().unwrap();
            other.during(|| waker.wake());
        });
        runtime.block_on(task).unwrap();
        thread.join().unwrap();
    });

    let span = notes.span_named("far");
    assert_eq!(notes.waker_ops(&span), [BEGIN, END]);
    let [wake] = &elsewhere.events_of(WAKER)[..] else {
        panic!("{:?}", elsewhere.events_of(WAKER));
    };
    assert_eq!(wake.said.fields["op"], WAKE);
    assert_eq!(wake.said.fields["task.id"], span.id.to_string());
}

#[test]
fn the_waker_of_a_task_that_has_ended_wakes_no_later_task_of_its_slot() {
    let notes = Notebook::default();
    notes.during(|| {
        quintet::block_on(async {
            let (give, take) = mpsc::channel::<Waker>();
            let first = task::Builder::new().name("first").spawn(poll_fn(move |cx| {
                give.send(cx.waker().clone()).unwrap();
                Poll::Ready(())
            }));
            first.await.unwrap();
            let second = task::Builder::new().name("second").spawn(pending::<()>());
            yield_now().await;
            take.recv().unwrap().wake();
            assert_eq!(notes.waker_ops(&notes.span_named("second")), [BEGIN]);
            drop(second);
        });
    });

    let ops = notes.waker_ops(&notes.span_named("first"));
    assert_eq!(ops, [BEGIN, END, WAKE]);
}
