//! What the workloads need of a runtime, and each runtime's way to do it.
//!
//! Each adapter is written as that runtime's documentation would have it: its own buffers, its own
//! file API, no setting but the number of blocking threads, which is four for all.

#[cfg(feature = "peers")]
mod compio;
mod floor;
#[cfg(feature = "glommio")]
mod glommio;
#[cfg(feature = "peers")]
mod monoio;
mod quintet;
#[cfg(feature = "peers")]
mod smol;
#[cfg(feature = "peers")]
mod tokio;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

#[cfg(feature = "peers")]
use crate::libraries::SmolLibraries;
use crate::libraries::{QuintetSync, TokioSync};
use crate::measure::Sample;
use crate::server::Service;
use crate::workloads::primitives::{self, Primitive};
use crate::workloads::{Amount, InProcess, many_waiters, one_loop, read_blocking, run_in_process};

pub(crate) use quintet::Quintet;

/// Threads that every runtime may have for what blocks.
#[cfg_attr(
    not(feature = "peers"),
    expect(dead_code, reason = "quintet has four of itself")
)]
const BLOCKING_THREADS: usize = 4;

/// The one that is measured.
pub(crate) const QUINTET: &str = "quintet";
/// The one that others are compared with.
pub(crate) const TOKIO: &str = "tokio";
/// Quintet's loop with tokio's `sync`: for what compares channels and locks alone.
pub(crate) const TOKIO_SYNC: &str = "quintet+tokio-sync";
/// Plain system calls: what a runtime cannot go below.
pub(crate) const FLOOR: &str = "floor";
/// Not in this program: JavaScript files, run by `node`.
pub(crate) const NODE: &str = "node";

/// All of them, in the order of the columns.
pub(crate) const NAMES: &[&str] = &[
    QUINTET,
    TOKIO_SYNC,
    #[cfg(feature = "peers")]
    TOKIO,
    #[cfg(feature = "peers")]
    "smol",
    #[cfg(feature = "peers")]
    "monoio",
    #[cfg(feature = "peers")]
    "monoio-uring",
    #[cfg(feature = "peers")]
    "compio",
    #[cfg(feature = "glommio")]
    "glommio",
    NODE,
    FLOOR,
];

/// The packages behind the columns, for their versions.
pub(crate) const PACKAGES: &[&str] = &["quintet", "tokio", "smol", "monoio", "compio", "glommio"];

/// A runtime on one thread.
pub(crate) trait Runtime: 'static {
    /// What it has nothing for.
    const MISSING: &'static [Feature] = &[];

    /// Runs `future`, as a spawned task, on a new runtime.
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T;
    /// Spawns a task; the result awaits its output.
    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static;
    /// Runs `f` on a worker thread.
    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static;
    /// Waits for a time.
    fn sleep(duration: Duration) -> impl Future<Output = ()>;
    /// Lets others run.
    fn yield_now() -> impl Future<Output = ()>;
    /// Opens a file, reads all of it, closes it; says how long it was.
    fn read_file(path: &Path) -> impl Future<Output = io::Result<usize>>;
    /// Reads a file from start to end, so many bytes at a time; says how many it were.
    fn read_large(path: &Path, chunk: usize) -> impl Future<Output = io::Result<usize>>;
    /// Serves for ever, a task for each connection.
    fn serve(service: Service) -> impl Future<Output = io::Result<()>> + 'static;
}

/// A socket on which many tasks can wait at a time.
pub(crate) trait SharedSocket {
    type Socket: 'static;

    /// Takes a socket that does not block.
    fn socket(stream: TcpStream) -> io::Result<Self::Socket>;
    /// Waits until the socket is readable.
    fn readable(socket: &Self::Socket) -> impl Future<Output = io::Result<()>>;
    /// Reads without waiting.
    fn try_read(socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;
}

/// What a runtime may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// A function by which a task lets others run.
    #[cfg_attr(
        not(feature = "peers"),
        expect(dead_code, reason = "some peers lack it")
    )]
    YieldNow,
}

