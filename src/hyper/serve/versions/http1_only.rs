//! The version of HTTP that a connection has, without the feature `hyper-http2`: HTTP/1.

use std::error::Error;

use ::hyper::body::{Body, Incoming};
use ::hyper::rt::{Read, Write};
use ::hyper::server::conn::http1;
use ::hyper::service::Service;
use ::hyper::{Request, Response};

use super::activity::CountedService;
use super::deadlines::Deadlines;
use super::failures::Failures;
use super::http1 as version1;
use super::stream::HttpStream;

/// The settings of both versions.
#[derive(Debug)]
pub(super) struct Versions {
    pub(super) http1: http1::Builder,
}

impl Versions {
    pub(super) fn new(http1: http1::Builder) -> Self {
        Versions { http1 }
    }

    /// Applies the limit for the size of a request's head.
    pub(super) fn set_max_header_size(&mut self, bytes: usize) {
        self.http1.max_buf_size(bytes);
    }

    /// Serves a connection until it ends or is upgraded.
    ///
    /// # Errors
    ///
    /// Returns the error of the connection, or that it has waited for too long.
    pub(super) async fn run<C, S, B>(
        &self,
        stream: HttpStream<C>,
        service: CountedService<S>,
        deadlines: &mut Deadlines,
        _failures: &Failures,
    ) -> Result<(), Box<dyn Error>>
    where
        C: Read + Write + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Future: 'static> + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        version1::run(&self.http1, stream, service, deadlines).await
    }
}
