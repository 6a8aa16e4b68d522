//! The servers, and what they take of each runtime.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use axum::routing::{get, post};
use axum::{Json, Router};
use futures::{SinkExt, StreamExt};
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower_http::services::ServeDir;

use super::client::MESSAGE;
use super::grpc::Greeter;
use super::{Stack, tls};
use crate::runtimes::{
    Alone, AsGuest, Drivable, QUINTET, QUINTET_GUEST, QuintetBy, Runtime, TOKIO, Tokio,
};
use crate::server::listen;
use crate::workloads::files;

/// A runtime with servers for what people use.
pub(crate) trait Serving: Runtime {
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// Serves a router forever.
    fn serve_router(
        listener: TcpListener,
        router: Router,
    ) -> impl Future<Output = io::Result<()>> + 'static;
    /// Serves gRPC forever.
    fn serve_grpc(
        listener: TcpListener,
        routes: Routes,
    ) -> impl Future<Output = io::Result<()>> + 'static;
    /// Returns a router that serves the files of a directory.
    fn files(directory: &Path) -> Router;
    /// Accepts forever, and handles each stream in a task.
    fn serve_streams<H, F>(
        listener: TcpListener,
        handle: H,
    ) -> impl Future<Output = io::Result<()>> + 'static
    where
        H: Fn(Self::Stream) -> F + 'static,
        F: Future<Output = ()> + 'static;
}

/// Serves forever. Returns `None` if the runtime has no such server.
pub(crate) fn serve(name: &str, stack: Stack) -> Option<io::Result<()>> {
    Some(match name {
        QUINTET => serve_on::<QuintetBy<Alone>>(stack),
        QUINTET_GUEST => serve_on::<QuintetBy<AsGuest>>(stack),
        TOKIO => serve_on::<Tokio>(stack),
        _ => return None,
    })
}

fn serve_on<R: Serving>(stack: Stack) -> io::Result<()> {
    R::block_on(run::<R>(stack, listen()?))
}

/// Serves on `listener` forever.
pub(super) async fn run<R: Serving>(stack: Stack, listener: TcpListener) -> io::Result<()> {
    // Connections inherit both, where that is not set for each.
    listener.set_nonblocking(true)?;
    rustix::net::sockopt::set_tcp_nodelay(&listener, true)?;
    match stack {
        Stack::AxumHello => {
            let router = Router::new().route("/", get(async || "Hello, World!\n"));
            R::serve_router(listener, router).await
        }
        Stack::AxumJson => {
            let router = Router::new().route("/json", post(json));
            R::serve_router(listener, router).await
        }
        Stack::SmallFile | Stack::LargeFile => {
            R::serve_router(listener, R::files(&served_files()?)).await
        }
        Stack::TonicUnary => R::serve_grpc(listener, Routes::new(Greeter).prepare()).await,
        Stack::TlsEcho => {
            let acceptor = TlsAcceptor::from(tls::server_config()?);
            R::serve_streams(listener, move |stream| echo(acceptor.clone(), stream)).await
        }
        Stack::WebsocketEcho => R::serve_streams(listener, echo_messages).await,
    }
}

/// A record of the JSON.
#[derive(Deserialize, Serialize)]
struct Record {
    id: u64,
    name: String,
    price: f64,
    tags: Vec<String>,
    sold: bool,
}

async fn json(Json(records): Json<Vec<Record>>) -> Json<Vec<Record>> {
    Json(records)
}

/// Returns a directory with the files that are served.
fn served_files() -> io::Result<PathBuf> {
    files::file("4k", 4 << 10)?;
    let path = files::file("1m", 1 << 20)?;
    Ok(path.parent().unwrap_or(Path::new(".")).to_owned())
}

/// Echoes what comes over TLS until the client closes the connection.
async fn echo(acceptor: TlsAcceptor, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut buffer = vec![0; 2 * MESSAGE];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let echoed = stream.write_all(&buffer[..count]).await;
        if echoed.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Echoes the messages of a websocket until it is closed.
async fn echo_messages(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        let is_data = message.is_binary() || message.is_text();
        if is_data && socket.send(message).await.is_err() {
            return;
        }
    }
}

impl<D: Drivable> Serving for QuintetBy<D> {
    type Stream = quintet::net::TcpStream;

    async fn serve_router(listener: TcpListener, router: Router) -> io::Result<()> {
        let listener = quintet::net::TcpListener::from_std(listener)?;
        quintet_axum::serve(listener, router).await.map(drop)
    }

    async fn serve_grpc(listener: TcpListener, routes: Routes) -> io::Result<()> {
        let listener = quintet::net::TcpListener::from_std(listener)?;
        let service = TowerToHyperService::new(routes);
        quintet::hyper::serve(listener, service).await.map(drop)
    }

    fn files(directory: &Path) -> Router {
        Router::new().fallback_service(quintet_tower_http::serve_dir(directory))
    }

    async fn serve_streams<H, F>(listener: TcpListener, handle: H) -> io::Result<()>
    where
        H: Fn(Self::Stream) -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let listener = quintet::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            drop(quintet::spawn(handle(stream)));
        }
    }
}

impl Serving for Tokio {
    type Stream = tokio::net::TcpStream;

    async fn serve_router(listener: TcpListener, router: Router) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        axum::serve(listener, router).await
    }

    async fn serve_grpc(listener: TcpListener, routes: Routes) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let server = Server::builder().add_routes(routes);
        let served = server.serve_with_incoming(TcpIncoming::from(listener));
        served.await.map_err(io::Error::other)
    }

    fn files(directory: &Path) -> Router {
        Router::new().fallback_service(ServeDir::new(directory))
    }

    async fn serve_streams<H, F>(listener: TcpListener, handle: H) -> io::Result<()>
    where
        H: Fn(Self::Stream) -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            drop(tokio::task::spawn_local(handle(stream)));
        }
    }
}
