//! Tests that are run under `strace`, which shows their system calls and makes some of them fail.

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
