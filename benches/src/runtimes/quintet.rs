//! Quintet's adapter.

use std::io;
use std::marker::PhantomData;
use std::net::{self, SocketAddr};
use std::os::unix;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use quintet::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

use super::{Files, HttpServer, HttpService, Runtime, SharedSocket, Sockets, serve_http};
use crate::server::{Service, listen};

/// The adapter of quintet, with what drives its loop.
pub(crate) struct QuintetBy<D>(PhantomData<D>);

/// The adapter of quintet.
pub(crate) type Quintet = QuintetBy<Alone>;

/// What drives a loop.
pub(crate) trait Drivable: 'static {
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T;
}

/// The loop itself.
pub(crate) struct Alone;

impl Drivable for Alone {
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        quintet::block_on(future)
    }
}

impl<D: Drivable> Runtime for QuintetBy<D> {
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        D::block_on(future)
    }

    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static {
        let task = quintet::spawn(future);
        async { task.await.expect("the task does not panic") }
    }

    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let job = quintet::spawn_blocking(f);
        async { job.await.expect("the job does not panic") }
    }

    fn spawn_cpu<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let job = quintet::spawn_cpu(f);
        async { job.await.expect("the job does not panic") }
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        quintet::time::sleep(duration)
    }

    fn yield_now() -> impl Future<Output = ()> {
        quintet::task::yield_now()
    }

    async fn read_file(path: &Path) -> io::Result<usize> {
        Ok(quintet::fs::read(path).await?.len())
    }

    async fn read_large(path: &Path, chunk: usize) -> io::Result<usize> {
        let mut file = quintet::fs::File::open(path).await?;
        let mut buffer = vec![0; chunk];
        let mut total = 0;
        loop {
            match file.read(&mut buffer).await? {
                0 => return Ok(total),
                count => total += count,
            }
        }
    }

    async fn run_child(program: &str) -> io::Result<bool> {
        let status = quintet::process::Command::new(program).status().await?;
        Ok(status.success())
    }

    async fn serve(service: Service) -> io::Result<()> {
        let listener = TcpListener::from_std(listen()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            match service {
                Service::Echo { size } => drop(quintet::spawn(echo(stream, size))),
                Service::Http { .. } => drop(quintet::spawn(serve_http(stream))),
            }
        }
    }
}

impl<D: Drivable> HttpServer for QuintetBy<D> {
    async fn serve_http(listener: net::TcpListener, service: impl HttpService) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        quintet::hyper::serve(listener, service).await.map(drop)
    }
}

impl<D: Drivable> SharedSocket for QuintetBy<D> {
    type Socket = TcpStream;

    fn socket(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(stream)
    }

    fn readable(socket: &TcpStream) -> impl Future<Output = io::Result<()>> {
        socket.readable()
    }

    fn try_read(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        socket.try_read(buffer)
    }
}

impl<D: Drivable> Sockets for QuintetBy<D> {
    type Udp = UdpSocket;
    type UnixStream = UnixStream;

    fn udp(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket)
    }

    fn send(socket: &UdpSocket, buffer: &[u8]) -> impl Future<Output = io::Result<usize>> {
        socket.send(buffer)
    }

    fn recv(socket: &UdpSocket, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        socket.recv(buffer)
    }

    fn send_to(
        socket: &UdpSocket,
        buffer: &[u8],
        target: SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> {
        socket.send_to(buffer, target)
    }

    fn recv_from(
        socket: &UdpSocket,
        buffer: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> {
        socket.recv_from(buffer)
    }

    fn unix_stream(stream: unix::net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }

    fn read<'a>(
        stream: &'a mut UnixStream,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> {
        stream.read(buffer)
    }

    fn write_all<'a>(
        stream: &'a mut UnixStream,
        buffer: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> {
        stream.write_all(buffer)
    }
}

async fn echo(stream: TcpStream, size: usize) {
    let mut buffer = vec![0; size];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

impl<D: Drivable> Files for QuintetBy<D> {
    async fn write_file(path: &Path, contents: &[u8]) -> io::Result<()> {
        quintet::fs::write(path, contents).await
    }

    async fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
        quintet::fs::copy(from, to).await
    }

    async fn walk(path: &Path) -> io::Result<u64> {
        let mut entries = 0;
        let mut walk = quintet::fs::walk(path).min_depth(1);
        while let Some(entry) = walk.next().await {
            entry?;
            entries += 1;
        }
        Ok(entries)
    }
}
