//! The list of workloads.

use super::files::FileWork;
use super::primitives::Primitive;
use super::sockets::Transport;
use super::{InProcess, Metric, Traffic, Work, Workload};
use crate::stacks::Stack;

pub(super) const CPU: &[Metric] = &[Metric::Cpu];
const BOTH: &[Metric] = &[Metric::Cpu, Metric::Wall];
const LATE: &[Metric] = &[Metric::Median];
const BYTES: &[Metric] = &[Metric::Bytes];
const LOAD: &[Metric] = &[Metric::Load];

/// Makes an entry of a list.
pub(super) const fn in_process(
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

/// Makes the work of an entry.
const fn http(connections: u64, threads: usize) -> Traffic {
    Traffic::Http {
        connections,
        threads,
    }
}

/// Makes the work of an entry.
const fn echo(connections: u64, size: usize) -> Traffic {
    Traffic::Echo { connections, size }
}

/// Makes the work of an entry.
const fn stack(stack: Stack, connections: u64) -> Traffic {
    Traffic::Stack { stack, connections }
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
        "echo-udp",
        "echo over UDP, on one loop",
        InProcess::Echo {
            over: Transport::Udp,
        },
        (60_000, 10_000),
        CPU,
    ),
    in_process(
        "echo-unix",
        "echo over Unix streams, on one loop",
        InProcess::Echo {
            over: Transport::UnixStream,
        },
        (60_000, 10_000),
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
        "cpu-1",
        "spawn_cpu, one by one",
        InProcess::CpuOne,
        (30_000, 5_000),
        BOTH,
    ),
    in_process(
        "cpu-1000",
        "spawn_cpu, 1000 in flight",
        InProcess::CpuMany,
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
        http(1, 1),
        (20_000, 4_000),
        CPU,
    ),
    server(
        "http-64",
        "HTTP hello, 64 connections",
        http(64, 1),
        (50_000, 10_000),
        CPU,
    ),
    server(
        "http-two-cores-64",
        "HTTP hello on 2 threads, 64 connections",
        http(64, 2),
        (100_000, 20_000),
        BOTH,
    ),
    server(
        "http-two-cores-1000",
        "HTTP hello on 2 threads, 1000 connections",
        http(1000, 2),
        (100_000, 20_000),
        BOTH,
    ),
    server(
        "http-server-1",
        "HTTP server with limits, 1 connection",
        Traffic::HttpServer { connections: 1 },
        (20_000, 4_000),
        CPU,
    ),
    server(
        "http-server-64",
        "HTTP server with limits, 64 connections",
        Traffic::HttpServer { connections: 64 },
        (50_000, 10_000),
        CPU,
    ),
    server(
        "http-server-1000",
        "HTTP server with limits, 1000 connections",
        Traffic::HttpServer { connections: 1000 },
        (50_000, 10_000),
        CPU,
    ),
    server(
        "http-server-churn",
        "HTTP server with limits, connect, request, close",
        Traffic::HttpChurn,
        (8_000, 1_500),
        CPU,
    ),
    server(
        "http2-100",
        "HTTP/2 server with limits, 100 streams",
        Traffic::Http2,
        (100_000, 20_000),
        CPU,
    ),
    server(
        "axum-hello-1",
        "axum hello, 1 connection",
        stack(Stack::AxumHello, 1),
        (20_000, 4000),
        CPU,
    ),
    server(
        "axum-hello-64",
        "axum hello, 64 connections",
        stack(Stack::AxumHello, 64),
        (50_000, 10_000),
        CPU,
    ),
    server(
        "axum-json-10k-1",
        "axum, a JSON of 10 KiB and back, 1 connection",
        stack(Stack::AxumJson, 1),
        (5000, 1000),
        CPU,
    ),
    server(
        "axum-json-10k-64",
        "axum, a JSON of 10 KiB and back, 64 connections",
        stack(Stack::AxumJson, 64),
        (10_000, 2000),
        CPU,
    ),
    server(
        "tonic-unary-1",
        "tonic, a unary call, 1 stream",
        stack(Stack::TonicUnary, 1),
        (10_000, 2000),
        CPU,
    ),
    server(
        "tonic-unary-64",
        "tonic, a unary call, 64 streams",
        stack(Stack::TonicUnary, 64),
        (30_000, 6000),
        CPU,
    ),
    server(
        "tls-echo-1",
        "echo over TLS 1.3, 64 B, 1 connection",
        stack(Stack::TlsEcho, 1),
        (20_000, 4000),
        CPU,
    ),
    server(
        "tls-echo-64",
        "echo over TLS 1.3, 64 B, 64 connections",
        stack(Stack::TlsEcho, 64),
        (40_000, 8000),
        CPU,
    ),
    server(
        "websocket-echo-1",
        "echo over websockets, 64 B, 1 connection",
        stack(Stack::WebsocketEcho, 1),
        (20_000, 4000),
        CPU,
    ),
    server(
        "websocket-echo-64",
        "echo over websockets, 64 B, 64 connections",
        stack(Stack::WebsocketEcho, 64),
        (40_000, 8000),
        CPU,
    ),
    server(
        "static-4k-1",
        "static file of 4 KiB, 1 connection",
        stack(Stack::SmallFile, 1),
        (5000, 1000),
        BOTH,
    ),
    server(
        "static-4k-64",
        "static file of 4 KiB, 64 connections",
        stack(Stack::SmallFile, 64),
        (10_000, 2000),
        BOTH,
    ),
    server(
        "static-1m-1",
        "static file of 1 MiB, 1 connection",
        stack(Stack::LargeFile, 1),
        (500, 100),
        BOTH,
    ),
    server(
        "static-1m-8",
        "static file of 1 MiB, 8 connections",
        stack(Stack::LargeFile, 8),
        (500, 100),
        BOTH,
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
        "read a cached file of 4 KiB, 64 in flight",
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
        "children-1",
        "run `/bin/true`, one by one",
        InProcess::Children { tasks: 1 },
        (1000, 200),
        BOTH,
    ),
    in_process(
        "children-64",
        "run `/bin/true`, 64 in flight",
        InProcess::Children { tasks: 64 },
        (1000, 200),
        BOTH,
    ),
    in_process(
        "write-4k-64",
        "write a file of 4 KiB, 64 in flight",
        InProcess::Files(FileWork::Write { tasks: 64 }),
        (20_000, 4_000),
        BOTH,
    ),
    in_process(
        "copy-1g",
        "copy a file of 1 GiB, per MiB",
        InProcess::Files(FileWork::Copy),
        (1024, 64),
        BOTH,
    ),
    in_process(
        "walk-50k",
        "walk a tree of 50 000 files, per entry",
        InProcess::Files(FileWork::Walk),
        (50_000, 10_000),
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
