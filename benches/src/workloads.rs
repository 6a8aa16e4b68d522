//! What is measured: the list of workloads.
//!
//! Most run inside one process, the same generic code for each runtime (`tasks`, `waiting`,
//! `files`). Those with a server start one as a process of its own and put load on it from this one
//! (`traffic`).

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
use crate::runtimes::{Lack, Runtime};

use primitives::Primitive;

pub(crate) use files::read_plainly;
pub(crate) use traffic::{Traffic, run as run_traffic};

/// One workload.
#[derive(Debug)]
pub(crate) struct Workload {
    /// How it is called on the command line and in files.
    pub(crate) id: &'static str,
    /// How it is called in tables.
    pub(crate) title: &'static str,
    /// What it does.
    pub(crate) work: Work,
    /// How many operations a run does.
    pub(crate) operations: u64,
    /// How many with `--quick`.
    pub(crate) quick: u64,
    /// The rows it has in the table.
    pub(crate) metrics: &'static [Metric],
}

/// Where a workload runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// In the process that measures.
    Here(Task),
    /// In a server's process, under load from the one that measures.
    Server(Traffic),
}

/// What a row of the table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// CPU time per operation.
    Cpu,
    /// Time that passes per operation.
    Wall,
    /// The median of the latencies.
    Median,
    /// Resident memory per operation.
    Bytes,
    /// CPU time per second.
    Load,
}

impl Workload {
    /// Whether it runs inside the process that measures.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.work, Work::Here(_))
    }
}

impl Metric {
    /// The unit of [`value`](Self::value), for the table.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::Cpu => "ns CPU",
            Metric::Wall => "ns",
            Metric::Median => "µs p50",
            Metric::Bytes => "bytes",
            Metric::Load => "µs CPU/s",
        }
    }

    /// How files call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::Cpu => "cpu_ns",
            Metric::Wall => "wall_ns",
            Metric::Median => "p50_us",
            Metric::Bytes => "bytes",
            Metric::Load => "cpu_us_per_s",
        }
    }

    /// What a sample says for this row. `None` if that was not measured.
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

/// A workload inside one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
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
    /// So many tasks wait for one socket.
    ManyWaiters {
        tasks: u64,
    },
    /// Server and client in one loop; only for the counts.
    EchoLoop,
    /// Connections in one loop; only for the counts.
    ChurnLoop,
    /// The first under `Runtime::run`, while so many unreferenced tasks sleep.
    UnreferencedTimers {
        timers: u64,
    },
    /// A loop that has something to wait for and nothing to do; only for the counts.
    Idle,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    /// How many operations.
    pub(crate) operations: u64,
    /// How many tasks, timers or connections are there meanwhile. Otherwise the workload's own
    /// number.
    pub(crate) live: Option<u64>,
    /// Whether a twentieth is done before the clocks are started. Not for counting: there the
    /// difference of two runs is taken.
    pub(crate) warm_up: bool,
}

const CPU: &[Metric] = &[Metric::Cpu];
const BOTH: &[Metric] = &[Metric::Cpu, Metric::Wall];
const LATE: &[Metric] = &[Metric::Median];
const BYTES: &[Metric] = &[Metric::Bytes];
const LOAD: &[Metric] = &[Metric::Load];

/// A short form for the list below.
const fn here(
    id: &'static str,
    title: &'static str,
    task: Task,
    amounts: (u64, u64),
    metrics: &'static [Metric],
) -> Workload {
    entry(id, title, Work::Here(task), amounts, metrics)
}

/// A short form for the list below.
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

/// A short form for the list below.
const fn echo(connections: u64, size: usize) -> Traffic {
    Traffic::Echo { connections, size }
}

