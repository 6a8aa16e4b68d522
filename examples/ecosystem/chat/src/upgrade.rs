//! The handshake of a websocket, on axum's requests.

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::Upgraded;
use quintet::hyper::Io;

/// A websocket of a client.
pub type Socket = WebSocketStream<Io<Upgraded>>;

/// A client that sends more than this in one message is sent away.
const MESSAGE_MAX: usize = 16 * 1024;

/// Accepts a websocket: returns the response, and a future of the socket, which is there when that
/// has been sent.
///
/// # Errors
///
/// Returns the response to a request that is no handshake.
pub fn accept(
    mut request: Request,
) -> Result<(Response, impl Future<Output = hyper::Result<Socket>>), Box<Response>> {
    let headers = request.headers();
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let is_handshake = has_word(headers, header::CONNECTION, "upgrade")
        && has_word(headers, header::UPGRADE, "websocket")
        && has_word(headers, header::SEC_WEBSOCKET_VERSION, "13");
    let Some(key) = key.filter(|_| is_handshake) else {
        let version = [(header::SEC_WEBSOCKET_VERSION, "13")];
        let refusal = (
            StatusCode::UPGRADE_REQUIRED,
            version,
            "a websocket is wanted\n",
        );
        return Err(Box::new(refusal.into_response()));
    };
    let response = [
        (header::CONNECTION, "Upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (
            header::SEC_WEBSOCKET_ACCEPT,
            derive_accept_key(key.as_bytes()),
        ),
    ];
    let upgrade = hyper::upgrade::on(&mut request);
    let socket = async move {
        let stream = Io::new(upgrade.await?);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        Ok(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    };
    let response = (StatusCode::SWITCHING_PROTOCOLS, response).into_response();
    Ok((response, socket))
}

/// Whether a header has `word` in its list.
fn has_word(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let mut values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.any(|value| {
        value
            .split(',')
            .any(|item| item.trim().eq_ignore_ascii_case(word))
    })
}
