//! compio, by `io_uring`.

use std::io;
use std::path::Path;
use std::time::Duration;

use compio::BufResult;
use compio::driver::ProactorBuilder;
use compio::io::compat::AsyncStream;
use compio::io::{AsyncRead, AsyncReadAt, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{ResumeUnwind, RuntimeBuilder};
use smol_hyper::rt::FuturesIo;

use super::{BLOCKING_THREADS, Feature, Runtime, serve_http};
use crate::server::{Service, listen};

/// The adapter of compio.
pub(crate) struct Compio;

impl Runtime for Compio {
    const MISSING: &'static [Feature] = &[Feature::YieldNow, Feature::Children];

    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        let mut proactor = ProactorBuilder::new();
        proactor.thread_pool_limit(BLOCKING_THREADS);
        let runtime = RuntimeBuilder::new()
            .with_proactor(proactor)
            .build()
            .expect("a runtime can be built");
        // Not in a spawned task: there a join goes through the ring's eventfd and takes 26 µs.
        runtime.block_on(future)
    }

    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static {
        let task = compio::runtime::spawn(future);
        async {
            task.await
                .resume_unwind()
                .expect("the task is not cancelled")
        }
    }

    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        let job = compio::runtime::spawn_blocking(f);
        async { job.await.resume_unwind().expect("the job is not cancelled") }
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        compio::runtime::time::sleep(duration)
    }

    async fn yield_now() {
        unreachable!("`MISSING` contains it");
    }

    async fn read_file(path: &Path) -> io::Result<usize> {
        Ok(compio::fs::read(path).await?.len())
    }

    async fn read_large(path: &Path, chunk: usize) -> io::Result<usize> {
        let file = compio::fs::File::open(path).await?;
        let mut buffer = Vec::with_capacity(chunk);
        let mut total = 0;
        loop {
            buffer.clear();
            let BufResult(count, filled) = file.read_at(buffer, total as u64).await;
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

    async fn run_child(_: &str) -> io::Result<bool> {
        unreachable!("`MISSING` contains it");
    }

    async fn serve(service: Service) -> io::Result<()> {
        let listener = TcpListener::from_std(listen()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            match service {
                Service::Echo { size } => compio::runtime::spawn(echo(stream, size)).detach(),
                Service::Http { .. } => {
                    // hyper requires `Unpin`.
                    let stream = Box::pin(AsyncStream::new(stream));
                    compio::runtime::spawn(serve_http(FuturesIo::new(stream))).detach();
                }
            }
        }
    }
}

async fn echo(mut stream: TcpStream, size: usize) {
    let mut buffer = Vec::with_capacity(size);
    loop {
        buffer.clear();
        let BufResult(count, filled) = stream.read(buffer).await;
        if !matches!(count, Ok(1..)) {
            return;
        }
        let BufResult(written, back) = stream.write_all(filled).await;
        if written.is_err() {
            return;
        }
        buffer = back;
    }
}
