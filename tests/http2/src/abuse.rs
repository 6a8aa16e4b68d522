//! Clients of HTTP/2 that make more work than they have.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use futures::future::poll_immediate;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::hyper::{HttpServer, serve};
use quintet::io::DuplexStream;
use quintet::time::Instant;

use crate::client::Client;
use crate::frames::{
    ACK, END_STREAM_AND_HEADERS, ENHANCE_YOUR_CALM, Frame, GET, GOAWAY, HEADERS, PREFACE,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, receive_kind, rest,
};
use crate::wire::{Network, settle};

/// Starts a server whose service never ends, and returns how many requests it has begun.
fn start() -> (Network, Rc<Cell<usize>>) {
    let (network, begun) = (Network::default(), Rc::new(Cell::new(0)));
    let seen = Rc::clone(&begun);
    let service = service_fn(move |request: Request<Incoming>| {
        seen.set(seen.get() + 1);
        async move {
            if request.headers().is_empty() {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    });
    let server: HttpServer<_, _> = serve(network.listener(), service);
    quintet::spawn(server.on_error(drop).into_future());
    (network, begun)
}

/// Connects, and has the server's settings.
async fn connect(network: &Network) -> Client<DuplexStream> {
    let mut client = network.connect();
    client.send(PREFACE).await;
    client.send(frame(SETTINGS, 0, 0, &[])).await;
    client.send(frame(SETTINGS, ACK, 0, &[])).await;
    let settings = receive_kind(&mut client, SETTINGS).await;
    // The most streams at a time, and the most bytes of a head.
    assert_eq!(setting(&settings, 3), Some(200));
    assert_eq!(setting(&settings, 6), Some(64 * 1024));
    client
}

fn setting(settings: &Frame, id: u16) -> Option<u32> {
    let mut settings = settings.payload.chunks(6);
    let found = settings.find(|setting| setting[..2] == id.to_be_bytes())?;
    Some(u32::from_be_bytes(found[2..].try_into().unwrap()))
}

fn request(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM_AND_HEADERS, stream, GET)
}

/// Asserts that the connection ends by a GOAWAY with this reason.
async fn assert_goes_away(client: &mut Client<DuplexStream>, reason: u8) {
    let frames = rest(client).await;
    let last = frames.iter().rfind(|frame| frame.kind == GOAWAY);
    assert_eq!(last.unwrap().payload[7], reason, "{frames:?}");
}

/// CVE-2023-44487: requests that the client resets at once.
#[quintet::test(start_paused)]
async fn rapid_resets_end_the_connection() {
    let (network, begun) = start();
    let mut client = connect(&network).await;
    let mut sent = Vec::new();
    for number in 0..1000 {
        sent.extend(request(2 * number + 1));
        // CANCEL.
        sent.extend(frame(RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
    }
    client.send(sent).await;
    assert_goes_away(&mut client, ENHANCE_YOUR_CALM).await;
    assert!(begun.get() < 200, "{}", begun.get());

    // Others are served.
    let mut other = connect(&network).await;
    other.send(request(1)).await;
    settle().await;
    other.send(frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
    let before = begun.get();
    other.send(request(3)).await;
    settle().await;
    assert_eq!(begun.get(), before + 1);
}

/// The streams that the server resets, because the client breaks a rule in each.
#[quintet::test(start_paused)]
async fn errors_in_many_streams_end_the_connection() {
    let (network, _) = start();
    let mut client = connect(&network).await;
    let mut sent = Vec::new();
    for number in 0..3000 {
        let stream = 2 * number + 1;
        sent.extend(request(stream));
        // A window that grows over its limit is an error of the stream (RFC 9113, section 6.9.1).
        sent.extend(frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]));
    }
    client.send(sent).await;
    assert_goes_away(&mut client, ENHANCE_YOUR_CALM).await;
}

#[quintet::test(start_paused)]
async fn a_head_that_is_too_long_is_refused() {
    let (network, begun) = start();
    let mut client = connect(&network).await;
    // A literal of 16000 bytes (its length is 127 + 15873 in HPACK), in five frames.
    let mut literal = b"\x00\x01x\x7f\x81\x7c".to_vec();
    literal.extend([b'x'; 16_000]);
    client
        .send(frame(HEADERS, 1, 1, &[GET, &literal].concat()))
        .await;
    for number in 0..4 {
        let flags = if number == 3 { 4 } else { 0 };
        client.send(frame(9, flags, 1, &literal)).await;
    }
    settle().await;
    assert_eq!(begun.get(), 0);
    // 431, or the end of the stream or the connection.
    let replies = [HEADERS, RST_STREAM, GOAWAY];
    let mut kinds = Vec::new();
    while let Some(Some(frame)) = poll_immediate(Box::pin(async {
        if client.fill(9).await {
            Some(crate::frames::receive(&mut client).await)
        } else {
            None
        }
    }))
    .await
    {
        kinds.push(frame.kind);
    }
    assert!(kinds.iter().any(|kind| replies.contains(kind)), "{kinds:?}");
}

/// Each frame of settings is acknowledged. A client that reads no acknowledgement is not read
/// either, and in the end disconnected.
#[quintet::test(start_paused)]
async fn a_flood_of_settings_takes_no_memory() {
    let (network, _) = start();
    let mut client = connect(&network).await;
    let since = Instant::now();
    let flood = frame(SETTINGS, 0, 0, &[]).repeat(1_000_000);
    let sent = futures::AsyncWriteExt::write_all(&mut client.stream, &flood).await;
    assert!(sent.is_err(), "the server has read all of it");
    let waited = since.elapsed();
    assert!(waited <= Duration::from_secs(91), "{waited:?}");
}
