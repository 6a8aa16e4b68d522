//! Serves a directory over HTTP/1.1, with hyper on quintet.
//!
//! ```text
//! cargo run --example file_server
//! cargo run --release --example file_server -- --dir ~/Downloads --port 9000
//! ```
//!
//! The server prints its address; the page at that address lists requests to try. The server logs
//! one line per request:
//!
//! ```text
//! serving /home/ada/quintet/examples/www
//! listening on http://127.0.0.1:8080/
//! GET / 200 4852 0.4 ms
//! ```
//!
//! Ctrl-C shuts the server down: it accepts no new connections, waits for running requests, and
//! drops those that take longer than the grace period. A second Ctrl-C ends the process at once.
//!
//! The files:
//!
//! - `main.rs`: the server, with a limit of connections and a graceful shutdown. All connections
//!   are tasks on one thread, so they share an `Rc`.
//! - `connection.rs`, `patient.rs`: accepts connections, with timeouts for clients that read
//!   slowly.
//! - `service.rs`: handles requests. The loop never waits for a disk: calls that may block run on
//!   worker threads.
//! - `files.rs`, `conditions.rs`, `listing.rs`, `page.rs`, `mime.rs`: files and HTTP, without async
//!   code.
//! - `body.rs`: sends a file of any length in chunks, and reads each chunk after the previous one
//!   has been sent.
//! - `hash.rs`: splits long computations into slices on the same few workers.
//! - `live.rs`: a response without an end, driven by an interval.
//! - `log.rs`: prints one line per request, after its response has been sent.
//!
//! With `--metrics`, `/metrics` has the runtime's numbers as text that Prometheus reads.
//!
//! Files and directories whose names begin with a dot are served only with `--hidden`. Nothing
//! outside the directory is served, even where a path or a symbolic link leads outside; see
//! `files.rs`.

mod args;
mod body;
mod conditions;
mod connection;
mod files;
mod hash;
mod listing;
mod live;
mod log;
mod mime;
mod page;
mod patient;
mod service;

use std::cell::Cell;
use std::env;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use futures::channel::oneshot;
use futures::future::FutureExt;
use hyper::service::service_fn;
use quintet::fs;
use quintet::net::TcpListener;

use args::{Command, Options, USAGE};
use connection::{Counted, PatientListener, print_failure};
use log::{print, print_error};
use service::Server;

#[quintet::main]
async fn main() -> ExitCode {
    let options = match args::parse(env::args_os().skip(1)) {
        Ok(Command::Serve(options)) => options,
        Ok(Command::Help) => {
            print(USAGE.trim_end());
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            print_error(format_args!("{mistake}\n\n{}", USAGE.trim_end()));
            return ExitCode::from(2);
        }
    };
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error);
            ExitCode::from(2)
        }
    }
}

/// Serves until SIGINT or SIGTERM arrives.
///
/// # Errors
///
/// Returns an error if the server cannot start.
async fn serve(options: Options) -> io::Result<()> {
    // Before the address is printed, so that no later signal is missed.
    let shutdown = quintet::shutdown()?;
    let root = fs::canonicalize(&options.dir).await?;
    // Fail now if this is not a directory, or if it cannot be read.
    drop(fs::read_dir(&root).await?);
    let listener = TcpListener::bind((options.host.as_str(), options.port)).await?;
    print(format_args!("serving {}", root.display()));
    print(format_args!(
        "listening on http://{}/",
        listener.local_addr()?
    ));

    // Dropping `running` notifies all connections that the server stops.
    let (running, stopping) = oneshot::channel();
    let server = Rc::new(Server {
        root: Arc::from(root),
        is_quiet: options.is_quiet,
        shows_hidden: options.shows_hidden,
        shows_metrics: options.shows_metrics,
        stopping: stopping.shared(),
        started: Instant::now(),
        connections: Cell::new(0),
        requests: Cell::new(0),
        bytes: Cell::new(0),
    });
    let (grace, stopped) = (options.grace, Rc::clone(&server));
    let stop = async move {
        shutdown.await;
        drop(running);
        if stopped.connections.get() > 0 {
            print(format_args!(
                "stopping; waiting up to {grace:?} for running requests, press Ctrl-C to end now"
            ));
        }
    };
    let listener = PatientListener {
        listener,
        patience: options.patience,
    };
    let drained = quintet::hyper::serve_each(listener, move |_, _| {
        let counted = Counted::new(Rc::clone(&server));
        service_fn(move |request| service::respond(Rc::clone(&counted.0), request))
    })
    .max_connections(options.connections)
    .header_timeout(options.patience)
    .idle_timeout(options.patience)
    // `patient.rs` knows more about slow clients.
    .write_timeout(None)
    .until(stop)
    .drain_timeout(grace)
    .on_error(print_failure)
    .await?;
    if !drained.is_complete() {
        print(format_args!("dropped {} connections", drained.unfinished()));
    }
    Ok(())
}
