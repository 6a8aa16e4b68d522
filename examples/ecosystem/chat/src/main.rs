//! A chat over websockets; see the README.

mod room;
mod upgrade;

use std::env;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{Html, Response};
use axum::routing::get;
use quintet::net::TcpListener;
use quintet::task::{CancellationToken, TaskTracker};

use room::Room;

/// How long clients have to close their connections at the end.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// What each connection needs.
#[derive(Clone)]
struct Chat {
    room: Room,
    connections: TaskTracker,
    stop: CancellationToken,
}

#[quintet::main]
async fn main() -> io::Result<()> {
    let addr = env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned());
    let chat = Chat {
        room: Room::new(),
        connections: TaskTracker::new(),
        stop: CancellationToken::new(),
    };
    let router = Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/socket", get(socket))
        .with_state(chat.clone());
    let listener = TcpListener::bind(&addr).await?;
    println!("chatting on http://{}", listener.local_addr()?);
    quintet_axum::serve(listener, router)
        .until(quintet::shutdown()?)
        .await?;
    // Upgraded connections no longer belong to the server: the room ends them.
    let drained = chat.connections.drain(&chat.stop, DRAIN_TIME).await;
    println!("ended, all closed: {}", drained.is_complete());
    Ok(())
}

async fn socket(State(chat): State<Chat>, request: Request) -> Response {
    let (response, upgrading) = match upgrade::accept(request) {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    let member = chat.room.clone();
    let stop = chat.stop.clone();
    drop(chat.connections.spawn(async move {
        // The client may go before the connection is upgraded.
        if let Ok(socket) = upgrading.await {
            member.join(socket, stop).await;
        }
    }));
    response
}
