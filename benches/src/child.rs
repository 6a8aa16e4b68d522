//! One run of a workload as a process of its own.
//!
//! Nothing that a runtime leaves behind, threads, memory, a cache that is warm, is there when the
//! next one is measured; and one that does not start or does not end spoils one cell of the table.

use std::env;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::measure::Sample;
use crate::runtimes;
use crate::workloads::Workload;

/// What a process prints for what its runtime has nothing for.
pub(crate) const UNSUPPORTED: &str = "unsupported";

/// The longest that a run may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What came of a run.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Measured(Sample),
    /// The runtime has nothing for it.
    Unsupported,
    /// It did not start, or did not end in time. The text says more.
    Failed(String),
}

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) runtime: &'a str,
    pub(crate) workload: &'a Workload,
    pub(crate) operations: u64,
    /// How many others are there meanwhile; the workload's own number otherwise.
    pub(crate) live: Option<u64>,
    /// Whether server and load keep to a CPU each.
    pub(crate) pin: bool,
}

impl Run<'_> {
    /// Runs it and waits for what it says.
    pub(crate) fn outcome(self) -> Outcome {
        match self.attempt() {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    fn attempt(self) -> io::Result<Outcome> {
        let mut child = self
            .command()?
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let output = collect(child.stdout.take());
        let errors = collect(child.stderr.take());
        let text = match output.recv_timeout(LIMIT) {
            Ok(text) => text,
            Err(RecvTimeoutError::Timeout) => {
                kill(&mut child);
                let seconds = LIMIT.as_secs();
                return Ok(Outcome::Failed(format!("not done after {seconds} s")));
            }
            Err(RecvTimeoutError::Disconnected) => String::new(),
        };
        let status = child.wait()?;
        let line = text.lines().last().unwrap_or_default();
        if line == UNSUPPORTED {
            return Ok(Outcome::Unsupported);
        }
        if let Some(sample) = Sample::from_line(line) {
            return Ok(Outcome::Measured(sample));
        }
        // A grandchild may hold the pipe open.
        let errors = errors
            .recv_timeout(Duration::from_secs(1))
            .unwrap_or_default();
        Ok(Outcome::Failed(
            last_error(&errors).unwrap_or_else(|| status.to_string()),
        ))
    }

    /// The command line of the run.
    pub(crate) fn command(self) -> io::Result<Command> {
        let mut command = if self.runtime == runtimes::NODE && self.workload.is_in_process() {
            let mut command = node("run.js");
            command.arg(self.workload.id);
            command
        } else {
            let mut command = Command::new(env::current_exe()?);
            command.args(["run", self.runtime, self.workload.id]);
            command
        };
        command.arg("--operations").arg(self.operations.to_string());
        if let Some(live) = self.live {
            command.arg("--live").arg(live.to_string());
        }
        if self.pin {
            command.arg("--pin");
        }
        // What smol reads its number of threads from.
        command.env("BLOCKING_MAX_THREADS", "4");
        Ok(command)
    }
}

/// `node` with one of our files.
pub(crate) fn node(file: &str) -> Command {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let mut command = Command::new(runtimes::NODE);
    command.arg(directory.join(file));
    command
}

/// What a runtime said last before it gave up: the message of a panic, if there was one.
fn last_error(errors: &str) -> Option<String> {
    let mut lines = errors.lines().filter(|line| !line.trim().is_empty());
    let said = match errors.lines().position(|line| line.contains("panicked at")) {
        Some(at) => errors.lines().nth(at + 1),
        None => lines.next_back(),
    };
    said.map(|line| line.trim().to_owned())
}

/// Reads a pipe to its end, on a thread.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came until then is all there is.
            let _ = pipe.read_to_end(&mut text);
        }
        // Nobody may be waiting any more.
        let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
    });
    receiver
}

/// Ends a process that went on too long. A server that it started ends by itself: its input does.
fn kill(child: &mut Child) {
    // It may have ended meanwhile.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::last_error;

    #[test]
    fn a_panic_is_told_by_its_message() {
        let errors = "\nthread 'main' panicked at src/x.rs:1:2:\nno ring: EPERM\nnote: run with\n";

        assert_eq!(last_error(errors).as_deref(), Some("no ring: EPERM"));
        assert_eq!(last_error("first\nlast\n\n").as_deref(), Some("last"));
        assert_eq!(last_error("\n"), None);
    }
}
