//! glommio, by `io_uring`.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use glommio::io::BufferedFile;
use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutorBuilder, PoolPlacement};
use smol_hyper::rt::FuturesIo;

use super::{BLOCKING_THREADS, Feature, Runtime, serve_http};
use crate::server::{Service, announce};

/// The adapter of glommio.
pub(crate) struct Glommio;

impl Runtime for Glommio {
    const MISSING: &'static [Feature] = &[Feature::Children];

    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        let executor = LocalExecutorBuilder::default()
            .blocking_thread_pool_placement(PoolPlacement::Unbound(BLOCKING_THREADS))
            .make()
            .expect("an executor can be made");
        executor.run(async { glommio::spawn_local(future).await })
    }

    fn spawn<T: 'static>(
        future: impl Future<Output = T> + 'static,
    ) -> impl Future<Output = T> + 'static {
        glommio::spawn_local(future)
    }

    fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + 'static {
        // In a task, since the job does not start before the future is polled.
        glommio::spawn_local(async move { glommio::executor().spawn_blocking(f).await })
    }

    async fn sleep(duration: Duration) {
        glommio::timer::sleep(duration).await;
    }

    async fn yield_now() {
        glommio::executor().yield_now().await;
    }

    async fn read_file(path: &Path) -> io::Result<usize> {
        let file = BufferedFile::open(path).await?;
        let size = usize::try_from(file.file_size().await?).map_err(io::Error::other)?;
        let contents = file.read_at(0, size).await?;
        file.close().await?;
        Ok(contents.len())
    }

    async fn read_large(path: &Path, chunk: usize) -> io::Result<usize> {
        let file = BufferedFile::open(path).await?;
        let mut total = 0;
        loop {
            match file.read_at(total as u64, chunk).await?.len() {
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
        // glommio cannot take over a listener of std.
        let listener = TcpListener::bind("127.0.0.1:0")?;
        announce(listener.local_addr()?)?;
        loop {
            let stream = listener.accept().await?;
            stream.set_nodelay(true)?;
            match service {
                Service::Echo { size } => {
                    glommio::spawn_local(echo(stream, size)).detach();
                }
                Service::Http { .. } => {
                    glommio::spawn_local(serve_http(FuturesIo::new(stream))).detach();
                }
            }
        }
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
