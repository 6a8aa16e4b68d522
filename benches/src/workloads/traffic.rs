//! Load on a server that is a process of its own.

use std::io;
use std::thread;
use std::time::Duration;

use super::Amount;
use crate::load::{Load, Reply, churn};
use crate::measure::{Percentiles, Sample, nanos};
use crate::server::{ServerProcess, Service};

/// What the server is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Traffic {
    Echo {
        connections: u64,
        size: usize,
    },
    /// Echo on one connection, while others, `Amount::live`, are silent.
    EchoAmong,
    Churn,
    Http {
        connections: u64,
    },
    /// So many connections as there are operations, and nothing on them.
    IdleMemory,
    /// A thousand connections, and nothing on them for so many milliseconds.
    IdleCpu,
}

/// The message of the workloads that are not about its size.
const MESSAGE: usize = 64;
/// The connections of the idle server.
const IDLE: u64 = 1000;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Starts a server of `runtime`, loads it, and reads what CPU time and memory it took.
pub(crate) fn run(
    runtime: &str,
    traffic: Traffic,
    amount: Amount,
    pin: bool,
) -> io::Result<Option<Sample>> {
    let size = match traffic {
        Traffic::Echo { size, .. } => size,
        _ => MESSAGE,
    };
    let service = match traffic {
        Traffic::Http { .. } => Service::Http,
        // A read that does not fill its buffer has emptied the socket: no second one is needed to
        // know that. So it is where buffers are larger than messages.
        _ => Service::Echo { size: 2 * size },
    };
    let Some(mut server) = ServerProcess::start(runtime, service, pin)? else {
        return Ok(None);
    };
    let addr = server.addr();
    let message = || vec![7; size];
    let reply = Reply::Bytes(size);
    let sample = match traffic {
        Traffic::Echo { connections, .. } => {
            let mut load = Load::connect(addr, connections, message(), reply)?;
            under_load(&mut server, amount, |count| load.drive(count))?
        }
        Traffic::EchoAmong => {
            let idle = amount.live.unwrap_or(0);
            let _idle = Load::connect(addr, idle, message(), reply)?;
            let mut load = Load::connect(addr, 1, message(), reply)?;
            under_load(&mut server, amount, |count| load.drive(count))?
        }
        Traffic::Http { connections } => {
            let mut load = Load::connect(addr, connections, REQUEST.to_vec(), Reply::Http)?;
            under_load(&mut server, amount, |count| load.drive(count))?
        }
        Traffic::Churn => under_load(&mut server, amount, |count| churn(addr, &message(), count))?,
        Traffic::IdleMemory => {
            // One, so that what the first connection brings with it does not count.
            let _first = Load::connect(addr, 1, message(), reply)?;
            let before = server.usage()?;
            let _idle = Load::connect(addr, amount.operations, message(), reply)?;
            let after = server.usage()?;
            Sample {
                operations: amount.operations,
                bytes: after.resident.saturating_sub(before.resident),
                ..Sample::default()
            }
        }
        Traffic::IdleCpu => {
            let _idle = Load::connect(addr, IDLE, message(), reply)?;
            let time = Duration::from_millis(amount.operations);
            // What the connecting has left over.
            thread::sleep(time / 10);
            let before = server.usage()?;
            thread::sleep(time);
            let after = server.usage()?;
            Sample {
                operations: amount.operations,
                wall_ns: nanos(time),
                cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns),
                ..Sample::default()
            }
        }
    };
    Ok(Some(sample))
}

/// Drives the server, the first twentieth unmeasured.
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
