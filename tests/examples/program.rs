//! An example that runs as a child process, and clients that may be installed.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::support::skipped::skip;

/// Only hangs are to meet this.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// A command that runs an example, with the default action of each signal: what runs in the
/// background may inherit SIGINT as ignored.
pub(crate) fn command(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/profile/deps/test");
    let mut command = Command::new("env");
    command.args(["--default-signal", "--"]);
    command.arg(profile.join("examples").join(name));
    command
}

/// A running example; it is killed when this is dropped.
pub(crate) struct Example {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Example {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        let mut child = command(name)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`env` is installed");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Example { child, output }
    }

    /// Waits for its first line, and returns what follows `before` in it.
    pub(crate) fn first_line(&mut self, before: &str) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it prints text");
        let found = line.trim_end().strip_prefix(before);
        found
            .unwrap_or_else(|| panic!("{line:?}; `cargo test` builds the examples"))
            .to_owned()
    }

    /// Returns the lines that it writes to standard error, once.
    pub(crate) fn error_lines(&mut self) -> Lines<BufReader<ChildStderr>> {
        let errors = self.child.stderr.take().expect("it is piped");
        BufReader::new(errors).lines()
    }

    /// Returns what it prints until it ends.
    pub(crate) fn rest(&mut self) -> String {
        let mut text = String::new();
        self.output
            .read_to_string(&mut text)
            .expect("it prints text");
        text
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status();
        assert!(killed.expect("`kill` is installed").success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is our child")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _has_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Runs a client that is installed, or `None`. It is given `input`, and ends when `ends` says so.
pub(crate) fn installed(command: &mut Command, input: &str) -> Option<String> {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        skip(format_args!("{:?} is not installed", command.get_program()));
        return None;
    };
    // Its input stays open until it has printed as many lines as it was given.
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut text = String::new();
    for _ in input.lines() {
        output.read_line(&mut text).expect("it prints text");
    }
    drop(stdin);
    child.kill().expect("it is our child");
    child.wait().expect("it is our child");
    Some(text)
}
