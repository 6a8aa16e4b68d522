//! Quintet.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use quintet::net::{TcpListener, TcpStream};

use super::{Listener, Runtime, Stream};

/// See the module.
pub(crate) struct OnQuintet;

impl Runtime for OnQuintet {
    const NAME: &str = "quintet";
    type Stream = TcpStream;
    type Listener = TcpListener;

    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        quintet::block_on(future)
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

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        quintet::time::sleep(duration)
    }
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
        TcpStream::read(self, buf).await
    }

    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        TcpStream::write_all(self, buf).await
    }
}