/// Everything that `compare` measures, in the order of the table.
pub(crate) const ALL: &[Workload] = &[
    here(
        "spawn-join",
        "spawn and join, one by one",
        Task::SpawnOne,
        (400_000, 60_000),
        CPU,
    ),
    here(
        "spawn-join-1000",
        "spawn and join, 1000 in flight",
        Task::SpawnMany,
        (600_000, 100_000),
        CPU,
    ),
    here(
        "self-wake-1",
        "self-wake, 1 task",
        Task::SelfWake { tasks: 1 },
        (2_000_000, 300_000),
        CPU,
    ),
    here(
        "self-wake-100",
        "self-wake, 100 tasks",
        Task::SelfWake { tasks: 100 },
        (2_000_000, 300_000),
        CPU,
    ),
    here(
        "yield-1",
        "yield_now, 1 task",
        Task::YieldNow { tasks: 1 },
        (1_000_000, 100_000),
        CPU,
    ),
    here(
        "yield-100",
        "yield_now, 100 tasks",
        Task::YieldNow { tasks: 100 },
        (1_000_000, 200_000),
        CPU,
    ),
    here(
        "ping-pong",
        "ping-pong over a channel",
        Task::PingPong,
        (500_000, 100_000),
        CPU,
    ),
    here(
        "ring",
        "wake ring of 100 tasks",
        Task::Ring,
        (1_000_000, 200_000),
        CPU,
    ),
    here(
        "oneshot",
        "oneshot, waited for",
        Task::Primitive(Primitive::Oneshot),
        (500_000, 100_000),
        CPU,
    ),
    here(
        "mpsc",
        "mpsc of 16 messages",
        Task::Primitive(Primitive::Mpsc),
        (2_000_000, 400_000),
        CPU,
    ),
    here(
        "watch-8",
        "watch, 8 receivers",
        Task::Primitive(Primitive::Watch),
        (100_000, 20_000),
        CPU,
    ),
    here(
        "broadcast-8",
        "broadcast, 8 receivers",
        Task::Primitive(Primitive::Broadcast),
        (100_000, 20_000),
        CPU,
    ),
    here(
        "mutex",
        "mutex, 1 task",
        Task::Primitive(Primitive::Mutex),
        (5_000_000, 1_000_000),
        CPU,
    ),
    here(
        "mutex-8",
        "mutex, 8 tasks",
        Task::Primitive(Primitive::ContendedMutex),
        (500_000, 100_000),
        CPU,
    ),
    here(
        "rwlock-read",
        "rwlock, 1 reader",
        Task::Primitive(Primitive::RwLockRead),
        (5_000_000, 1_000_000),
        CPU,
    ),
    here(
        "semaphore",
        "semaphore, 1 task",
        Task::Primitive(Primitive::Semaphore),
        (5_000_000, 1_000_000),
        CPU,
    ),
    here(
        "semaphore-8",
        "semaphore of 4, 8 tasks",
        Task::Primitive(Primitive::ContendedSemaphore),
        (500_000, 100_000),
        CPU,
    ),
    here(
        "notify",
        "notify, waited for",
        Task::Primitive(Primitive::Notify),
        (1_000_000, 200_000),
        CPU,
    ),
    here(
        "waiters-1",
        "1 task waiting for one socket",
        Task::ManyWaiters { tasks: 1 },
        (100_000, 20_000),
        CPU,
    ),
    here(
        "waiters-8",
        "8 tasks waiting for one socket",
        Task::ManyWaiters { tasks: 8 },
        (50_000, 10_000),
        CPU,
    ),
    here(
        "waiters-64",
        "64 tasks waiting for one socket",
        Task::ManyWaiters { tasks: 64 },
        (10_000, 2_000),
        CPU,
    ),
    here(
        "timers-100k",
        "100 thousand timers firing",
        Task::Fire,
        (100_000, 100_000),
        CPU,
    ),
    here(
        "timers-1m",
        "1 million timers firing",
        Task::Fire,
        (1_000_000, 300_000),
        CPU,
    ),
    here(
        "timer-cancel",
        "timer set and cancelled, 10k live",
        Task::Cancel,
        (400_000, 60_000),
        CPU,
    ),
    here(
        "sleep-1ms",
        "sleep of 1 ms: late by",
        Task::Sleep { micros: 1000 },
        (300, 50),
        LATE,
    ),
    here(
        "sleep-100us",
        "sleep of 100 µs: late by",
        Task::Sleep { micros: 100 },
        (1000, 200),
        LATE,
    ),
    here(
        "blocking-1",
        "spawn_blocking, one by one",
        Task::BlockingOne,
        (30_000, 5_000),
        BOTH,
    ),
    here(
        "blocking-1000",
        "spawn_blocking, 1000 in flight",
        Task::BlockingMany,
        (100_000, 20_000),
        BOTH,
    ),
    here(
        "thread-wake",
        "round trip with a thread",
        Task::ThreadWake,
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
    here(
        "read-4k",
        "read a cached file of 4 KiB",
        Task::ReadSmall { tasks: 1 },
        (20_000, 4_000),
        BOTH,
    ),
    here(
        "read-4k-64",
        "the same, 64 in flight",
        Task::ReadSmall { tasks: 64 },
        (40_000, 8_000),
        BOTH,
    ),
    here(
        "read-256m",
        "read a cached file of 256 MiB, per MiB",
        Task::ReadLarge,
        (256, 64),
        BOTH,
    ),
    here(
        "idle-task",
        "memory of an idle task",
        Task::IdleTasks,
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

/// The workload of that name, also those that only count or grow.
pub(crate) fn find(id: &str) -> Option<&'static Workload> {
    let more = one_loop::ALL.iter().chain(crate::growth::ALL);
    ALL.iter().chain(more).find(|workload| workload.id == id)
}

/// Runs a workload inside this process. `None` if the runtime has nothing for it.
pub(crate) fn run_here<R: Runtime>(task: Task, amount: Amount) -> Option<Sample> {
    if R::LACKS.iter().any(|lack| lack.covers(task)) {
        return None;
    }
    let sample = match task {
        Task::SpawnOne => tasks::spawn_one::<R>(amount),
        Task::SpawnMany => tasks::spawn_many::<R>(amount),
        Task::SelfWake { tasks } => tasks::self_wake::<R>(tasks, amount),
        Task::YieldNow { tasks } => tasks::yield_now::<R>(tasks, amount),
        Task::PingPong => tasks::ping_pong::<R>(amount),
        Task::Ring => tasks::ring::<R>(amount),
        Task::IdleTasks => tasks::idle::<R>(amount),
        Task::Fire => waiting::fire::<R>(amount),
        Task::Cancel => waiting::cancel::<R>(amount),
        Task::Sleep { micros } => waiting::late::<R>(micros, amount),
        Task::SleepZero => waiting::sleep_zero::<R>(amount),
        Task::BlockingOne => waiting::blocking_one::<R>(amount),
        Task::BlockingMany => waiting::blocking_many::<R>(amount),
        Task::BlockingQueued => waiting::blocking_queued::<R>(amount),
        Task::ThreadWake => waiting::thread_wake::<R>(amount),
        Task::ReadSmall { tasks } => files::read_small::<R>(tasks, amount),
        Task::ReadLarge => files::read_large::<R>(amount),
        Task::Primitive(_)
        | Task::ManyWaiters { .. }
        | Task::EchoLoop
        | Task::UnreferencedTimers { .. }
        | Task::ChurnLoop
        | Task::Idle => return None,
    };
    Some(sample)
}

impl Lack {
    /// Whether a runtime with this lack cannot do `task`.
    fn covers(self, task: Task) -> bool {
        match self {
            Lack::YieldNow => matches!(task, Task::YieldNow { .. }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALL, Metric, find};
    use crate::measure::{Percentiles, Sample};

    #[test]
    fn every_name_is_found_and_stands_for_one_workload() {
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
