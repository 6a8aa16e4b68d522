//! Child processes: starting them, their standard streams, their end, and what remains of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod alive;
mod command;
mod ending;
mod inherited;
mod loops;
mod orphans;
mod stdio;

use std::fs;
use std::process::Stdio;

use quintet::process::{Child, ChildStdin, ChildStdout, Command};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::support::patience::in_time;
use crate::support::strict;

fn block_on<F: Future>(future: F) -> F::Output {
    in_time(|| strict::block_on(future))
}

/// A shell that runs `script`, without standard streams.
fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// `cat` between two pipes.
fn cat() -> (Child, ChildStdin, ChildStdout) {
    let mut command = Command::new("cat");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let stdout = child.stdout.take().unwrap();
    (child, stdin, stdout)
}

/// A child that ends when its input does, or when it is killed.
fn waiting() -> Child {
    let mut command = Command::new("cat");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Whether there is a process with this id: one that runs, or a zombie.
fn exists(id: u32) -> bool {
    let pid = Pid::from_raw(id.cast_signed()).unwrap();
    test_kill_process(pid) != Err(Errno::SRCH)
}

/// Whether children have pidfds here: not on every system, and not in every sandbox.
fn uses_pidfds() -> bool {
    let _child = waiting();
    let fds = fs::read_dir("/proc/self/fd").into_iter().flatten();
    let mut targets = fds.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
    targets.any(|target| target.to_string_lossy().contains("pidfd"))
}
