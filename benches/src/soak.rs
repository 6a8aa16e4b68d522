//! The command `soak`: everything at once on one loop, for a long time, and whether anything grows.
//!
//! The server is a process of its own ([`server`]). This process is the load ([`clients`]), asks
//! the server once a second what it holds, and judges the samples ([`verdict`]).

mod clients;
mod server;
mod verdict;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::compare::write;
use crate::progress::Progress;
use crate::report::timelines;
use clients::Client;
use server::{SoakServer, Status};
use verdict::{Quantity, judged, table};

pub(crate) use server::serve;

const MINUTES: u64 = 10;
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Fewer samples have no thirds that say anything.
const SAMPLES_MIN: usize = 9;
/// For how long the server is stopped, twice in the first third, as a busy machine may stop it at
/// any time. Meanwhile connections pile up, and are accepted at once. The allocator keeps the
/// pages of such a peak, so the first one must not come when memory is being compared.
const STOPPED: Duration = Duration::from_secs(5);

/// Runs the command.
pub(crate) fn soak(args: &Args) -> Result<(), String> {
    let seconds = args.minutes.unwrap_or(MINUTES) * 60;
    let mut server = SoakServer::start().map_err(cannot("start the server"))?;
    let load = Load::default();
    let samples = thread::scope(|scope| {
        for client in Client::ALL {
            let (load, addrs) = (&load, server.addrs());
            scope.spawn(move || load.run(client, addrs));
        }
        let samples = sample(&mut server, &load, seconds);
        load.stop.store(true, Ordering::Relaxed);
        samples
    })
    .map_err(cannot("ask the server"))?;
    let left = server.end().map_err(cannot("end the server"))?;

    let quantities = Quantity::ALL.map(|quantity| judged(quantity, &samples));
    println!("{}", table(&quantities));
    for (client, number) in Client::ALL.iter().zip(&load.exchanges) {
        println!("{}: {}", client.title(), number.load(Ordering::Relaxed));
    }
    write(args.svg.as_deref(), || timelines(&quantities))?;

    let mut faults = load.errors();
    faults.extend(quantities.iter().filter_map(|one| one.fault()));
    faults.extend((!left.is_empty()).then(|| format!("left at the end: {left}")));
    if faults.is_empty() {
        println!("\nNothing grows, and nothing was left at the end.");
        return Ok(());
    }
    Err(faults.join("\n"))
}

fn cannot(operation: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("cannot {operation}: {error}")
}

/// Asks the server once a second for as long as the run takes. It is stopped twice in between.
fn sample(server: &mut SoakServer, load: &Load, seconds: u64) -> io::Result<Vec<Status>> {
    let count = usize::try_from(seconds)
        .unwrap_or(usize::MAX)
        .max(SAMPLES_MIN);
    let mut progress = Progress::new(count);
    let mut samples = Vec::new();
    let mut due = Instant::now();
    while samples.len() < count {
        due += SAMPLE_EVERY;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if [count / 9, count / 5].contains(&samples.len()) {
            server.stop_for(STOPPED)?;
            due = Instant::now();
        }
        samples.push(server.status()?);
        progress.next(&format!("{} exchanges", load.total()));
    }
    Ok(samples)
}

/// What the threads of the load share.
#[derive(Debug, Default)]
struct Load {
    stop: AtomicBool,
    /// How many exchanges each kind of client has had.
    exchanges: [AtomicU64; Client::ALL.len()],
    failures: [std::sync::OnceLock<String>; Client::ALL.len()],
}

impl Load {
    /// Runs a client until the load stops, or the client fails.
    fn run(&self, client: Client, addrs: server::Addrs) {
        let index = client as usize;
        let result = client.run(addrs, &self.exchanges[index], &self.stop);
        if let Err(error) = result {
            self.failures[index].get_or_init(|| format!("{}: {error}", client.title()));
        }
    }

    fn total(&self) -> u64 {
        let numbers = self.exchanges.iter();
        numbers.map(|number| number.load(Ordering::Relaxed)).sum()
    }

    /// The clients that failed, and those that did nothing.
    fn errors(&self) -> Vec<String> {
        let idle = |client: &Client| {
            let number = self.exchanges[*client as usize].load(Ordering::Relaxed);
            (number == 0).then(|| format!("{}: no exchange", client.title()))
        };
        let failed = self.failures.iter().filter_map(|cell| cell.get().cloned());
        failed.chain(Client::ALL.iter().filter_map(idle)).collect()
    }
}
