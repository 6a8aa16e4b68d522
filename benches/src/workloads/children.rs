//! Child processes that end at once.

use std::process::Command;

use super::tasks::{split_among, timed};
use super::{Amount, InProcess};
use crate::measure::{Sample, Stopwatch};
use crate::runtimes::Runtime;

/// A program that does nothing.
pub(crate) const PROGRAM: &str = "/bin/true";

/// Starts a child and waits for it. `tasks` tasks do so concurrently. The CPU time is that of this
/// process, without the children.
pub(super) fn run_all<R: Runtime>(tasks: u64, amount: Amount) -> Sample {
    timed::<R, _>(amount, move |count| {
        split_among::<R, _>(tasks, count, |count| async move {
            for _ in 0..count {
                let has_succeeded = R::run_child(PROGRAM).await;
                assert!(has_succeeded.expect("the program can be run"));
            }
        })
    })
}

/// Runs the same workload with blocking calls of std. Returns `None` for other workloads.
pub(crate) fn run_children_blocking(workload: InProcess, amount: Amount) -> Option<Sample> {
    if workload != (InProcess::Children { tasks: 1 }) {
        return None;
    }
    let watch = Stopwatch::start();
    for _ in 0..amount.operations {
        let status = Command::new(PROGRAM).status();
        assert!(status.expect("the program can be run").success());
    }
    Some(watch.stop(amount.operations))
}
