//! What careless and hostile users do. Nothing of it may hang, abort the process or leak.
//!
//! Each probe is about another combination of panics, destructors, threads and ways to run. Under
//! `AddressSanitizer` they are a test of leaks, too: what a probe forgets it drops in the end.

#[path = "../support/mod.rs"]
mod support;

mod destructors;
mod modes;
mod panics;
mod references;
mod starvation;
mod threads;
mod time;

use std::task::{Poll, Waker};

use quintet::runtime::{Builder, Report, Runtime};
use quintet::time::Duration;

pub(crate) use crate::support::drops::OnDrop;
pub(crate) use crate::support::panics::panic_message as panic_of;
pub(crate) use crate::support::patience::in_time;
pub(crate) use crate::support::reports::Reports;
pub(crate) use crate::support::wakers::{CountingWaker, poll_with};

pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn new() -> Runtime {
    Runtime::new().expect("descriptors for a runtime")
}

/// The same, for what is to be reported.
pub(crate) fn reporting() -> (Runtime, Reports) {
    let mut builder = Builder::new();
    let reports = Reports::of(&mut builder);
    let runtime = builder.build().expect("descriptors for a runtime");
    (runtime, reports)
}

/// Asserts that so many tasks and destructors have panicked, and that nothing else was reported.
#[track_caller]
pub(crate) fn assert_panics(reports: &Reports, tasks: usize, destructors: usize) {
    let reports = reports.take();
    let of_tasks = reports
        .iter()
        .filter(|report| matches!(report, Report::TaskPanicked { .. }));
    let of_destructors = reports
        .iter()
        .filter(|report| matches!(report, Report::DestructorPanicked { .. }));
    let counts = (of_tasks.count(), of_destructors.count());
    assert_eq!(counts, (tasks, destructors), "{reports:#?}");
    assert_eq!(reports.len(), tasks + destructors, "{reports:#?}");
}

pub(crate) fn paused() -> Runtime {
    let built = Builder::new().start_paused(true).build();
    built.expect("descriptors for a runtime")
}

/// A panic's payload whose destructor panics, too.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a payload explodes");
        }
    }
}

pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}
