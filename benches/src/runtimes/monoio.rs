//! monoio, by epoll (its "legacy" driver) and by `io_uring`.

use std::io;
use std::path::Path;
use std::time::Duration;

use monoio::blocking::DefaultThreadPool;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt, IntoPollIo};
use monoio::net::{TcpListener, TcpStream};
use monoio::time::TimeDriver;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use monoio_compat::hyper::MonoioIo;

use super::{BLOCKING_THREADS, Feature, Runtime, serve_http};
use crate::server::{Service, listen};

/// monoio by epoll.
pub(crate) struct Monoio;

/// monoio by `io_uring`.
pub(crate) struct MonoioUring;

macro_rules! runtime {
    ($name:ty, $driver:ty, $nonblocking:literal) => {
        impl Runtime for $name {
            const MISSING: &'static [Feature] = &[Feature::YieldNow, Feature::Children];

            fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
                let mut runtime = RuntimeBuilder::<TimeDriver<$driver>>::new()
                    .attach_thread_pool(Box::new(DefaultThreadPool::new(BLOCKING_THREADS)))
                    .build()
                    .expect("a runtime can be built");
                runtime.block_on(async { monoio::spawn(future).await })
            }

            fn spawn<T: 'static>(
                future: impl Future<Output = T> + 'static,
            ) -> impl Future<Output = T> + 'static {
                monoio::spawn(future)
            }

            fn spawn_blocking<T: Send + 'static>(
                f: impl FnOnce() -> T + Send + 'static,
            ) -> impl Future<Output = T> + 'static {
                let job = monoio::spawn_blocking(f);
                async { job.await.expect("the job does not panic") }
            }

            fn sleep(duration: Duration) -> impl Future<Output = ()> {
                monoio::time::sleep(duration)
            }

            async fn yield_now() {
                unreachable!("`MISSING` contains it");
            }

            async fn read_file(path: &Path) -> io::Result<usize> {
                Ok(monoio::fs::read(path).await?.len())
            }

            async fn read_large(path: &Path, chunk: usize) -> io::Result<usize> {
                read_large(path, chunk).await
            }

            async fn run_child(_: &str) -> io::Result<bool> {
                unreachable!("`MISSING` contains it");
            }

            async fn serve(service: Service) -> io::Result<()> {
                let listener = listen()?;
                // `io_uring` waits by itself; on a nonblocking socket it would return `WouldBlock`.
                listener.set_nonblocking($nonblocking)?;
                serve(TcpListener::from_std(listener)?, service).await
            }
        }
    };
}

runtime!(Monoio, LegacyDriver, true);
runtime!(MonoioUring, IoUringDriver, false);

async fn read_large(path: &Path, chunk: usize) -> io::Result<usize> {
    let file = monoio::fs::File::open(path).await?;
    let mut buffer = Vec::with_capacity(chunk);
    let mut total = 0;
    loop {
        let (count, filled) = file.read_at(buffer, total as u64).await;
        buffer = filled;
        match count? {
            0 => {
                file.close().await?;
                return Ok(total);
            }
            count => total += count,
        }
    }
}

async fn serve(listener: TcpListener, service: Service) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match service {
            Service::Echo { size } => drop(monoio::spawn(echo(stream, size))),
            Service::Http { .. } => {
                let stream = stream.into_poll_io()?;
                drop(monoio::spawn(serve_http(MonoioIo::new(stream))));
            }
        }
    }
}

async fn echo(mut stream: TcpStream, size: usize) {
    let mut buffer = Vec::with_capacity(size);
    loop {
        let (count, filled) = stream.read(buffer).await;
        if !matches!(count, Ok(1..)) {
            return;
        }
        let (written, back) = stream.write_all(filled).await;
        if written.is_err() {
            return;
        }
        buffer = back;
    }
}
