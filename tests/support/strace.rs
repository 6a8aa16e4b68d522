//! Tests that are run under `strace`, which shows their system calls and makes some of them fail.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::child::{append, child, is_child};
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
pub(crate) fn between_marks(during: impl FnOnce()) {
    assert!(!Path::new(BEGINS).exists());
    during();
    assert!(!Path::new(ENDS).exists());
}

/// Returns the lines of the log that [`between_marks`] has enclosed, without those of the thread
/// that called it.
pub(crate) fn calls_of_other_threads(log: &Path) -> Vec<String> {
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
