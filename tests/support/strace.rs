//! Tests that are run under `strace`, which shows their system calls and makes some of them fail.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::child::{append, child, in_a_child, is_child};
use crate::support::skipped::skip;

/// Whether `strace` is installed and may trace.
pub(crate) fn is_there() -> bool {
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "true"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Puts `child` under `strace`, with its options. What it shows is written to `log`.
pub(crate) fn traced(child: &Command, log: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-o"]).arg(log).args(options);
    append(&mut command, child);
    command
}

/// A process that runs `test` only, for [`in_a_child`](super::child::in_a_child), under `strace`.
/// Returns `None`, and says so, where nothing can be traced.
pub(crate) fn traced_child(test: &str, log: &Path, options: &[&str]) -> Option<Command> {
    let child = child(test);
    // The child itself does not start another.
    if !is_child() && !is_there() {
        skip("no strace that can trace here");
        return None;
    }
    Some(traced(&child, log, options))
}

/// Files that do not exist: system calls that the log shows.
const BEGINS: &str = "/no such file: idle from here";
const ENDS: &str = "/no such file: idle until here";

/// Calls `during`, and marks the log before and after.
fn between_marks(during: impl FnOnce()) {
    assert!(!Path::new(BEGINS).exists());
    during();
    assert!(!Path::new(ENDS).exists());
}

/// Runs `test` in a process of its own, under `strace`, where it calls `while_idle` with a time to
/// watch, in which the other threads make no system call. Does nothing, and says so, where nothing
/// can be traced.
pub(crate) fn assert_no_calls_while(test: &str, while_idle: impl FnOnce(fn())) {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("calls");
    let Some(command) = traced_child(test, &log, &[]) else {
        return;
    };
    let watch = || between_marks(|| thread::sleep(Duration::from_millis(100)));
    if in_a_child(command, || while_idle(watch)).is_some() {
        let calls = calls_of_other_threads(&log);
        assert!(calls.is_empty(), "{calls:#?}");
    }
}

/// Returns the lines of the log that [`between_marks`] has enclosed, without those of the thread
/// that called it.
fn calls_of_other_threads(log: &Path) -> Vec<String> {
    let log = fs::read_to_string(log).expect("strace has written it");
    let lines: Vec<&str> = log.lines().collect();
    let line_with = |path: &str| {
        let found = lines.iter().position(|line| line.contains(path));
        found.expect("the log is marked")
    };
    let (begins, ends) = (line_with(BEGINS), line_with(ENDS));
    // Each line begins with the number of its thread.
    let thread_of = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let watcher = thread_of(lines[begins]);
    let others = lines[begins..ends]
        .iter()
        .filter(|line| thread_of(line) != watcher);
    others.map(|line| (*line).to_owned()).collect()
}
