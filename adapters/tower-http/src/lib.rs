//! Serves directories by tower-http's [`ServeDir`] on [quintet].
//!
//! Files that the kernel has in its cache are read on the loop, without a worker.
//!
//! ```
//! use quintet_tower_http::serve_dir;
//!
//! let assets = serve_dir("assets").append_index_html_on_directories(true);
//! ```
//!
//! The service takes requests on a quintet runtime: nest it in a router of axum that is served by
//! `quintet-axum`, or pass it to `quintet::hyper::serve` by hyper-util's `TowerToHyperService`.

use std::fmt;
use std::fs::Metadata;
use std::future::Future;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};
use tower_http::services::ServeDir;
use tower_http::services::fs::{Backend, File};

/// Serves the files below `path`, with all of tower-http's options.
///
/// # Examples
///
/// ```
/// use http_body_util::BodyExt;
/// use hyper::{Request, StatusCode};
/// use tower::ServiceExt;
///
/// # quintet::block_on(async {
/// let dir = quintet::fs::tempdir().await?;
/// quintet::fs::write(dir.path().join("a.txt"), "contents").await?;
/// let service = quintet_tower_http::serve_dir(dir.path());
/// let request = Request::get("/a.txt").body(String::new()).unwrap();
/// let response = service.oneshot(request).await.unwrap();
/// assert_eq!(response.status(), StatusCode::OK);
/// let body = response.into_body().collect().await.unwrap();
/// assert_eq!(body.to_bytes(), "contents");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn serve_dir(
    path: impl AsRef<Path>,
) -> ServeDir<tower_http::services::fs::DefaultServeDirFallback, Files> {
    ServeDir::with_backend(path, Files)
}

/// The files of the system, read by [`quintet::fs`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

impl Backend for Files {
    type File = OpenFile;
    type Metadata = Metadata;
    type OpenFuture = FileFuture<'static, OpenFile>;
    type MetadataFuture = FileFuture<'static, Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        FileFuture::new(async move { Ok(OpenFile(quintet::fs::File::open(path).await?)) })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        FileFuture::new(async move { quintet::fs::metadata(path).await })
    }
}

/// A file of [`Files`].
#[derive(Debug)]
pub struct OpenFile(quintet::fs::File);

impl File for OpenFile {
    type Metadata = Metadata;
    type MetadataFuture<'a> = FileFuture<'a, Metadata>;

    fn metadata(&self) -> Self::MetadataFuture<'_> {
        FileFuture::new(self.0.metadata())
    }
}

impl AsyncRead for OpenFile {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncSeek for OpenFile {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        Pin::new(&mut self.0).start_seek(position)
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Pin::new(&mut self.0).poll_complete(cx)
    }
}

/// The future of an operation of [`Files`].
pub struct FileFuture<'a, T> {
    future: Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>,
}

impl<'a, T> FileFuture<'a, T> {
    fn new(future: impl Future<Output = io::Result<T>> + Send + 'a) -> Self {
        FileFuture {
            future: Box::pin(future),
        }
    }
}

impl<T> Future for FileFuture<'_, T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for FileFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileFuture").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http_body_util::BodyExt;
    use hyper::{Request, StatusCode, header};
    use tower::ServiceExt;

    use super::*;

    /// The status and the body of the response to `request`, for a directory with a few files.
    async fn response_to(request: hyper::http::request::Builder) -> (StatusCode, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("large"), sample()).unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/index.html"), "the index").unwrap();
        let request = request.body(String::new()).unwrap();
        let response = serve_dir(dir.path()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, body.to_vec())
    }

    fn sample() -> Vec<u8> {
        (0..700_000_u32).map(|n| (n % 253) as u8).collect()
    }

    #[quintet::test]
    async fn a_file_is_served_whole() {
        let (status, body) = response_to(Request::get("/large")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body == sample());
    }

    #[quintet::test]
    async fn a_range_is_served() {
        let request = Request::get("/large").header(header::RANGE, "bytes=400000-400099");
        let (status, body) = response_to(request).await;
        assert_eq!(status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(body, &sample()[400_000..400_100]);
    }

    #[quintet::test]
    async fn an_index_is_served_and_what_is_not_there_is_not() {
        let (status, body) = response_to(Request::get("/sub/")).await;
        assert_eq!((status, body), (StatusCode::OK, b"the index".to_vec()));
        assert_eq!(
            response_to(Request::get("/no")).await.0,
            StatusCode::NOT_FOUND
        );
        let outside = Request::get("/../Cargo.toml");
        assert_eq!(response_to(outside).await.0, StatusCode::NOT_FOUND);
    }

    #[quintet::test]
    async fn the_head_alone_has_the_length() {
        let (status, body) = response_to(Request::head("/large")).await;
        assert_eq!((status, body.len()), (StatusCode::OK, 0));
    }

    #[test]
    fn types_can_be_shared() {
        fn is_shared<T: Send + Sync>() {}
        is_shared::<Files>();
        is_shared::<OpenFile>();
    }
}
