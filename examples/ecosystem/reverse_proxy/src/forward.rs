//! One request, from a client to a server and back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Response, StatusCode, Uri};
use quintet::time::timeout;
use quintet_hyper_util::{Client, Connector, builder};

use crate::servers::Servers;

type AnyBody = BoxBody<Bytes, hyper::Error>;

/// How long a server has until the head of its response.
const RESPONSE_TIME: Duration = Duration::from_secs(30);

/// How long connecting to a server may take.
const CONNECT_TIME: Duration = Duration::from_secs(2);

/// Headers that are about one connection, and are not passed on (RFC 9110, section 7.6.1).
const OF_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

pub struct Forwarder {
    servers: Rc<Servers>,
    client: Client<AnyBody>,
}

impl Forwarder {
    pub fn new(servers: Rc<Servers>) -> Self {
        let connector = Connector::new().connect_timeout(CONNECT_TIME);
        Forwarder {
            servers,
            client: builder().build(connector),
        }
    }

    /// Passes a request on, and returns the response of the first server that can be reached.
    pub async fn forward(
        self: Rc<Self>,
        client: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<AnyBody>, Infallible> {
        if request.uri().path() == "/proxy/servers" {
            return Ok(text(StatusCode::OK, self.servers.describe()));
        }
        let (mut head, body) = request.into_parts();
        remove_connection_headers(&mut head.headers);
        let address = HeaderValue::try_from(client.ip().to_string());
        let address = address.expect("an address is text");
        head.headers
            .append(HeaderName::from_static("x-forwarded-for"), address);

        // A body can be sent once only, so such a request is not tried again.
        let is_repeatable = head.method.is_idempotent() && body.is_end_stream();
        let mut body = Some(body);
        for server in self.servers.in_turn() {
            let body = match body.take() {
                Some(body) if !is_repeatable => body.boxed(),
                None if !is_repeatable => break,
                _ => empty(),
            };
            let mut request = Request::from_parts(head.clone(), body);
            *request.uri_mut() = at_server(&head.uri, &server);
            match timeout(RESPONSE_TIME, self.client.request(request)).await {
                Ok(Ok(mut response)) => {
                    remove_connection_headers(response.headers_mut());
                    return Ok(response.map(BodyExt::boxed));
                }
                Ok(Err(error)) => {
                    self.servers.note_failure(&server);
                    eprintln!("{server}: {error}");
                }
                Err(_elapsed) => {
                    let message = format!("{server} does not respond\n");
                    return Ok(text(StatusCode::GATEWAY_TIMEOUT, message));
                }
            }
        }
        let message = "no server can be reached\n".to_owned();
        Ok(text(StatusCode::BAD_GATEWAY, message))
    }
}

fn at_server(uri: &Uri, server: &Authority) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(server.clone());
    parts
        .path_and_query
        .get_or_insert_with(|| "/".parse().expect("a path"));
    Uri::from_parts(parts).expect("these are the parts of a URI")
}

/// Removes the headers that are about one connection, also those that `Connection` names.
fn remove_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
}

fn text(status: StatusCode, text: String) -> Response<AnyBody> {
    let body = Full::from(text).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn empty() -> AnyBody {
    Empty::new().map_err(|never| match never {}).boxed()
}
