//! A connection of HTTP/1.

use std::error::Error;
use std::pin::{Pin, pin};

use ::hyper::body::{Body, Incoming};
use ::hyper::rt::{Read, Write};
use ::hyper::server::conn::http1::{Builder, UpgradeableConnection};
use ::hyper::service::Service;
use ::hyper::{Request, Response};

use super::activity::CountedService;
use super::deadlines::{Deadlines, Drive};
use super::stream::HttpStream;

/// Serves a connection until it ends or is upgraded.
///
/// # Errors
///
/// Returns the error of the connection, or that it has waited for too long.
pub(super) async fn run<C, S, B>(
    builder: &Builder,
    mut stream: HttpStream<C>,
    service: CountedService<S>,
    deadlines: &mut Deadlines,
) -> Result<(), Box<dyn Error>>
where
    C: Read + Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    stream.watch_peer();
    let connection = builder.serve_connection(stream, service).with_upgrades();
    Ok(deadlines.run(pin!(connection)).await??)
}

impl<C, S, B> Drive for UpgradeableConnection<HttpStream<C>, CountedService<S>>
where
    C: Read + Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        UpgradeableConnection::graceful_shutdown(self);
    }
}
