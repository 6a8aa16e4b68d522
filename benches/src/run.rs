//! The hidden commands `run` and `serve`, which child processes execute.

use std::{io, process};

use crate::args::Args;
use crate::child::UNSUPPORTED;
use crate::compare::list;
use crate::machine;
use crate::measure::Sample;
use crate::runtimes;
use crate::server::Served;
use crate::workloads::{Amount, Work, Workload, find, run_traffic};

/// Runs a workload or a server. The output is for the parent process.
pub(crate) fn run(args: &mut Args) -> Result<(), String> {
    let mut word = |what: &str| {
        let word = args.words.pop_front();
        word.ok_or_else(|| format!("missing {what}"))
    };
    let (command, runtime) = (word("command")?, word("runtime")?);
    let name = word("workload")?;
    if command == "serve" {
        let served = Served::parse(&name, &word("argument")?)
            .ok_or_else(|| format!("unknown service {name}"))?;
        if args.pin {
            pin(0)?;
        }
        return match runtimes::serve(&runtime, served) {
            Some(ended) => ended.map_err(|error| error.to_string()),
            None => {
                println!("{}", UNSUPPORTED);
                Ok(())
            }
        };
    }
    let workload = find(&name).ok_or_else(|| format!("unknown workload {name}\n{}", list()))?;
    let sample = run_in_process(workload, &runtime, args).map_err(|error| error.to_string())?;
    match sample {
        Some(sample) => println!("{}", sample.to_line()),
        None => println!("{}", UNSUPPORTED),
    }
    // Do not wait for destructors: dropping a million tasks takes long.
    process::exit(0);
}

fn run_in_process(workload: &Workload, runtime: &str, args: &Args) -> io::Result<Option<Sample>> {
    let amount = Amount {
        operations: args.operations.unwrap_or(workload.operations),
        live: args.live,
        warm_up: !args.cold,
    };
    match workload.work {
        Work::InProcess(workload) => Ok(runtimes::run(runtime, workload, amount)),
        Work::Server(traffic) => {
            if args.pin {
                pin(1).map_err(io::Error::other)?;
            }
            run_traffic(runtime, traffic, amount, args.pin)
        }
    }
}

/// Restricts this process and its children to one CPU.
pub(crate) fn pin(cpu: usize) -> Result<(), String> {
    let cpus = machine::cpus();
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu % cpus);
    rustix::thread::sched_setaffinity(None, &set).map_err(|error| error.to_string())
}
