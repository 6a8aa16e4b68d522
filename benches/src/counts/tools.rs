//! The tools that count: callgrind for instructions, strace for system calls.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use crate::child::Run;
use crate::server::ServerProcess;
use crate::workloads::{Amount, Traffic, Work, find, put_load};

/// A tool that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    Callgrind,
    Strace,
}

impl Tool {
    /// Returns what the tool counts.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Tool::Callgrind => "instructions",
            Tool::Strace => "system calls",
        }
    }

    /// Returns the name of the tool's section in `counts.toml`.
    pub(super) fn section(self) -> &'static str {
        match self {
            Tool::Callgrind => "instructions",
            Tool::Strace => "system_calls",
        }
    }

    pub(super) fn of_section(name: &str) -> Option<Self> {
        [Tool::Callgrind, Tool::Strace]
            .into_iter()
            .find(|tool| tool.section() == name)
    }

    /// Formats a count with the digits that repeat from run to run.
    pub(super) fn shown(self, value: f64) -> String {
        match self {
            Tool::Callgrind => format!("{value:.0}"),
            Tool::Strace => format!("{value:.2}"),
        }
    }

    /// Returns the absolute difference that is tolerated even if it is more than ten per cent.
    pub(super) fn slack(self) -> f64 {
        match self {
            Tool::Callgrind => 5.0,
            Tool::Strace => 0.05,
        }
    }

    /// Returns an error if the tool does not work on this machine.
    pub(super) fn probe(self) -> Result<(), String> {
        let mut command = match self {
            Tool::Callgrind => Command::new("valgrind"),
            Tool::Strace => Command::new("strace"),
        };
        if self == Tool::Strace {
            // The program may be installed without the permission to trace.
            command.args(["-c", "-o", "/dev/null"]);
        }
        let output = command.arg("true").stdin(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => {
                let program = command.get_program().to_string_lossy().into_owned();
                Err(format!("cannot run {program}: {error}"))
            }
        }
    }

    /// Returns the count of a whole process that runs `operations` operations.
    pub(super) fn count(self, id: &str, runtime: &str, operations: u64) -> Result<u64, String> {
        let run = run_of(id, runtime, operations)?;
        let file = report_file();
        let ended = match run.workload.work {
            Work::InProcess(_) => self.run(run, &file),
            Work::Server(traffic) => self.serve(run, traffic, &file),
        };
        let report = fs::read_to_string(&file).unwrap_or_default();
        // A file that stays behind does no harm.
        let _ = fs::remove_file(&file);
        let count = match self {
            Tool::Callgrind => collected(&report),
            Tool::Strace => calls(&report),
        };
        let not_counted = |why| format!("{id} on {runtime} was not counted: {why}\n{report}");
        ended.map_err(|error| not_counted(error.to_string()))?;
        count.ok_or_else(|| not_counted("the report has no total".to_owned()))
    }

    /// Runs a workload in a process under the tool.
    fn run(self, run: Run<'_>, file: &Path) -> io::Result<()> {
        let mut command = self.command(&run.command()?, file);
        let output = command.arg("--cold").stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("{}\n{errors}", output.status)))
    }

    /// Runs a server under the tool, and puts the load on it in this process.
    fn serve(self, run: Run<'_>, traffic: Traffic, file: &Path) -> io::Result<()> {
        let server = ServerProcess::command(run.runtime, traffic.served())?;
        let Some(mut server) = ServerProcess::start_by(self.command(&server, file))? else {
            return Err(io::Error::other("there is no such server"));
        };
        let amount = Amount {
            operations: run.operations,
            live: None,
            warm_up: false,
        };
        put_load(&mut server, traffic, amount)?;
        let status = server.end()?;
        if status.success() {
            return Ok(());
        }
        Err(io::Error::other(status.to_string()))
    }

    /// Returns the command that runs `program` under the tool, which writes its report to `file`.
    fn command(self, program: &Command, file: &Path) -> Command {
        let mut command = match self {
            Tool::Callgrind => {
                let mut command = Command::new("valgrind");
                let file = format!("--log-file={}", file.display());
                command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", &file]);
                command
            }
            Tool::Strace => {
                let mut command = Command::new("strace");
                command.args(["-f", "-c", "-o"]).arg(file);
                command
            }
        };
        command.arg(program.get_program()).args(program.get_args());
        command.env_remove(BLOCKED_VARIABLE);
        command
    }
}

