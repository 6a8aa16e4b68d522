//! HTTP servers on two threads: two loops, or a runtime that moves tasks between its threads.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;

use quintet::cluster;
use quintet::net::TcpStream;

use super::{QUINTET, serve_http};
use crate::server::announce;

/// How many threads there are.
const THREADS: usize = 2;

/// Serves forever. Returns `None` if the runtime does not support several threads.
pub(super) fn serve(name: &str) -> Option<io::Result<()>> {
    Some(match name {
        QUINTET => on_quintet(),
        #[cfg(feature = "tokio-runtime")]
        super::TOKIO => peers::on_tokio(),
        #[cfg(feature = "glommio")]
        "glommio" => peers::on_glommio(),
        _ => return None,
    })
}

/// Two loops, of which one accepts.
fn on_quintet() -> io::Result<()> {
    let listeners = cluster::bind_shared((Ipv4Addr::LOCALHOST, 0), THREADS)?;
    announce(listeners.local_addr())?;
    cluster::run(THREADS, async |member| {
        let handler = async |stream: TcpStream, _peer| {
            // A client that has gone is not an error.
            let _ = stream.set_nodelay(true);
            serve_http(stream).await;
            Ok::<(), Infallible>(())
        };
        quintet::serve(listeners.take(member.index()), handler).await
    })?;
    Ok(())
}

#[cfg(feature = "tokio-runtime")]
mod peers {
    use std::io;

    use hyper_util::rt::TokioIo;
    use tokio::net::TcpListener;
    use tokio::runtime::Builder;

    use super::THREADS;
    use crate::runtimes::{BLOCKING_THREADS, serve_http};
    use crate::server::listen;

    /// tokio's multi-thread runtime.
    pub(super) fn on_tokio() -> io::Result<()> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            .enable_all()
            .build()?;
        // In a task, since the future of `block_on` runs on this thread.
        let server = runtime.spawn(async {
            let listener = listen()?;
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(serve_http(TokioIo::new(stream)));
            }
        });
        runtime.block_on(server).map_err(io::Error::other)?
    }

    /// Two executors of glommio, each with a listener of its own.
    #[cfg(feature = "glommio")]
    pub(super) fn on_glommio() -> io::Result<()> {
        use std::net::Ipv4Addr;

        use glommio::net::TcpListener;
        use glommio::{LocalExecutorBuilder, Placement, PoolPlacement};
        use smol_hyper::rt::FuturesIo;

        use crate::server::announce;

        let (sender, receiver) = std::sync::mpsc::channel();
        let threads: Vec<_> = (0..THREADS)
            .map(|index| {
                // The later ones bind to the port of the first: glommio sets `SO_REUSEPORT`.
                let port = if index == 0 {
                    0
                } else {
                    receiver.recv().unwrap_or(0)
                };
                let sender = sender.clone();
                LocalExecutorBuilder::new(Placement::Unbound)
                    .blocking_thread_pool_placement(PoolPlacement::Unbound(BLOCKING_THREADS))
                    .spawn(move || async move {
                        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
                        let addr = listener.local_addr()?;
                        if index + 1 == THREADS {
                            announce(addr)?;
                        }
                        let _last = sender.send(addr.port());
                        loop {
                            let stream = listener.accept().await?;
                            stream.set_nodelay(true)?;
                            let served = serve_http(FuturesIo::new(stream));
                            glommio::spawn_local(served).detach();
                        }
                    })
            })
            .collect();
        for thread in threads {
            let ended = thread.and_then(|thread| thread.join());
            let ended: io::Result<()> =
                ended.map_err(|error| io::Error::other(error.to_string()))?;
            ended?;
        }
        Ok(())
    }
}
