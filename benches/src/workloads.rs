//! The list of workloads.
//!
//! Most run in one process, with the same generic code for each runtime (`tasks`, `primitives`,
//! `waiting`, `many_waiters`, `files`). Those of `traffic` start a server in another process and
//! generate its load in this one. Those of `one_loop` run on quintet alone and are only counted.

mod files;
mod local_channel;
pub(crate) mod many_waiters;
pub(crate) mod one_loop;
#[cfg(test)]
mod polls;
pub(crate) mod primitives;
mod tasks;
mod traffic;
mod waiting;

use crate::measure::Sample;
use crate::runtimes::{Feature, Runtime};

use primitives::Primitive;

pub(crate) use files::read_blocking;
pub(crate) use traffic::{Traffic, run as run_traffic};

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
    ThreadWake,
    ReadSmall {
        tasks: u64,
    },
    ReadLarge,
    IdleTasks,
    /// Channels and locks.
    Primitive(Primitive),
    /// `tasks` tasks wait for one socket.
    ManyWaiters {
        tasks: u64,
    },
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

const CPU: &[Metric] = &[Metric::Cpu];
const BOTH: &[Metric] = &[Metric::Cpu, Metric::Wall];
const LATE: &[Metric] = &[Metric::Median];
const BYTES: &[Metric] = &[Metric::Bytes];
const LOAD: &[Metric] = &[Metric::Load];

/// Makes an entry of the list below.
const fn in_process(
    id: &'static str,
    title: &'static str,
    workload: InProcess,
    amounts: (u64, u64),
    metrics: &'static [Metric],
) -> Workload {
    entry(id, title, Work::InProcess(workload), amounts, metrics)
}

/// Makes an entry of the list below.
const fn server(
    id: &'static str,
    title: &'static str,
    traffic: Traffic,
    amounts: (u64, u64),
    metrics: &'static [Metric],
) -> Workload {
    entry(id, title, Work::Server(traffic), amounts, metrics)
}

const fn entry(
    id: &'static str,
    title: &'static str,
    work: Work,
    (operations, quick): (u64, u64),
    metrics: &'static [Metric],
) -> Workload {
    Workload {
        id,
        title,
        work,
        operations,
        quick,
        metrics,
    }
}

/// Makes an entry of the list below.
const fn echo(connections: u64, size: usize) -> Traffic {
    Traffic::Echo { connections, size }
}

