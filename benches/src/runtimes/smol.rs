//! smol: a `LocalExecutor` under async-io's `block_on`.
//!
//! smol reads the number of its blocking threads from the environment variable
//! `BLOCKING_MAX_THREADS`, which the parent process sets.

use std::io::{self, Read};
use std::net::{self, SocketAddr};
use std::os::unix;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::unix::UnixStream;
use smol::net::{TcpListener, TcpStream, UdpSocket};
use smol::{Async, LocalExecutor};
use smol_hyper::rt::FuturesIo;

use super::{Files, Runtime, SharedSocket, Sockets, serve_http};
use crate::server::{Service, listen};

/// The adapter of smol.
pub(crate) struct Smol;

thread_local! {
    static EXECUTOR: Rc<LocalExecutor<'static>> = Rc::new(LocalExecutor::new());
}

fn executor() -> Rc<LocalExecutor<'static>> {
    EXECUTOR.with(Rc::clone)
}

impl Runtime for Smol {
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        let executor = executor();
        let task = executor.spawn(future);
        smol::block_on(executor.run(task))
    }

    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static {
        executor().spawn(future)
    }

    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        smol::unblock(f)
    }

    async fn sleep(duration: Duration) {
        smol::Timer::after(duration).await;
    }

    fn yield_now() -> impl Future<Output = ()> {
        smol::future::yield_now()
    }

    async fn read_file(path: &Path) -> io::Result<usize> {
        Ok(smol::fs::read(path).await?.len())
    }

    async fn read_large(path: &Path, chunk: usize) -> io::Result<usize> {
        let mut file = smol::fs::File::open(path).await?;
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
        let status = smol::process::Command::new(program).status().await?;
        Ok(status.success())
    }

    async fn serve(service: Service) -> io::Result<()> {
        let listener = TcpListener::try_from(listen()?)?;
        let executor = executor();
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            match service {
                Service::Echo { size } => executor.spawn(echo(stream, size)).detach(),
                Service::Http { .. } => executor.spawn(serve_http(FuturesIo::new(stream))).detach(),
            }
        }
    }
}

impl SharedSocket for Smol {
    type Socket = Async<net::TcpStream>;

    fn socket(stream: net::TcpStream) -> io::Result<Self::Socket> {
        Async::new(stream)
    }

    fn readable(socket: &Self::Socket) -> impl Future<Output = io::Result<()>> {
        socket.readable()
    }

    fn try_read(socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize> {
        socket.get_ref().read(buffer)
    }
}

impl Sockets for Smol {
    type Udp = UdpSocket;
    type UnixStream = UnixStream;

    fn udp(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::try_from(socket)
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
        Ok(UnixStream::from(Async::new(stream)?))
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

async fn echo(mut stream: TcpStream, size: usize) {
    let mut buffer = vec![0; size];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

impl Files for Smol {
    async fn write_file(path: &Path, contents: &[u8]) -> io::Result<()> {
        smol::fs::write(path, contents).await
    }

    async fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
        smol::fs::copy(from, to).await
    }

    async fn walk(path: &Path) -> io::Result<u64> {
        let mut count = 0;
        let mut unread = vec![path.to_owned()];
        while let Some(directory) = unread.pop() {
            let mut entries = smol::fs::read_dir(directory).await?;
            while let Some(entry) = entries.next().await {
                let entry = entry?;
                count += 1;
                if entry.file_type().await?.is_dir() {
                    unread.push(entry.path());
                }
            }
        }
        Ok(count)
    }
}
