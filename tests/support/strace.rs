//! Tests that are run under `strace`, which shows their system calls and makes some of them fail.

use std::path::Path;
use std::process::{Command, Stdio};

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
    command.arg(child.get_program()).args(child.get_args());
    for (key, value) in child.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    command
}