/// The workloads of `compare`, in the order of the table.
pub(crate) const ALL: &[Workload] = &[
    in_process(
        "spawn-join",
        "spawn and join, one by one",
        InProcess::SpawnOne,
        (400_000, 60_000),
        CPU,
    ),
    in_process(
        "spawn-join-1000",
        "spawn and join, 1000 in flight",
        InProcess::SpawnMany,
        (600_000, 100_000),
        CPU,
    ),
    in_process(
        "self-wake-1",
        "self-wake, 1 task",
        InProcess::SelfWake { tasks: 1 },
        (2_000_000, 300_000),
        CPU,
    ),
    in_process(
        "self-wake-100",
        "self-wake, 100 tasks",
        InProcess::SelfWake { tasks: 100 },
        (2_000_000, 300_000),
        CPU,
    ),
    in_process(
        "yield-1",
        "yield_now, 1 task",
        InProcess::YieldNow { tasks: 1 },
        (1_000_000, 100_000),
        CPU,
    ),
    in_process(
        "yield-100",
        "yield_now, 100 tasks",
        InProcess::YieldNow { tasks: 100 },
        (1_000_000, 200_000),
        CPU,
    ),
    in_process(
        "ping-pong",
        "ping-pong over a channel",
        InProcess::PingPong,
        (500_000, 100_000),
        CPU,
    ),
    in_process(
        "ring",
        "wake ring of 100 tasks",
        InProcess::Ring,
        (1_000_000, 200_000),
        CPU,
    ),
    in_process(
        "oneshot",
        "oneshot, waited for",
        InProcess::Primitive(Primitive::Oneshot),
        (500_000, 100_000),
        CPU,
    ),
    in_process(
        "mpsc",
        "mpsc of 16 messages",
        InProcess::Primitive(Primitive::Mpsc),
        (2_000_000, 400_000),
        CPU,
    ),
    in_process(
        "watch-8",
        "watch, 8 receivers",
        InProcess::Primitive(Primitive::Watch),
        (100_000, 20_000),
        CPU,
    ),
    in_process(
        "broadcast-8",
        "broadcast, 8 receivers",
        InProcess::Primitive(Primitive::Broadcast),
        (100_000, 20_000),
        CPU,
    ),
    in_process(
        "mutex",
        "mutex, 1 task",
        InProcess::Primitive(Primitive::Mutex),
        (5_000_000, 1_000_000),
        CPU,
    ),
    in_process(
        "mutex-8",
        "mutex, 8 tasks",
        InProcess::Primitive(Primitive::ContendedMutex),
        (500_000, 100_000),
        CPU,
    ),
    in_process(
        "rwlock-read",
        "rwlock, 1 reader",
        InProcess::Primitive(Primitive::RwLockRead),
        (5_000_000, 1_000_000),
        CPU,
    ),
    in_process(
        "semaphore",
        "semaphore, 1 task",
        InProcess::Primitive(Primitive::Semaphore),
        (5_000_000, 1_000_000),
        CPU,
    ),
    in_process(
        "semaphore-8",
        "semaphore of 4, 8 tasks",
        InProcess::Primitive(Primitive::ContendedSemaphore),
        (500_000, 100_000),
        CPU,
    ),
    in_process(
        "notify",
        "notify, waited for",
        InProcess::Primitive(Primitive::Notify),
        (1_000_000, 200_000),
        CPU,
    ),
    in_process(
        "waiters-1",
        "1 task waiting for one socket",
        InProcess::ManyWaiters { tasks: 1 },
        (100_000, 20_000),
        CPU,
    ),
    in_process(
        "waiters-8",
        "8 tasks waiting for one socket",
        InProcess::ManyWaiters { tasks: 8 },
        (50_000, 10_000),
        CPU,
    ),
    in_process(
        "waiters-64",
        "64 tasks waiting for one socket",
        InProcess::ManyWaiters { tasks: 64 },
        (10_000, 2_000),
        CPU,
    ),
    in_process(
        "timers-100k",
        "100 thousand timers firing",
        InProcess::Fire,
        (100_000, 100_000),
        CPU,
    ),
    in_process(
        "timers-1m",
        "1 million timers firing",
        InProcess::Fire,
        (1_000_000, 300_000),
        CPU,
    ),
    in_process(
        "timer-cancel",
        "timer set and cancelled, 10k live",
        InProcess::Cancel,
        (400_000, 60_000),
        CPU,
    ),
    in_process(
        "sleep-1ms",
        "sleep of 1 ms: late by",
        InProcess::Sleep { micros: 1000 },
        (300, 50),
        LATE,
    ),
    in_process(
        "sleep-100us",
        "sleep of 100 µs: late by",
        InProcess::Sleep { micros: 100 },
        (1000, 200),
        LATE,
    ),
    in_process(
        "blocking-1",
        "spawn_blocking, one by one",
        InProcess::BlockingOne,
        (30_000, 5_000),
        BOTH,
    ),
    in_process(
        "blocking-1000",
        "spawn_blocking, 1000 in flight",
        InProcess::BlockingMany,
        (100_000, 20_000),
        BOTH,
    ),
    in_process(
        "thread-wake",
        "round trip with a thread",
        InProcess::ThreadWake,
        (30_000, 5_000),
        BOTH,
    ),
    server(
        "echo-1-64",
        "echo, 1 connection, 64 B",
        echo(1, 64),
        (30_000, 5_000),
        CPU,
    ),
    server(
        "echo-1-1k",
        "echo, 1 connection, 1 KiB",
        echo(1, 1024),
        (30_000, 5_000),
        CPU,
    ),
    server(
        "echo-1-16k",
        "echo, 1 connection, 16 KiB",
        echo(1, 16_384),
        (20_000, 3_000),
        CPU,
    ),
    server(
        "echo-64-64",
        "echo, 64 connections, 64 B",
        echo(64, 64),
        (60_000, 10_000),
        CPU,
    ),
    server(
        "echo-64-1k",
        "echo, 64 connections, 1 KiB",
        echo(64, 1024),
        (60_000, 10_000),
        CPU,
    ),
    server(
        "echo-64-16k",
        "echo, 64 connections, 16 KiB",
        echo(64, 16_384),
        (30_000, 5_000),
        CPU,
    ),
    server(
        "echo-1000-64",
        "echo, 1000 connections, 64 B",
        echo(1000, 64),
        (60_000, 10_000),
        CPU,
    ),
    server(
        "echo-1000-1k",
        "echo, 1000 connections, 1 KiB",
        echo(1000, 1024),
        (60_000, 10_000),
        CPU,
    ),
    server(
        "echo-1000-16k",
        "echo, 1000 connections, 16 KiB",
        echo(1000, 16_384),
        (30_000, 5_000),
        CPU,
    ),
    server(
        "churn",
        "connect, echo 64 B, close",
        Traffic::Churn,
        (8_000, 1_500),
        CPU,
    ),
    server(
        "http-1",
        "HTTP hello, 1 connection",
        Traffic::Http { connections: 1 },
        (20_000, 4_000),
        CPU,
    ),
    server(
        "http-64",
        "HTTP hello, 64 connections",
        Traffic::Http { connections: 64 },
        (50_000, 10_000),
        CPU,
    ),
    in_process(
        "read-4k",
        "read a cached file of 4 KiB",
        InProcess::ReadSmall { tasks: 1 },
        (20_000, 4_000),
        BOTH,
    ),
    in_process(
        "read-4k-64",
        "the same, 64 in flight",
        InProcess::ReadSmall { tasks: 64 },
        (40_000, 8_000),
        BOTH,
    ),
    in_process(
        "read-256m",
        "read a cached file of 256 MiB, per MiB",
        InProcess::ReadLarge,
        (256, 64),
        BOTH,
    ),
    in_process(
        "idle-task",
        "memory of an idle task",
        InProcess::IdleTasks,
        (500_000, 100_000),
        BYTES,
    ),
    server(
        "idle-connection",
        "memory of an idle connection",
        Traffic::IdleMemory,
        (5000, 1000),
        BYTES,
    ),
    server(
        "idle-server",
        "CPU of a server with 1000 idle connections",
        Traffic::IdleCpu,
        (2000, 500),
        LOAD,
    ),
];

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
        InProcess::ThreadWake => waiting::thread_wake::<R>(amount),
        InProcess::ReadSmall { tasks } => files::read_small::<R>(tasks, amount),
        InProcess::ReadLarge => files::read_large::<R>(amount),
        InProcess::Primitive(_)
        | InProcess::ManyWaiters { .. }
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
