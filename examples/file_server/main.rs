//! Serves a directory over HTTP/1.1: hyper on quintet.
//!
//! ```text
//! cargo run --example file_server
//! cargo run --release --example file_server -- --dir ~/Downloads --port 9000
//! ```
//!
//! It prints where it listens; the page there says what to try. Each request is a line:
//!
//! ```text
//! serving /home/ada/quintet/examples/www
//! listening on http://127.0.0.1:8080/
//! GET / 200 4852 0.4 ms
//! ```
//!
//! Ctrl-C stops it: nobody new is let in, running requests may end, and what has not ended after
//! the grace time is dropped. A second Ctrl-C ends it at once.
//!
//! What to look at:
//!
//! - `main.rs`: the accept loop, with a limit and a back-off, and the orderly end. All connections
//!   are tasks on this one thread, so they share an `Rc`.
//! - `connection.rs`, `patient.rs`: hyper on a `TcpStream`, and timeouts for clients that stall.
//! - `service.rs`: from a request to a response. The loop never waits for a disk: what might is a job
//!   for a worker thread.
//! - `files.rs`, `conditions.rs`, `listing.rs`, `page.rs`, `mime.rs`: files and HTTP, nothing
//!   asynchronous.
//! - `body.rs`: a file of any length in chunks, each read when the one before has been sent.
//! - `hash.rs`: long computations, in slices, on the same few workers.
//! - `live.rs`: a response that goes on for ever, from an interval.
//! - `log.rs`: a line for each request, printed when its response has been sent.
//!
//! What begins with a dot is not served, unless `--hidden` says so. Nothing outside of the directory
//! is, whatever a path or a symbolic link says; see `files.rs`.

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
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::{self, FutureExt};
use futures::stream::{self, FuturesUnordered, Stream, StreamExt};
use quintet::fs;
use quintet::net::{TcpListener, TcpStream};
use quintet::select;
use quintet::signal::unix::{SignalKind, signal};
use quintet::task::{JoinError, JoinHandle};
use quintet::time::{sleep, timeout};

use args::{Command, Options, USAGE};
use log::{print, print_error};
use service::Server;

/// How long to wait when a connection cannot be accepted, for want of descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The open connections; waiting for one is waiting for its end.
type Connections = FuturesUnordered<JoinHandle<()>>;

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

/// Serves until a signal says to stop. An error means that it could not begin.
async fn serve(options: Options) -> io::Result<()> {
    // Taken over before anybody can know that the server is there.
    let signals = stream::select(
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let root = fs::canonicalize(&options.dir).await?;
    // If it is no directory, or may not be read, now is the time to say so.
    drop(fs::read_dir(&root).await?);
    let listener = TcpListener::bind((options.host.as_str(), options.port)).await?;
    print(format_args!("serving {}", root.display()));
    print(format_args!(
        "listening on http://{}/",
        listener.local_addr()?
    ));

    // Dropping `running` is how all connections get to know that the server stops.
    let (running, stopping) = oneshot::channel();
    let server = Rc::new(Server {
        root: Arc::from(root),
        is_quiet: options.is_quiet,
        shows_hidden: options.shows_hidden,
        patience: options.patience,
        stopping: stopping.shared(),
        started: Instant::now(),
        connections: Cell::new(0),
        requests: Cell::new(0),
        bytes: Cell::new(0),
    });
    let connections = accept_until_signal(listener, &server, options.connections, signals).await;
    drop(running);
    end(connections, options.grace).await;
    Ok(())
}

/// Spawns a task for each connection until a signal arrives; then the port is closed. From then on
/// signals have their default effect again, and end the process.
async fn accept_until_signal(
    listener: TcpListener,
    server: &Rc<Server>,
    connections_max: usize,
    mut signals: impl Stream<Item = ()> + Unpin,
) -> Connections {
    let mut connections = Connections::new();
    loop {
        let is_full = connections.len() >= connections_max;
        select! {
            biased;
            Some(()) = signals.next() => return connections,
            Some(ended) = connections.next() => report(ended),
            (stream, peer) = accept(&listener, is_full) => {
                let connection = connection::serve(Rc::clone(server), stream, peer);
                connections.push(quintet::spawn(connection));
            }
        }
    }
}

/// Accepts a connection. While there is no room it waits to be dropped: the end of a connection
/// does that.
async fn accept(listener: &TcpListener, is_full: bool) -> (TcpStream, SocketAddr) {
    if is_full {
        future::pending::<()>().await;
    }
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if connection::prepare(&stream).is_ok() {
                    return (stream, peer);
                }
            }
            // That client went away while it was waiting.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // To try again at once would only burn the CPU.
            Err(error) => {
                print_error(format_args!("cannot accept: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for the connections to end, but not for ever. What is left is dropped with the runtime.
async fn end(mut connections: Connections, grace: Duration) {
    if connections.is_empty() {
        return;
    }
    print(format_args!(
        "stopping; requests have {grace:?} to end, Ctrl-C ends them now"
    ));
    let all = async {
        while let Some(ended) = connections.next().await {
            report(ended);
        }
    };
    if timeout(grace, all).await.is_err() {
        print(format_args!("dropping {} connections", connections.len()));
    }
}

/// A panic in one connection is its own affair, and the panic hook has told of it.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        print_error(format_args!("a connection ended badly: {error}"));
    }
}
