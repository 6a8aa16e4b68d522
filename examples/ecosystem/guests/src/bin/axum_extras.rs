//! axum's websockets and `Sse::keep_alive` on `quintet_axum::serve`; see the README.

use std::convert::Infallible;
use std::env;
use std::io;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures::stream::{self, Stream};
use quintet::net::TcpListener;

#[quintet::main(tokio)]
async fn main() -> io::Result<()> {
    let addr = env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned());
    let keep_alive = || KeepAlive::new().interval(Duration::from_millis(10));
    let router = Router::new().route("/echo", get(echo)).route(
        "/events",
        get(async move || Sse::new(silence()).keep_alive(keep_alive())),
    );
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // A stream of events has no end, so none is waited for.
    quintet_axum::serve(listener, router)
        .drain_timeout(Duration::ZERO)
        .until(quintet::shutdown()?)
        .await?;
    println!("ended");
    Ok(())
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    let loop_thread = thread::current().id();
    // axum runs this in a task of tokio.
    upgrade.on_upgrade(async move |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            assert_eq!(thread::current().id(), loop_thread);
            quintet::time::sleep(Duration::from_millis(1)).await;
            let is_text = matches!(message, Message::Text(_));
            if is_text && socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

/// Events that never come.
fn silence() -> impl Stream<Item = Result<Event, Infallible>> {
    stream::pending()
}
