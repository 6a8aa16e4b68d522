//! The workloads. `list` contains all that `compare` measures.
//!
//! Most run in one process, with the same generic code for each runtime (`tasks`, `primitives`,
//! `waiting`, `many_waiters`, `sockets`, `files`, `children`, `http_loop`). Those of `traffic`
//! start a server in another process and generate its load in this one. Those of `one_loop` run on
//! quintet alone and are only counted.

mod children;
pub(crate) mod files;
pub(crate) mod http_loop;
mod list;
mod local_channel;
pub(crate) mod many_waiters;
pub(crate) mod one_loop;
#[cfg(test)]
mod polls;
pub(crate) mod primitives;
pub(crate) mod sockets;
mod tasks;
mod traffic;
mod waiting;

use crate::measure::Sample;
use crate::runtimes::{Feature, Runtime};

use files::FileWork;
use http_loop::HttpLoop;
use primitives::Primitive;
use sockets::Transport;

pub(crate) use children::run_children_blocking;
pub(crate) use files::read_blocking;
pub(crate) use list::ALL;
pub(crate) use traffic::{Traffic, put_load, run as run_traffic};

/// A workload.
#[derive(Debug)]
pub(crate) struct Workload {
    /// Its name on the command line and in files.
    pub(crate) id: &'static str,
    /// Its name in tables.
    pub(crate) title: &'static str,
    /// What it does.
    pub(crate) work: Work,
    /// The number of operations of a run.
    pub(crate) operations: u64,
    /// The number of operations with `--quick`.
    pub(crate) quick: u64,
    /// The metrics that tables show, each in a row.
    pub(crate) metrics: &'static [Metric],
}

/// Where a workload runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// In the process that measures.
    InProcess(InProcess),
    /// In a server process. The process that measures generates the load.
    Server(Traffic),
}

/// The figure that a row of a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// CPU time per operation.
    Cpu,
    /// Elapsed time per operation.
    Wall,
    /// The median of the latencies.
    Median,
    /// Resident memory per operation.
    Bytes,
    /// CPU time per second.
    Load,
}

impl Workload {
    /// Returns whether the workload runs in the process that measures.
    pub(crate) fn is_in_process(&self) -> bool {
        matches!(self.work, Work::InProcess(_))
    }
}

impl Metric {
    /// Returns the unit of [`value`](Self::value), for tables.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::Cpu => "ns CPU",
            Metric::Wall => "ns",
            Metric::Median => "µs p50",
            Metric::Bytes => "bytes",
            Metric::Load => "µs CPU/s",
        }
    }

    /// Returns the name in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Cpu => "cpu_ns",
            Metric::Wall => "wall_ns",
            Metric::Median => "p50_us",
            Metric::Bytes => "bytes",
            Metric::Load => "cpu_us_per_s",
        }
    }

    /// Returns the value of the metric, or `None` if the sample does not contain it.
    pub(crate) fn value(self, sample: &Sample) -> Option<f64> {
        let operations = sample.operations.max(1) as f64;
        Some(match self {
            Metric::Cpu => sample.cpu_ns as f64 / operations,
            Metric::Wall => sample.wall_ns as f64 / operations,
            Metric::Median => sample.latency.as_ref()?.p50 as f64 / 1e3,
            Metric::Bytes => sample.bytes as f64 / operations,
            Metric::Load => sample.cpu_ns as f64 / 1e3 / (sample.wall_ns.max(1) as f64 / 1e9),
        })
    }
}

/// A workload that runs in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InProcess {
    SpawnOne,
    SpawnMany,
    SelfWake {
        tasks: u64,
    },
    YieldNow {
        tasks: u64,
    },
    PingPong,
    Ring,
    Fire,
    Cancel,
    Sleep {
        micros: u64,
    },
    SleepZero,
    BlockingOne,
    BlockingMany,
    BlockingQueued,
    CpuOne,
    CpuMany,
    ThreadWake,
    ReadSmall {
        tasks: u64,
    },
    ReadLarge,
    Children {
        tasks: u64,
    },
    /// Other work on files.
    Files(FileWork),
    IdleTasks,
    /// Channels and locks.
    Primitive(Primitive),
    /// `tasks` tasks wait for one socket.
    ManyWaiters {
        tasks: u64,
    },
    /// An echo over other sockets than TCP's, with server and client on one loop.
    Echo {
        over: Transport,
    },
    /// HTTP with server and clients on one loop. Only counted.
    Http(HttpLoop),
    /// An echo with server and client on one loop. Only counted.
    EchoLoop,
    /// Connections with server and client on one loop. Only counted.
    ChurnLoop,
    /// The same echo under `Runtime::run`, while `timers` unreferenced tasks sleep.
    UnreferencedTimers {
        timers: u64,
    },
    /// A loop that waits and has nothing to do. Only counted.
    Idle,
}

