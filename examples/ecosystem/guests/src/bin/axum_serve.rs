//! `axum::serve` with tokio's listener, and `Sse::keep_alive`; see the README.

use std::convert::Infallible;
use std::env;
use std::io;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use futures::stream::{self, Stream};

#[quintet::main(tokio)]
async fn main() -> io::Result<()> {
    let addr = env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned());
    let loop_thread = thread::current().id();
    let router = Router::new()
        .route(
            "/",
            get(async move || {
                assert_eq!(thread::current().id(), loop_thread);
                // A sleep of quintet in a task of tokio.
                quintet::time::sleep(Duration::from_millis(1)).await;
                "on the thread of the loop\n"
            }),
        )
        .route(
            "/events",
            get(async || Sse::new(silence()).keep_alive(comments())),
        );
    let listener = tokio::net::TcpListener::bind(&addr).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let shutdown = quintet::shutdown()?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            shutdown.await;
        })
        .await?;
    println!("ended");
    Ok(())
}

/// Events that never come.
fn silence() -> impl Stream<Item = Result<Event, Infallible>> {
    stream::pending()
}

fn comments() -> KeepAlive {
    KeepAlive::new()
        .interval(Duration::from_millis(10))
        .text("still there")
}
