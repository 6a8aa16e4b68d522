//! tokio's `LocalRuntime`: one thread, tasks that need not be `Send`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Listener, Runtime, Stream};

/// See the module.
pub(crate) struct OnTokio;

impl Runtime for OnTokio {
    const NAME: &str = "tokio";
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(4)
            .build_local(tokio::runtime::LocalOptions::default())
            .expect("a runtime can be built");
        // From within a task: the future of `block_on` is treated differently there.
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
}

fn spawn<T: 'static>(
    future: impl Future<Output = T> + 'static,
) -> impl Future<Output = T> + 'static {
    let task = tokio::task::spawn_local(future);
    async { task.await.expect("the task does not panic") }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn bind() -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    }

    async fn accept(&mut self) -> io::Result<TcpStream> {
        Ok(TcpListener::accept(self).await?.0)
    }
}

impl Stream for TcpStream {
    async fn connect(addr: SocketAddr) -> io::Result<Self> {
        TcpStream::connect(addr).await
    }

    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buf).await
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        AsyncWriteExt::write_all(self, buf).await
    }
}
