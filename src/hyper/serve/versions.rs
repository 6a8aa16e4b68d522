//! The version of HTTP that a connection has: HTTP/2 if it begins with the preface of that.

use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use ::hyper::body::{Body, Incoming};
use ::hyper::rt::{Read, Write};
use ::hyper::server::conn::http1;
use ::hyper::service::Service;
use ::hyper::{Request, Response};

use super::activity::CountedService;
use super::deadlines::{Deadlines, Drive};
use super::failures::Failures;
use super::http1 as version1;
use super::http2::{self as version2, Http2Settings};
use super::stream::HttpStream;

/// What a client of HTTP/2 sends first (RFC 9113, section 3.4). No request of HTTP/1 begins so.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The settings of both versions.
#[derive(Debug)]
pub(super) struct Versions {
    pub(super) http1: http1::Builder,
    pub(super) http2: Http2Settings,
}

impl Versions {
    pub(super) fn new(http1: http1::Builder) -> Self {
        Versions {
            http1,
            http2: Http2Settings::default(),
        }
    }

    /// Applies the limit for the size of a request's head.
    pub(super) fn set_max_header_size(&mut self, bytes: usize) {
        self.http1.max_buf_size(bytes);
        self.http2.max_header_size = u32::try_from(bytes).unwrap_or(u32::MAX);
    }

    /// Serves a connection until it ends or is upgraded.
    ///
    /// # Errors
    ///
    /// Returns the error of the connection, or that it has waited for too long.
    pub(super) async fn run<C, S, B>(
        &self,
        mut stream: HttpStream<C>,
        service: CountedService<S>,
        deadlines: &mut Deadlines,
        failures: &Failures,
    ) -> Result<(), Box<dyn Error>>
    where
        C: Read + Write + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Future: 'static> + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let preface = Preface {
            stream: &mut stream,
            is_told: false,
        };
        match deadlines.run(pin!(preface)).await?? {
            Version::Http1 => version1::run(&self.http1, stream, service, deadlines).await,
            Version::Http2 => {
                version2::run(&self.http2, stream, service, deadlines, failures).await
            }
            Version::Ended => Ok(()),
        }
    }
}

enum Version {
    Http1,
    Http2,
    /// The client has gone, or it has sent nothing until the server stopped.
    Ended,
}

/// Reads the beginning of a connection, and leaves it in its stream.
struct Preface<'a, C> {
    stream: &'a mut HttpStream<C>,
    is_told: bool,
}

impl<C: Read + Unpin> Future for Preface<'_, C> {
    type Output = io::Result<Version>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Version>> {
        if self.is_told {
            return Poll::Ready(Ok(Version::Ended));
        }
        loop {
            let Poll::Ready(read) = self.stream.poll_read_ahead(cx)? else {
                return Poll::Pending;
            };
            let ahead = self.stream.ahead();
            let compared = ahead.len().min(PREFACE.len());
            let version = if ahead[..compared] != PREFACE[..compared] {
                Version::Http1
            } else if compared == PREFACE.len() {
                Version::Http2
            } else if read > 0 {
                continue;
            } else if ahead.is_empty() {
                Version::Ended
            } else {
                // It says that this is not a request.
                Version::Http1
            };
            return Poll::Ready(Ok(version));
        }
    }
}

impl<C: Read + Unpin> Drive for Preface<'_, C> {
    fn graceful_shutdown(mut self: Pin<&mut Self>) {
        self.is_told = true;
    }
}
