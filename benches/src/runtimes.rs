//! The interface of the workloads to a runtime, and an adapter for each runtime.
//!
//! An adapter follows the documentation of its runtime: it uses the runtime's buffers and file API,
//! and changes no setting but the number of blocking threads, which is four for all.

#[cfg(feature = "peers")]
mod compio;
mod floor;
#[cfg(feature = "glommio")]
mod glommio;
#[cfg(feature = "adapters")]
mod guest;
#[cfg(feature = "peers")]
mod monoio;
mod quintet;
#[cfg(feature = "peers")]
mod smol;
#[cfg(feature = "tokio-runtime")]
mod tokio;
mod two_cores;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
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
use crate::server::{Served, Service, listen};
use crate::stacks;
use crate::workloads::files::{self, FileWork};
use crate::workloads::http_loop::{self, HttpLoop};
use crate::workloads::primitives::{self, Primitive};
use crate::workloads::sockets::{self, Transport};
use crate::workloads::{
    Amount, InProcess, many_waiters, one_loop, read_blocking, run_children_blocking, run_in_process,
};

#[cfg(feature = "adapters")]
pub(crate) use self::guest::{AsGuest, QuintetGuest};
#[cfg(feature = "adapters")]
pub(crate) use self::quintet::{Alone, Drivable, QuintetBy};
#[cfg(feature = "tokio-runtime")]
pub(crate) use self::tokio::Tokio;
pub(crate) use quintet::Quintet;

/// The maximum number of blocking threads of each runtime.
#[cfg_attr(
    not(feature = "tokio-runtime"),
    expect(dead_code, reason = "four is quintet's default")
)]
const BLOCKING_THREADS: usize = 4;

/// The runtime of this repository.
pub(crate) const QUINTET: &str = "quintet";
/// The same as the guest of tokio's current-thread runtime.
pub(crate) const QUINTET_GUEST: &str = "quintet-guest";
/// The runtime that the ratios refer to.
pub(crate) const TOKIO: &str = "tokio";
/// tokio's `sync` on quintet's loop: compares channels and locks alone.
pub(crate) const TOKIO_SYNC: &str = "quintet+tokio-sync";
/// Plain system calls without a runtime: the minimum for the same calls.
pub(crate) const FLOOR: &str = "floor";
/// Node runs the files in the directory `node`.
pub(crate) const NODE: &str = "node";

/// All runtimes, in the order of the columns.
pub(crate) const NAMES: &[&str] = &[
    QUINTET,
    #[cfg(feature = "adapters")]
    QUINTET_GUEST,
    TOKIO_SYNC,
    #[cfg(feature = "tokio-runtime")]
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

/// The packages whose versions are reported.
pub(crate) const PACKAGES: &[&str] = &["quintet", "tokio", "smol", "monoio", "compio", "glommio"];

/// A single-threaded runtime.
pub(crate) trait Runtime: 'static {
    /// The features that the runtime does not have.
    const MISSING: &'static [Feature] = &[];

    /// Runs `future` as a spawned task on a new runtime.
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T;
    /// Spawns a task. The returned future resolves to its output.
    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static;
    /// Runs `f` on a worker thread. The returned future resolves to its result.
    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static;
    /// The same for a closure that computes. Only some runtimes have threads of their own for it.
    fn spawn_cpu<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        Self::spawn_blocking(f)
    }
    /// Sleeps for `duration`.
    fn sleep(duration: Duration) -> impl Future<Output = ()>;
    /// Yields to other tasks.
    fn yield_now() -> impl Future<Output = ()>;
    /// Opens a file, reads it to its end and closes it. Resolves to its length.
    fn read_file(path: &Path) -> impl Future<Output = io::Result<usize>>;
    /// Reads a file to its end, `chunk` bytes at a time. Resolves to its length.
    fn read_large(path: &Path, chunk: usize) -> impl Future<Output = io::Result<usize>>;
    /// Runs a program without arguments. Resolves to whether it has succeeded.
    fn run_child(program: &str) -> impl Future<Output = io::Result<bool>>;
    /// Serves forever, with a task for each connection.
    fn serve(service: Service) -> impl Future<Output = io::Result<()>> + 'static;
}

/// A runtime with sockets on which several tasks can wait at the same time.
pub(crate) trait SharedSocket {
    type Socket: 'static;

