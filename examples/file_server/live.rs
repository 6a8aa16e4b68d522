//! Handles `/live`: sends the server's time and counters once per second as server-sent events.

use std::io;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use futures::stream::{Stream, StreamExt};
use hyper::body::Bytes;
use quintet::time::interval;

use crate::service::Server;

/// Returns a stream of one event per second. The stream ends when the server stops; hyper drops it
/// when the client disconnects.
pub(crate) fn events(server: Rc<Server>) -> impl Stream<Item = io::Result<Bytes>> {
    let stopping = server.stopping.clone();
    interval(Duration::from_secs(1))
        .map(move |_| Ok(event(&server)))
        .take_until(stopping)
}

fn event(server: &Server) -> Bytes {
    let time = httpdate::fmt_http_date(SystemTime::now());
    let uptime = server.started.elapsed().as_secs();
    let connections = server.connections.get();
    let requests = server.requests.get();
    let bytes = server.bytes.get();
    Bytes::from(format!(
        "data: {{\"time\": \"{time}\", \"uptime\": {uptime}, \"connections\": {connections}, \
         \"requests\": {requests}, \"bytes\": {bytes}}}\n\n"
    ))
}
