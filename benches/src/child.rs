//! Runs a workload in a separate process.
//!
//! So no run is affected by the threads, the memory or the warm caches of an earlier one, and a
//! runtime that does not start or hangs fails only one cell of the table.

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

/// The line that a process prints if its runtime does not support the workload.
pub(crate) const UNSUPPORTED: &str = "unsupported";

/// The time limit of a run.
const LIMIT: Duration = Duration::from_secs(60);

/// The outcome of a run.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Measured(Sample),
    /// The runtime does not support the workload.
    Unsupported,
    /// The process did not start, failed, or exceeded the time limit.
    Failed(String),
}

/// The parameters of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    pub(crate) runtime: &'a str,
    pub(crate) workload: &'a Workload,
    pub(crate) operations: u64,
    /// The number of other live tasks, timers or connections. `None` means the workload's default.
    pub(crate) live: Option<u64>,
    /// Whether the server and the load generator run on different CPUs.
    pub(crate) pin: bool,
}

impl Run<'_> {
    /// Runs the workload and waits for its outcome.
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
                return Ok(Outcome::Failed(format!("timed out after {seconds} s")));
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
        // A grandchild may keep the pipe open, so do not wait for its end forever.
        let errors = errors
            .recv_timeout(Duration::from_secs(1))
            .unwrap_or_default();
        Ok(Outcome::Failed(
            last_error(&errors).unwrap_or_else(|| status.to_string()),
        ))
    }

    /// Builds the command line of the run.
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
        // smol reads its maximum number of blocking threads from here.
        command.env("BLOCKING_MAX_THREADS", "4");
        Ok(command)
    }
}

/// Returns a command that runs a file of the directory `node` with Node.
pub(crate) fn node(file: &str) -> Command {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let mut command = Command::new(runtimes::NODE);
    command.arg(directory.join(file));
    command
}

/// Returns the message of a panic, if there is one, or else the last line.
fn last_error(errors: &str) -> Option<String> {
    let mut lines = errors.lines().filter(|line| !line.trim().is_empty());
    let message = match errors.lines().position(|line| line.contains("panicked at")) {
        Some(at) => errors.lines().nth(at + 1),
        None => lines.next_back(),
    };
    message.map(|line| line.trim().to_owned())
}

/// Reads a pipe to its end on a new thread.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            // On an error, return what was read before it.
            let _ = pipe.read_to_end(&mut text);
        }
        // The receiver may have timed out.
        let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
    });
    receiver
}

/// Kills a process that exceeded the time limit. A server that it started exits when its standard
/// input is closed.
fn kill(child: &mut Child) {
    // The process may have exited already.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::last_error;

    #[test]
    fn a_panic_is_reported_by_its_message() {
        let errors = "\nthread 'main' panicked at src/x.rs:1:2:\nno ring: EPERM\nnote: run with\n";

        assert_eq!(last_error(errors).as_deref(), Some("no ring: EPERM"));
        assert_eq!(last_error("first\nlast\n\n").as_deref(), Some("last"));
        assert_eq!(last_error("\n"), None);
    }
}