/// The amount of work of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// The number of operations.
    pub(crate) operations: u64,
    /// The number of other live tasks, timers or connections. `None` means the workload's default.
    pub(crate) live: Option<u64>,
    /// Whether a twentieth of the operations runs before the clocks start. `counts` does without,
    /// since it takes the difference of two runs.
    pub(crate) warm_up: bool,
}

/// Returns the workload `id`, including those of `counts` and `growth`.
pub(crate) fn find(id: &str) -> Option<&'static Workload> {
    let more = one_loop::ALL.iter().chain(crate::growth::ALL);
    ALL.iter().chain(more).find(|workload| workload.id == id)
}

/// Runs a workload in this process. Returns `None` if the runtime does not support it.
pub(crate) fn run_in_process<R: Runtime>(workload: InProcess, amount: Amount) -> Option<Sample> {
    if R::MISSING
        .iter()
        .any(|feature| feature.is_needed_by(workload))
    {
        return None;
    }
    let sample = match workload {
        InProcess::SpawnOne => tasks::spawn_one::<R>(amount),
        InProcess::SpawnMany => tasks::spawn_many::<R>(amount),
        InProcess::SelfWake { tasks } => tasks::self_wake::<R>(tasks, amount),
        InProcess::YieldNow { tasks } => tasks::yield_now::<R>(tasks, amount),
        InProcess::PingPong => tasks::ping_pong::<R>(amount),
        InProcess::Ring => tasks::ring::<R>(amount),
        InProcess::IdleTasks => tasks::idle::<R>(amount),
        InProcess::Fire => waiting::fire::<R>(amount),
        InProcess::Cancel => waiting::cancel::<R>(amount),
        InProcess::Sleep { micros } => waiting::late::<R>(micros, amount),
        InProcess::SleepZero => waiting::sleep_zero::<R>(amount),
        InProcess::BlockingOne => waiting::blocking_one::<R>(amount),
        InProcess::BlockingMany => waiting::blocking_many::<R>(amount),
        InProcess::BlockingQueued => waiting::blocking_queued::<R>(amount),
        InProcess::CpuOne => waiting::cpu_one::<R>(amount),
        InProcess::CpuMany => waiting::cpu_many::<R>(amount),
        InProcess::ThreadWake => waiting::thread_wake::<R>(amount),
        InProcess::ReadSmall { tasks } => files::read_small::<R>(tasks, amount),
        InProcess::ReadLarge => files::read_large::<R>(amount),
        InProcess::Children { tasks } => children::run_all::<R>(tasks, amount),
        InProcess::Primitive(_)
        | InProcess::Files(_)
        | InProcess::ManyWaiters { .. }
        | InProcess::Echo { .. }
        | InProcess::Http(_)
        | InProcess::EchoLoop
        | InProcess::UnreferencedTimers { .. }
        | InProcess::ChurnLoop
        | InProcess::Idle => return None,
    };
    Some(sample)
}

impl Feature {
    /// Returns whether `workload` needs this feature.
    fn is_needed_by(self, workload: InProcess) -> bool {
        match self {
            Feature::YieldNow => matches!(workload, InProcess::YieldNow { .. }),
            Feature::Children => matches!(workload, InProcess::Children { .. }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALL, Metric, find};
    use crate::measure::{Percentiles, Sample};

    #[test]
    fn each_name_is_unique_and_found() {
        let ids: BTreeSet<_> = ALL.iter().map(|workload| workload.id).collect();

        assert_eq!(ids.len(), ALL.len());
        for id in ids {
            assert_eq!(find(id).map(|workload| workload.id), Some(id));
        }
        assert!(find("nothing").is_none());
    }

    #[test]
    fn a_metric_is_per_operation_in_its_unit() {
        let sample = Sample {
            operations: 4,
            wall_ns: 2_000_000_000,
            cpu_ns: 1_000_000,
            bytes: 1024,
            latency: Percentiles::of(&mut [5_000]),
        };

        let value = |metric: Metric| metric.value(&sample).unwrap();
        assert_eq!(value(Metric::Cpu), 250_000.0);
        assert_eq!(value(Metric::Wall), 500_000_000.0);
        assert_eq!(value(Metric::Median), 5.0);
        assert_eq!(value(Metric::Bytes), 256.0);
        assert_eq!(value(Metric::Load), 500.0);
        assert_eq!(Metric::Median.value(&Sample::default()), None);
    }
}
