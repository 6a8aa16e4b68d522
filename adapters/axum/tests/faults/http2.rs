//! Faults of clients of HTTP/2.

use std::time::Duration;

use quintet::io::DuplexStream;
use quintet::time::Instant;

use crate::app::{Running, start};
use crate::client::Client;
use crate::frames::{
    ACK, END_STREAM_AND_HEADERS, ENHANCE_YOUR_CALM, GET, GOAWAY, HEADERS, PING, PREFACE,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, receive_kind, rest,
};
use crate::wire::settle;

/// CANCEL.
const CANCEL: &[u8] = &[0, 0, 0, 8];

async fn connect(running: &Running) -> Client<DuplexStream> {
    let mut client = running.network.connect();
    client.send(PREFACE).await;
    client.send(frame(SETTINGS, 0, 0, &[])).await;
    client.send(frame(SETTINGS, ACK, 0, &[])).await;
    receive_kind(&mut client, SETTINGS).await;
    client
}

/// A request for a path: `GET`, `http`, the path as a literal, and an authority.
fn request(stream: u32, path: &str) -> Vec<u8> {
    let len = u8::try_from(path.len()).unwrap();
    let block = [
        b"\x82\x86\x04",
        [len].as_slice(),
        path.as_bytes(),
        b"\x41\x01a",
    ]
    .concat();
    frame(HEADERS, END_STREAM_AND_HEADERS, stream, &block)
}

async fn assert_serves(running: &Running) {
    let mut client = connect(running).await;
    client
        .send(frame(HEADERS, END_STREAM_AND_HEADERS, 1, GET))
        .await;
    let head = receive_kind(&mut client, HEADERS).await;
    // `:status: 200` of the static table.
    assert_eq!((head.stream, head.payload[0]), (1, 0x88));
}

/// What a client sends in one go, so many times, each with a stream of its own. It is told to calm
/// down, and others are served.
#[quintet::test(start_paused)]
async fn floods_end_their_connection_alone() {
    type Flood = fn(u32) -> Vec<u8>;
    let floods: [(&str, u32, Flood); 2] = [
        // CVE-2023-44487.
        ("rapid resets", 1000, |stream| {
            [
                request(stream, "/never"),
                frame(RST_STREAM, 0, stream, CANCEL),
            ]
            .concat()
        }),
        // A window that grows over its limit is an error of the stream.
        ("errors of streams", 3000, |stream| {
            let update = frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]);
            [request(stream, "/never"), update].concat()
        }),
    ];
    for (what, count, flood) in floods {
        let running = start(|server| server);
        let mut client = connect(&running).await;
        let sent: Vec<u8> = (0..count)
            .flat_map(|number| flood(2 * number + 1))
            .collect();
        client.send(sent).await;
        let frames = rest(&mut client).await;
        let last = frames.iter().rfind(|frame| frame.kind == GOAWAY).unwrap();
        assert_eq!(last.payload[7], ENHANCE_YOUR_CALM, "{what}: {frames:?}");
        settle().await;
        assert_eq!(running.requests.running(), 0, "{what}");
        assert!(running.requests.begun() < 1000, "{what}");
        assert_serves(&running).await;
    }
}

/// Each of these is acknowledged. A client that reads none is not read any further, and is
/// disconnected in the end.
#[quintet::test(start_paused)]
async fn floods_of_what_is_acknowledged_take_no_memory() {
    for (what, frame) in [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        ("pings", frame(PING, 0, 0, &[0; 8])),
    ] {
        let running = start(|server| server);
        let mut client = connect(&running).await;
        let since = Instant::now();
        let flood = frame.repeat(500_000);
        let sent = futures::AsyncWriteExt::write_all(&mut client.stream, &flood).await;
        assert!(sent.is_err(), "{what}: the server has read all of it");
        assert!(since.elapsed() <= Duration::from_secs(91), "{what}");
        assert_serves(&running).await;
    }
}

#[quintet::test(start_paused)]
async fn a_client_that_dies_in_a_stream_leaves_nothing() {
    let running = start(|server| server);
    let half = frame(HEADERS, 0, 1, &GET[..3]);
    for (what, sent, begun) in [
        ("half a preface", PREFACE[..10].to_vec(), 0),
        ("the preface", PREFACE.to_vec(), 0),
        (
            "half a frame",
            [PREFACE, &frame(SETTINGS, 0, 0, &[]), &half[..5]].concat(),
            0,
        ),
        (
            "half a head",
            [PREFACE, &frame(SETTINGS, 0, 0, &[]), &half].concat(),
            0,
        ),
        (
            "a request",
            [PREFACE, &frame(SETTINGS, 0, 0, &[]), &request(1, "/never")].concat(),
            1,
        ),
        (
            "a response",
            [
                PREFACE,
                &frame(SETTINGS, 0, 0, &[]),
                &request(1, "/endless"),
            ]
            .concat(),
            1,
        ),
    ] {
        let before = running.requests.begun();
        let mut client = running.network.connect();
        client.send(sent).await;
        settle().await;
        assert_eq!(running.requests.begun() - before, begun, "{what}");
        drop(client);
        settle().await;
        assert_eq!(running.requests.running(), 0, "{what}");
        assert_serves(&running).await;
    }
}

#[quintet::test(start_paused)]
async fn a_handler_that_panics_ends_its_stream_alone() {
    let running = start(|server| server);
    let mut client = connect(&running).await;
    client.send(request(1, "/panic")).await;
    let reset = receive_kind(&mut client, RST_STREAM).await;
    assert_eq!(reset.stream, 1);
    client.send(request(3, "/")).await;
    assert_eq!(receive_kind(&mut client, HEADERS).await.stream, 3);
}