/// Runs a workload on the runtime of that name, inside this process. `None` if it has nothing for
/// it.
pub(crate) fn run(name: &str, workload: InProcess, amount: Amount) -> Option<Sample> {
    match workload {
        InProcess::Primitive(primitive) => return run_primitive(name, primitive, amount),
        InProcess::ManyWaiters { tasks } => return run_many_waiters(name, tasks, amount),
        _ => {}
    }
    match name {
        QUINTET => {
            one_loop::run(workload, amount).or_else(|| run_in_process::<Quintet>(workload, amount))
        }
        FLOOR => read_blocking(workload, amount),
        #[cfg(feature = "peers")]
        TOKIO => run_in_process::<tokio::Tokio>(workload, amount),
        #[cfg(feature = "peers")]
        "smol" => run_in_process::<smol::Smol>(workload, amount),
        #[cfg(feature = "peers")]
        "monoio" => run_in_process::<monoio::Monoio>(workload, amount),
        #[cfg(feature = "peers")]
        "monoio-uring" => run_in_process::<monoio::MonoioUring>(workload, amount),
        #[cfg(feature = "peers")]
        "compio" => run_in_process::<compio::Compio>(workload, amount),
        #[cfg(feature = "glommio")]
        "glommio" => run_in_process::<glommio::Glommio>(workload, amount),
        _ => None,
    }
}

/// Runs a workload of channels and locks: of the library that users of the runtime take.
fn run_primitive(name: &str, primitive: Primitive, amount: Amount) -> Option<Sample> {
    match name {
        QUINTET => primitives::run_all::<Quintet, QuintetSync>(primitive, amount),
        TOKIO_SYNC => primitives::run_all::<Quintet, TokioSync>(primitive, amount),
        #[cfg(feature = "peers")]
        TOKIO => primitives::run_all::<tokio::Tokio, TokioSync>(primitive, amount),
        #[cfg(feature = "peers")]
        "smol" => primitives::run::<smol::Smol, SmolLibraries>(primitive, amount),
        _ => None,
    }
}

/// Runs the workload of many tasks that wait for one socket.
fn run_many_waiters(name: &str, tasks: u64, amount: Amount) -> Option<Sample> {
    Some(match name {
        QUINTET => many_waiters::readable::<Quintet>(tasks, amount),
        #[cfg(feature = "peers")]
        TOKIO => many_waiters::readable::<tokio::Tokio>(tasks, amount),
        #[cfg(feature = "peers")]
        "smol" => many_waiters::readable::<smol::Smol>(tasks, amount),
        _ => return None,
    })
}

/// Serves for ever. `None` if the runtime has no such server.
pub(crate) fn serve(name: &str, service: Service) -> Option<io::Result<()>> {
    Some(match name {
        QUINTET => serve_on::<Quintet>(service),
        FLOOR => return floor::serve(service),
        #[cfg(feature = "peers")]
        TOKIO => serve_on::<tokio::Tokio>(service),
        #[cfg(feature = "peers")]
        "smol" => serve_on::<smol::Smol>(service),
        #[cfg(feature = "peers")]
        "monoio" => serve_on::<monoio::Monoio>(service),
        #[cfg(feature = "peers")]
        "monoio-uring" => serve_on::<monoio::MonoioUring>(service),
        #[cfg(feature = "peers")]
        "compio" => serve_on::<compio::Compio>(service),
        #[cfg(feature = "glommio")]
        "glommio" => serve_on::<glommio::Glommio>(service),
        _ => return None,
    })
}

fn serve_on<R: Runtime>(service: Service) -> io::Result<()> {
    R::block_on(R::serve(service))
}

/// A connection by hyper until the client ends it. No timer: so there are no timeouts, for any.
async fn serve_http(io: impl hyper::rt::Read + hyper::rt::Write + Unpin + 'static) {
    // A client that goes away is no failure.
    let _ = http1::Builder::new()
        .serve_connection(io, service_fn(hello))
        .await;
}

fn hello(_request: Request<Incoming>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(
        b"Hello, World!\n",
    )))))
}
