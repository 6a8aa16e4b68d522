//! What the workloads need of a runtime, and each runtime's way to do it.

mod on_quintet;
mod on_smol;
mod on_tokio;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use on_quintet::OnQuintet;
pub(crate) use on_smol::OnSmol;
pub(crate) use on_tokio::OnTokio;

/// A runtime on one thread.
pub(crate) trait Runtime: 'static {
    /// What it is called in the table.
    const NAME: &str;
    /// A connection.
    type Stream: Stream;
    /// A listening socket.
    type Listener: Listener<Stream = Self::Stream>;

    /// Runs `future` on a new runtime.
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
}

/// A listening socket.
pub(crate) trait Listener: Sized + 'static {
    /// What it accepts.
    type Stream;

    /// Listens on a free port of the loopback interface.
    async fn bind() -> io::Result<(Self, SocketAddr)>;
    /// Accepts one connection.
    async fn accept(&mut self) -> io::Result<Self::Stream>;
}

/// A connection.
pub(crate) trait Stream: Sized + 'static {
    /// Connects.
    async fn connect(addr: SocketAddr) -> io::Result<Self>;
    /// Reads some bytes.
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `buf`.
    async fn write_all(&mut self, buf: &[u8]) -> io::Result<()>;
}