    /// Converts a nonblocking socket.
    fn socket(stream: TcpStream) -> io::Result<Self::Socket>;
    /// Waits until the socket is readable.
    fn readable(socket: &Self::Socket) -> impl Future<Output = io::Result<()>>;
    /// Reads, or returns `WouldBlock`.
    fn try_read(socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A service of HTTP that any server takes.
pub(crate) trait HttpService:
    hyper::service::Service<
        Request<Incoming>,
        Response = Response<Full<Bytes>>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
}

impl<S> HttpService for S where
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<Full<Bytes>>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static
{
}

/// A runtime with a server for HTTP/1 and HTTP/2 by hyper, which has limits.
pub(crate) trait HttpServer: Runtime {
    /// Serves forever.
    fn serve_http(
        listener: TcpListener,
        service: impl HttpService,
    ) -> impl Future<Output = io::Result<()>> + 'static;
}

/// A runtime with UDP sockets and Unix streams.
pub(crate) trait Sockets: Runtime {
    type Udp: 'static;
    type UnixStream: 'static;

    /// Converts a socket.
    fn udp(socket: UdpSocket) -> io::Result<Self::Udp>;
    /// Sends a datagram to the address that the socket is connected to.
    fn send(socket: &Self::Udp, buffer: &[u8]) -> impl Future<Output = io::Result<usize>>;
    /// Receives a datagram.
    fn recv(socket: &Self::Udp, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>>;
    /// Sends a datagram to `target`.
    fn send_to(
        socket: &Self::Udp,
        buffer: &[u8],
        target: SocketAddr,
    ) -> impl Future<Output = io::Result<usize>>;
    /// Receives a datagram, with the address of its sender.
    fn recv_from(
        socket: &Self::Udp,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>>;

    /// Converts a stream.
    fn unix_stream(stream: UnixStream) -> io::Result<Self::UnixStream>;
    /// Reads some bytes.
    fn read<'a>(
        stream: &'a mut Self::UnixStream,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>>;
    /// Writes all of `buffer`.
    fn write_all<'a>(
        stream: &'a mut Self::UnixStream,
        buffer: &'a [u8],
    ) -> impl Future<Output = io::Result<()>>;
}

/// A runtime with more operations on files.
pub(crate) trait Files: Runtime {
    /// Creates or truncates a file, and writes all of `contents` to it.
    fn write_file<'a>(
        path: &'a Path,
        contents: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + 'a;
    /// Copies a file. Resolves to its length.
    fn copy_file<'a>(from: &'a Path, to: &'a Path) -> impl Future<Output = io::Result<u64>> + 'a;
    /// Walks a directory tree. Resolves to the number of entries, without the tree itself.
    fn walk(path: &Path) -> impl Future<Output = io::Result<u64>> + '_;
}

/// A feature that not every runtime has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feature {
    /// A function by which a task yields to others.
    #[cfg_attr(
        not(feature = "peers"),
        expect(dead_code, reason = "only some peers do not have it")
    )]
    YieldNow,
    /// Child processes.
    #[cfg_attr(
        not(feature = "peers"),
        expect(dead_code, reason = "only some peers do not have it")
    )]
    Children,
}

