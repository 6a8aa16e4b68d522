//! Connections by Unix sockets.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use quintet::net::UnixStream;
use tower_service::Service;

use crate::{ClientStream, Connecting};

/// Connects to one Unix socket, whatever the host of the URI is.
///
/// # Errors
///
/// Connecting fails with the errors of [`UnixStream::connect`].
#[derive(Clone, Debug)]
pub struct UnixConnector {
    path: Arc<Path>,
}

impl UnixConnector {
    /// Creates a connector to the socket at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        UnixConnector {
            path: path.into().into(),
        }
    }
}

impl Service<Uri> for UnixConnector {
    type Response = ClientStream;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Connecting {
        let path = Arc::clone(&self.path);
        Connecting::new(async move { Ok(UnixStream::connect(&path).await?.into()) })
    }
}
