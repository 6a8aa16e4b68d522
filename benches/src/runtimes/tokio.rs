//! tokio's `LocalRuntime`: one thread, tasks that need not be `Send`.

use std::io;
use std::net::{self, SocketAddr};
use std::os::unix;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

use super::{
    BLOCKING_THREADS, Files, HttpServer, HttpService, Runtime, SharedSocket, Sockets, serve_http,
};
use crate::server::{Service, listen};

/// The adapter of tokio.
pub(crate) struct Tokio;

impl Runtime for Tokio {
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build_local(tokio::runtime::LocalOptions::default())
            .expect("a runtime can be built");
        // In a spawned task, since tokio schedules the future of `block_on` differently.
        runtime.block_on(async { spawn(future).await })
    }

    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static {
        spawn(future)
    }

    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let job = tokio::task::spawn_blocking(f);
        async { job.await.expect("the job does not panic") }
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(duration)
    }

    fn yield_now() -> impl Future<Output = ()> {
        tokio::task::yield_now()
    }

    async fn read_file(path: &Path) -> io::Result<usize> {
        Ok(tokio::fs::read(path).await?.len())
    }

    async fn read_large(path: &Path, chunk: usize) -> io::Result<usize> {
        let mut file = tokio::fs::File::open(path).await?;
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
        let status = tokio::process::Command::new(program).status().await?;
        Ok(status.success())
    }

    async fn serve(service: Service) -> io::Result<()> {
        let listener = listen()?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            match service {
                Service::Echo { size } => drop(tokio::task::spawn_local(echo(stream, size))),
                Service::Http { .. } => {
                    drop(tokio::task::spawn_local(serve_http(TokioIo::new(stream))));
                }
            }
        }
    }
}

/// The limits of `quintet::hyper::serve`, as far as hyper has them. Its timeout for the head of a
/// request is also that of an idle connection.
fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30))
        .max_buf_size(64 * 1024)
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(60)))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_header_list_size(64 * 1024);
    builder
}

impl HttpServer for Tokio {
    async fn serve_http(listener: net::TcpListener, service: impl HttpService) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        // Connections inherit it, so that none of them makes a call.
        rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
        let listener = TcpListener::from_std(listener)?;
        let builder = Rc::new(http_builder());
        loop {
            let (stream, _) = listener.accept().await?;
            let (builder, service) = (Rc::clone(&builder), service.clone());
            tokio::task::spawn_local(async move {
                // A client that disconnects is not an error.
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }
}

impl SharedSocket for Tokio {
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

impl Sockets for Tokio {
    type Udp = UdpSocket;
    type UnixStream = UnixStream;

    fn udp(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
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
        stream.set_nonblocking(true)?;
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

fn spawn<T: 'static>(
    future: impl Future<Output = T> + 'static,
) -> impl Future<Output = T> + 'static {
    let task = tokio::task::spawn_local(future);
    async { task.await.expect("the task does not panic") }
}

async fn echo(mut stream: TcpStream, size: usize) {
    let mut buffer = vec![0; size];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

impl Files for Tokio {
    async fn write_file(path: &Path, contents: &[u8]) -> io::Result<()> {
        tokio::fs::write(path, contents).await
    }

    async fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
        tokio::fs::copy(from, to).await
    }

    async fn walk(path: &Path) -> io::Result<u64> {
        let mut count = 0;
        let mut unread = vec![path.to_owned()];
        while let Some(directory) = unread.pop() {
            let mut entries = tokio::fs::read_dir(directory).await?;
            while let Some(entry) = entries.next_entry().await? {
                count += 1;
                if entry.file_type().await?.is_dir() {
                    unread.push(entry.path());
                }
            }
        }
        Ok(count)
    }
}