/// Runs a workload on the runtime `name` in this process. Returns `None` if the runtime does not
/// support it.
pub(crate) fn run(name: &str, workload: InProcess, amount: Amount) -> Option<Sample> {
    match workload {
        InProcess::Primitive(primitive) => return run_primitive(name, primitive, amount),
        InProcess::ManyWaiters { tasks } => return run_many_waiters(name, tasks, amount),
        InProcess::Echo { over } => return run_echo(name, over, amount),
        InProcess::Files(work) => return run_files(name, work, amount),
        InProcess::Http(work) => return run_http(name, work, amount),
        _ => {}
    }
    match name {
        QUINTET => {
            one_loop::run(workload, amount).or_else(|| run_in_process::<Quintet>(workload, amount))
        }
        FLOOR => {
            read_blocking(workload, amount).or_else(|| run_children_blocking(workload, amount))
        }
        #[cfg(feature = "tokio-runtime")]
        TOKIO => run_in_process::<Tokio>(workload, amount),
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

/// Runs a workload of channels or locks, with the library that users of the runtime take.
fn run_primitive(name: &str, primitive: Primitive, amount: Amount) -> Option<Sample> {
    match name {
        QUINTET => primitives::run_all::<Quintet, QuintetSync>(primitive, amount),
        TOKIO_SYNC => primitives::run_all::<Quintet, TokioSync>(primitive, amount),
        #[cfg(feature = "tokio-runtime")]
        TOKIO => primitives::run_all::<Tokio, TokioSync>(primitive, amount),
        #[cfg(feature = "peers")]
        "smol" => primitives::run::<smol::Smol, SmolLibraries>(primitive, amount),
        _ => None,
    }
}

/// Runs the workload in which several tasks wait for one socket.
fn run_many_waiters(name: &str, tasks: u64, amount: Amount) -> Option<Sample> {
    Some(match name {
        QUINTET => many_waiters::readable::<Quintet>(tasks, amount),
        #[cfg(feature = "tokio-runtime")]
        TOKIO => many_waiters::readable::<Tokio>(tasks, amount),
        #[cfg(feature = "peers")]
        "smol" => many_waiters::readable::<smol::Smol>(tasks, amount),
        _ => return None,
    })
}

/// Runs an echo on one loop.
fn run_echo(name: &str, over: Transport, amount: Amount) -> Option<Sample> {
    Some(match name {
        QUINTET => sockets::echo::<Quintet>(over, amount),
        #[cfg(feature = "adapters")]
        QUINTET_GUEST => sockets::echo::<QuintetGuest>(over, amount),
        #[cfg(feature = "tokio-runtime")]
        TOKIO => sockets::echo::<Tokio>(over, amount),
        #[cfg(feature = "peers")]
        "smol" => sockets::echo::<smol::Smol>(over, amount),
        _ => return None,
    })
}

/// Runs a server of HTTP and its clients on one loop.
fn run_http(name: &str, work: HttpLoop, amount: Amount) -> Option<Sample> {
    Some(match name {
        QUINTET => http_loop::run::<Quintet>(work, amount),
        #[cfg(feature = "adapters")]
        QUINTET_GUEST => http_loop::run::<QuintetGuest>(work, amount),
        #[cfg(feature = "tokio-runtime")]
        TOKIO => http_loop::run::<Tokio>(work, amount),
        _ => return None,
    })
}

/// Runs a workload of files.
fn run_files(name: &str, work: FileWork, amount: Amount) -> Option<Sample> {
    Some(match name {
        QUINTET => files::run::<Quintet>(work, amount),
        #[cfg(feature = "tokio-runtime")]
        TOKIO => files::run::<Tokio>(work, amount),
        #[cfg(feature = "peers")]
        "smol" => files::run::<smol::Smol>(work, amount),
        _ => return None,
    })
}

/// Serves forever. Returns `None` if the runtime does not support the service.
pub(crate) fn serve(name: &str, served: Served) -> Option<io::Result<()>> {
    let service = match served {
        Served::Service(service) => service,
        Served::Stack(stack) => return stacks::serve(name, stack),
    };
    if let Service::Http { threads: 2.., .. } = service {
        return two_cores::serve(name);
    }
    if let Service::Http {
        has_limits: true, ..
    } = service
    {
        return serve_http_with_limits(name);
    }
    Some(match name {
        QUINTET => serve_on::<Quintet>(service),
        #[cfg(feature = "adapters")]
        QUINTET_GUEST => serve_on::<QuintetGuest>(service),
        FLOOR => return floor::serve(service),
        #[cfg(feature = "tokio-runtime")]
        TOKIO => serve_on::<Tokio>(service),
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

/// Serves HTTP forever by a server with limits. Returns `None` if the runtime has none.
fn serve_http_with_limits(name: &str) -> Option<io::Result<()>> {
    fn on<R: HttpServer>() -> io::Result<()> {
        R::block_on(R::serve_http(listen()?, service_fn(hello)))
    }
    Some(match name {
        QUINTET => on::<Quintet>(),
        #[cfg(feature = "adapters")]
        QUINTET_GUEST => on::<QuintetGuest>(),
        #[cfg(feature = "tokio-runtime")]
        TOKIO => on::<Tokio>(),
        _ => return None,
    })
}

fn serve_on<R: Runtime>(service: Service) -> io::Result<()> {
    R::block_on(R::serve(service))
}

/// Serves a connection by hyper until the client closes it. There is no timer and so no timeout,
/// on any runtime.
async fn serve_http(io: impl hyper::rt::Read + hyper::rt::Write + Unpin + 'static) {
    // A client that disconnects is not an error.
    let _ = http1::Builder::new()
        .serve_connection(io, service_fn(hello))
        .await;
}

/// The response to each request.
pub(crate) fn hello(
    _request: Request<Incoming>,
) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(
        b"Hello, World!\n",
    )))))
}
