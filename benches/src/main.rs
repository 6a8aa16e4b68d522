//! Compares quintet with other runtimes.
//!
//! README.md in the directory of this package describes the commands and the workloads.

mod args;
mod child;
mod compare;
mod counts;
mod growth;
mod http2_frames;
mod libraries;
mod load;
mod machine;
mod measure;
mod progress;
mod report;
mod run;
mod runtimes;
mod server;
mod soak;
mod stacks;
mod workloads;

use std::env;
use std::process::ExitCode;

use args::{Args, USAGE};

fn main() -> ExitCode {
    let outcome = Args::parse(env::args().skip(1)).and_then(run_command);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn run_command(mut args: Args) -> Result<(), String> {
    measure::raise_open_files();
    let command = args.words.front().cloned().unwrap_or_default();
    match &*command {
        _ if args.help => print!("{USAGE}"),
        "compare" => compare::compare(&args)?,
        "counts" => counts::counts(&args)?,
        "growth" => growth::growth(&args)?,
        "list" => print!("{}", compare::list()),
        "soak" => soak::soak(&args)?,
        "soak-serve" => soak::serve().map_err(|error| error.to_string())?,
        "run" | "serve" => run::run(&mut args)?,
        _ => return Err(USAGE.to_owned()),
    }
    Ok(())
}