/// The run of a workload by its name.
fn run_of<'a>(id: &str, runtime: &'a str, operations: u64) -> Result<Run<'a>, String> {
    Ok(Run {
        runtime,
        workload: find(id).ok_or_else(|| format!("unknown workload {id}"))?,
        operations,
        live: None,
        pin: false,
    })
}

/// Sets after what time a loop counts as blocked.
const BLOCKED_VARIABLE: &str = "QUINTET_BLOCKED";

/// Returns the instructions of the main thread of a process whose loop, on that thread, is watched.
/// What the watcher takes depends on the time, not on the operations.
pub(super) fn count_watched(id: &str, runtime: &str, operations: u64) -> Result<u64, String> {
    let run = run_of(id, runtime, operations)?;
    let program = run.command().map_err(|error| error.to_string())?;
    let file = report_file();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--separate-threads=yes"])
        // In turns: otherwise the watcher may not have run when the process ends.
        .arg("--fair-sched=yes")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program.get_program())
        .args(program.get_args())
        .arg("--cold")
        .env(BLOCKED_VARIABLE, "1000s")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let [first, second] = [1, 2].map(|thread| {
        let file = format!("{}-{thread:02}", file.display());
        let report = fs::read_to_string(&file).unwrap_or_default();
        // A file that stays behind does no harm.
        let _ = fs::remove_file(&file);
        report
    });
    let count = summary(&first).filter(|_| output.status.success() && !second.is_empty());
    count.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{id} on {runtime} was not counted with a watcher:\n{errors}")
    })
}

/// Parses the total of one thread from its report.
fn summary(report: &str) -> Option<u64> {
    let line = report.lines().find_map(|line| {
        let total = line.strip_prefix("summary:");
        total.or(line.strip_prefix("totals:"))
    });
    line?.trim().parse().ok()
}

fn report_file() -> PathBuf {
    env::temp_dir().join(format!("quintet-counts-{}", process::id()))
}

/// Parses the total that callgrind prints at its end.
fn collected(report: &str) -> Option<u64> {
    let line = report
        .lines()
        .rev()
        .find_map(|line| line.split_once("Collected :"));
    line?.1.trim().parse().ok()
}

/// Parses the total number of calls from strace's table. The columns of its last row are per cent,
/// seconds, µs per call, calls, errors (may be empty) and "total".
fn calls(report: &str) -> Option<u64> {
    let line = report
        .lines()
        .rev()
        .find(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{calls, collected, summary};

    #[test]
    fn the_total_of_callgrind_is_parsed() {
        let errors = "==7== Events    : Ir\n==7== Collected : 2310187\n==7== \n";

        assert_eq!(collected(errors), Some(2_310_187));
        assert_eq!(collected("valgrind: no such file"), None);
    }

    #[test]
    fn the_total_of_a_thread_is_parsed() {
        let report = "version: 1\nevents: Ir\n\nfn=(1) main\n7 12\n\ntotals: 4711\n";
        assert_eq!(summary(report), Some(4711));
        let report = "version: 1\nsummary: 7\n\nfn=(1) main\n";
        assert_eq!(summary(report), Some(7));
        assert_eq!(summary(""), None);
    }

    #[test]
    fn the_total_of_strace_is_parsed() {
        let report = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000003           1         3           read
 40.00    0.000002           2         1         1 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.000005           1         4         1 total
";
        assert_eq!(calls(report), Some(4));
        let without_errors =
            report.replace("         4         1 total", "         4           total");
        assert_eq!(calls(&without_errors), Some(4));
        assert_eq!(calls("strace: no"), None);
    }
}
