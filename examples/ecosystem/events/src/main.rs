//! Server-sent events; see the README.

use std::convert::Infallible;
use std::env;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures::{Stream, stream};
use quintet::net::TcpListener;
use quintet::sync::broadcast;
use quintet::time::{interval, timeout};

const PAGE: &str = "<!doctype html><title>events</title><p id=tick>waiting</p><script>
new EventSource('/events').onmessage = e => document.getElementById('tick').textContent = e.data
</script>\n";

/// After such a time without an event a comment is sent, so that proxies keep the connection.
const QUIET: Duration = Duration::from_secs(15);

#[quintet::main]
async fn main() -> io::Result<()> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:8080".to_owned());
    let millis = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    let (ticks, _) = broadcast::channel(16);
    let clock = quintet::spawn(tick(ticks.clone(), Duration::from_millis(millis)));
    let router = Router::new().route("/", get(async || Html(PAGE))).route(
        "/events",
        get(async move || Sse::new(events(ticks.subscribe()))),
    );
    let listener = TcpListener::bind(&addr).await?;
    println!("sending events on http://{}", listener.local_addr()?);
    // A stream of events has no end, so none is waited for.
    quintet_axum::serve(listener, router)
        .drain_timeout(Duration::ZERO)
        .until(quintet::shutdown()?)
        .await?;
    clock.abort();
    Ok(())
}

async fn tick(ticks: broadcast::Sender<u64>, period: Duration) {
    let mut interval = interval(period);
    for number in 1.. {
        interval.tick().await;
        // It fails while no client listens.
        let _unheard = ticks.send(number);
    }
}

fn events(ticks: broadcast::Receiver<u64>) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(ticks, async |mut ticks| {
        let event = match timeout(QUIET, ticks.recv()).await {
            Ok(Ok(number)) => Event::default().data(format!("tick {number}")),
            Ok(Err(broadcast::error::RecvError::Lagged(missed))) => {
                Event::default().comment(format!("{missed} were missed"))
            }
            Ok(Err(broadcast::error::RecvError::Closed)) => return None,
            Err(_elapsed) => Event::default().comment("still there"),
        };
        Some((Ok(event), ticks))
    })
}
