//! Load on a server in another process.

use std::io;
use std::thread;
use std::time::Duration;

use super::Amount;
use crate::http2_frames::Http2Frames;
use crate::load::{Load, Reply, Streams, churn};
use crate::measure::{Percentiles, Sample, nanos};
use crate::server::{Served, ServerProcess, Service};
use crate::stacks::{self, Stack};

/// The kind of load.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Traffic {
    Echo {
        connections: u64,
        size: usize,
    },
    /// Echo on one connection, while `Amount::live` others are idle.
    EchoAmong,
    Churn,
    /// Requests to a server with so many threads.
    Http {
        connections: u64,
        threads: usize,
    },
    /// Requests to a server with limits.
    HttpServer {
        connections: u64,
    },
    /// A connection to it for each request.
    HttpChurn,
    /// Requests to it on a hundred streams of one connection of HTTP/2.
    Http2,
    /// Requests to a server by crates that people use.
    Stack {
        stack: Stack,
        connections: u64,
    },
    /// As many idle connections as there are operations.
    IdleMemory,
    /// A thousand connections that are idle for as many milliseconds as there are operations.
    IdleCpu,
}

/// The size of a message where the workload does not set it.
const MESSAGE: usize = 64;
/// The number of connections of the idle server.
const IDLE: u64 = 1000;

/// The number of requests in flight on a connection of HTTP/2.
pub(super) const STREAMS: u64 = 100;

pub(super) const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

impl Traffic {
    /// Returns the server that the load is put on.
    pub(crate) fn served(self) -> Served {
        Served::Service(match self {
            Traffic::Stack { stack, .. } => return Served::Stack(stack),
            Traffic::Http { threads, .. } => Service::Http {
                threads,
                has_limits: false,
            },
            Traffic::HttpServer { .. } | Traffic::HttpChurn | Traffic::Http2 => Service::Http {
                threads: 1,
                has_limits: true,
            },
            // The buffer is larger than a message: a read that does not fill it shows that the
            // socket is empty, without a second read.
            _ => Service::Echo {
                size: 2 * self.message_size(),
            },
        })
    }

    fn message_size(self) -> usize {
        match self {
            Traffic::Echo { size, .. } => size,
            _ => MESSAGE,
        }
    }
}

/// Starts a server of `runtime`, puts load on it, and measures its CPU time and memory.
pub(crate) fn run(
    runtime: &str,
    traffic: Traffic,
    amount: Amount,
    pin: bool,
) -> io::Result<Option<Sample>> {
    let served = traffic.served();
    // A server with several threads needs several CPUs.
    let pin = pin && !matches!(served, Served::Service(Service::Http { threads: 2.., .. }));
    let Some(mut server) = ServerProcess::start(runtime, served, pin)? else {
        return Ok(None);
    };
    put_load(&mut server, traffic, amount).map(Some)
}

/// Puts load on a server, and measures its CPU time and memory.
pub(crate) fn put_load(
    server: &mut ServerProcess,
    traffic: Traffic,
    amount: Amount,
) -> io::Result<Sample> {
    let size = traffic.message_size();
    let addr = server.addr();
    let message = || vec![7; size];
    let reply = Reply::Bytes(size);
    match traffic {
        Traffic::Echo { connections, .. } => {
            let mut load = Load::connect(addr, connections, message(), reply)?;
            under_load(server, amount, |count| load.drive(count))
        }
        Traffic::EchoAmong => {
            let idle = amount.live.unwrap_or(0);
            let _idle = Load::connect(addr, idle, message(), reply)?;
            let mut load = Load::connect(addr, 1, message(), reply)?;
            under_load(server, amount, |count| load.drive(count))
        }
        Traffic::Http { connections, .. } | Traffic::HttpServer { connections } => {
            let mut load = Load::connect(addr, connections, REQUEST.to_vec(), Reply::Http)?;
            under_load(server, amount, |count| load.drive(count))
        }
        Traffic::Churn => under_load(server, amount, |count| {
            churn(addr, &message(), reply, count)
        }),
        Traffic::HttpChurn => under_load(server, amount, |count| {
            churn(addr, REQUEST, Reply::Http, count)
        }),
        Traffic::Http2 => {
            let mut streams = Streams::connect(addr, STREAMS, Http2Frames::new())?;
            under_load(server, amount, |count| streams.drive(count))
        }
        Traffic::Stack { stack, connections } => {
            let drive = stacks::connect(stack, addr, connections)?;
            under_load(server, amount, drive)
        }
        Traffic::IdleMemory => idle_memory(server, amount.operations, message, reply),
        Traffic::IdleCpu => idle_cpu(server, amount.operations, message, reply),
    }
}

/// Opens `connections` idle connections and measures the memory that they take.
fn idle_memory(
    server: &mut ServerProcess,
    connections: u64,
    message: impl Fn() -> Vec<u8>,
    reply: Reply,
) -> io::Result<Sample> {
    let addr = server.addr();
    // Open one connection first, so that one-time allocations are not included.
    let _first = Load::connect(addr, 1, message(), reply)?;
    let before = server.usage()?;
    let _idle = Load::connect(addr, connections, message(), reply)?;
    let after = server.usage()?;
    Ok(Sample {
        operations: connections,
        bytes: after.resident.saturating_sub(before.resident),
        ..Sample::default()
    })
}

/// Opens idle connections and measures the CPU time of the next `millis` milliseconds.
fn idle_cpu(
    server: &mut ServerProcess,
    millis: u64,
    message: impl Fn() -> Vec<u8>,
    reply: Reply,
) -> io::Result<Sample> {
    let _idle = Load::connect(server.addr(), IDLE, message(), reply)?;
    let time = Duration::from_millis(millis);
    // Let the server finish the work that connecting has caused.
    thread::sleep(time / 10);
    let before = server.usage()?;
    thread::sleep(time);
    let after = server.usage()?;
    Ok(Sample {
        operations: millis,
        wall_ns: nanos(time),
        cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns),
        ..Sample::default()
    })
}

/// Puts load on the server, first with a twentieth of the requests to warm up, then measured.
fn under_load(
    server: &mut ServerProcess,
    amount: Amount,
    mut drive: impl FnMut(u64) -> io::Result<Vec<u64>>,
) -> io::Result<Sample> {
    if amount.warm_up {
        drive((amount.operations / 20).max(1))?;
    }
    let before = server.usage()?;
    let start = std::time::Instant::now();
    let mut latencies = drive(amount.operations)?;
    let wall_ns = nanos(start.elapsed());
    let after = server.usage()?;
    Ok(Sample {
        operations: amount.operations,
        wall_ns,
        cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns),
        bytes: 0,
        latency: Percentiles::of(&mut latencies),
    })
}
