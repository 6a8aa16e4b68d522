//! `Builder::dump_on`: dumps that a signal asks for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::pending;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use futures::channel::oneshot;
use quintet::runtime::{Builder, Dump, Report, Runtime};
use quintet::signal::unix::{SignalKind, signal};
use quintet::task::yield_now;
use quintet::time::sleep;
use quintet::{spawn, spawn_blocking, testing};
use signal_hook::low_level;

use super::{DAY, find, named};
use crate::support::patience::in_time;

/// Other tests of this process raise it as well.
const KIND: SignalKind = SignalKind::user_defined2();

/// Raised by one test only. By default it does nothing.
const QUIET: SignalKind = SignalKind::window_change();

fn raise(kind: SignalKind) {
    low_level::raise(kind.as_raw_value()).unwrap();
}

/// A builder of a runtime that calls `on_dump` with each dump.
fn dumping(kind: SignalKind, on_dump: impl Fn(&Dump) + Send + Sync + 'static) -> Builder {
    let mut builder = Builder::new();
    builder.dump_on(kind).on_report(move |report| {
        if let Report::Dump { dump, .. } = report {
            on_dump(dump);
        }
    });
    builder
}

/// A runtime that sends its first dump to the returned receiver.
fn dumping_once(
    kind: SignalKind,
    set: impl FnOnce(&mut Builder),
) -> (Runtime, oneshot::Receiver<Dump>) {
    let (sender, receiver) = oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let mut builder = dumping(kind, move |dump| {
        if let Some(sender) = sender.lock().unwrap().take() {
            let _gone = sender.send(dump.clone());
        }
    });
    set(&mut builder);
    (builder.build().unwrap(), receiver)
}

#[test]
fn a_sleeping_runtime_is_dumped() {
    in_time(|| {
        let (runtime, dumped) = dumping_once(KIND, |builder| {
            builder.name("sleeping");
        });
        let dump = runtime.block_on(async {
            named("pending").spawn(pending::<()>());
            let raising = thread::spawn(|| raise(KIND));
            let dump = dumped.await.unwrap();
            raising.join().unwrap();
            dump
        });
        assert_eq!(dump.tasks().len(), 2);
        assert_eq!(find(&dump, "pending").polls(), 1);
        assert!(
            dump.to_string()
                .starts_with("runtime `sleeping`: 2 tasks\n"),
            "{dump}"
        );
    });
}

#[test]
fn every_runtime_of_the_process_is_dumped() {
    in_time(|| {
        let (runtime, dumped) = dumping_once(KIND, |_| ());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let other = thread::spawn(move || {
            let (runtime, dumped) = dumping_once(KIND, |_| ());
            ready.send(()).unwrap();
            runtime.block_on(dumped).unwrap()
        });
        is_ready.recv().unwrap();
        raise(KIND);
        runtime.block_on(dumped).unwrap();
        let dump = other.join().unwrap();
        assert_eq!(dump.tasks()[0].name(), Some("root"));
    });
}

#[test]
fn a_busy_runtime_without_sources_is_dumped() {
    in_time(|| {
        let is_dumped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_dumped);
        let mut builder = dumping(KIND, move |_| seen.store(true, Ordering::Relaxed));
        builder.build().unwrap().block_on(async {
            raise(KIND);
            while !is_dumped.load(Ordering::Relaxed) {
                yield_now().await;
            }
        });
    });
}

#[test]
fn paused_time_and_seeds_do_not_matter() {
    in_time(|| {
        let (runtime, dumped) = dumping_once(KIND, |builder| {
            builder.start_paused(true);
        });
        // The job keeps the clock from moving.
        let (release, is_released) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            let job = spawn_blocking(move || is_released.recv());
            raise(KIND);
            dumped.await.unwrap();
            drop(release);
            assert!(job.await.unwrap().is_err());
        });
        let (runtime, dumped) = dumping_once(KIND, |builder| {
            builder.start_paused(true).seed(3);
        });
        runtime.block_on(async {
            raise(KIND);
            sleep(DAY).await;
            dumped.await.unwrap();
        });
    });
}

#[test]
fn streams_of_the_signal_get_it_as_well() {
    in_time(|| {
        let (runtime, dumped) = dumping_once(KIND, |_| ());
        runtime.block_on(async {
            let mut stream = signal(KIND).unwrap();
            raise(KIND);
            assert_eq!(stream.recv().await, Some(()));
            dumped.await.unwrap();
        });
    });
}

#[test]
fn waiting_for_the_signal_keeps_nothing_alive_and_is_no_leak() {
    in_time(|| {
        let (runtime, _dumped) = dumping_once(KIND, |_| ());
        runtime.run().unwrap();
        assert!(!runtime.turn(None));
        assert!(runtime.dump().tasks().is_empty());
        let leaks = testing::leaks(&runtime);
        assert!(leaks.is_empty(), "{leaks}");
    });
}

#[test]
fn nothing_but_the_signal_is_not_enough_to_wait_for() {
    in_time(|| {
        let mut builder = Builder::new();
        let runtime = builder.dump_on(KIND).start_paused(true).build().unwrap();
        let stuck = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(pending::<()>());
        }));
        let message = stuck.unwrap_err();
        let message = message.downcast_ref::<String>().unwrap();
        assert!(message.contains("nothing can ever happen"), "{message}");
    });
}

#[test]
fn a_signal_that_cannot_be_awaited_is_an_error_of_build() {
    for number in [9, 11, -1, 0, i32::MAX] {
        let mut builder = Builder::new();
        let error = builder
            .dump_on(SignalKind::from_raw(number))
            .build()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
    }
    // The same one twice is one.
    let mut builder = Builder::new();
    drop(
        builder
            .dump_on(KIND)
            .dump_on(KIND)
            .dump_on(QUIET)
            .build()
            .unwrap(),
    );
}

#[test]
fn the_order_of_events_is_the_same() {
    let hash = |dumps: bool| {
        in_time(|| {
            let mut builder = Builder::new();
            builder.seed(5).start_paused(true);
            if dumps {
                builder.dump_on(QUIET);
            }
            let runtime = builder.build().unwrap();
            runtime.block_on(async {
                let tasks: Vec<_> = (0..20)
                    .map(|number| {
                        spawn(async move {
                            sleep(DAY * (number % 3)).await;
                            yield_now().await;
                            spawn_blocking(|| ()).await.unwrap();
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            runtime.handle().order_hash().unwrap()
        })
    };
    assert_eq!(hash(true), hash(false));
}
