//! Faults of clients of HTTP/1.

use std::time::Duration;

use quintet::io::DuplexStream;
use quintet::task::CancellationToken;
use quintet::time::{Instant, sleep};

use crate::app::{REQUEST_LIMIT, Requests, router, start};
use crate::client::Client;
use crate::wire::{Network, settle};

const SECOND: Duration = Duration::from_secs(1);

/// What the server must respond, before it closes the connection.
enum Expected {
    /// To all of it, these bodies.
    Served(&'static [&'static str]),
    /// One response with one of these statuses, and nothing after it.
    Refused(&'static [u16]),
}

use Expected::{Refused, Served};

const BAD: Expected = Refused(&[400]);

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n{body}")
}

fn chunked(body: &str) -> String {
    post("transfer-encoding: chunked\r\n", body)
}

fn get(rest: &str) -> String {
    format!("GET / HTTP/1.1\r\n{rest}\r\n\r\n")
}

/// What is sent, why that is a fault, and what comes of it. After a fault there is a request that
/// is smuggled if it is seen.
fn cases() -> Vec<(&'static str, String, Expected)> {
    let mut cases = vec![
        (
            "no fault",
            post("content-length: 3\r\n", "abc"),
            Served(&["POST /:abc"]),
        ),
        (
            "no fault",
            chunked("3\r\nabc\r\n0\r\n\r\n"),
            Served(&["POST /:abc"]),
        ),
        (
            "no fault",
            get("host: a") + &get("host: a"),
            Served(&["GET /:", "GET /:"]),
        ),
    ];
    cases.extend(heads().map(|(what, sent, expected)| (what, sent + &smuggled(), expected)));
    let lengths = [
        ("two lengths", "content-length: 3\r\ncontent-length: 4\r\n"),
        ("a list of lengths", "content-length: 3, 4\r\n"),
        ("a length with a plus", "content-length: +3\r\n"),
        ("a negative length", "content-length: -3\r\n"),
        ("a length of another base", "content-length: 0x3\r\n"),
        (
            "a length of 67 bits",
            "content-length: 99999999999999999999\r\n",
        ),
        ("an unknown encoding", "transfer-encoding: xchunked\r\n"),
        (
            "chunked is not the last",
            "transfer-encoding: chunked, gzip\r\n",
        ),
        (
            "a space before the colon",
            "transfer-encoding : chunked\r\n",
        ),
        (
            "identity after chunked",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        ),
    ];
    cases.extend(
        lengths.map(|(what, headers)| (what, post(headers, "0\r\n\r\n") + &smuggled(), BAD)),
    );
    let chunks = [
        (
            "a chunk of 68 bits",
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
        ),
        ("a negative chunk", "-3\r\nabc\r\n0\r\n\r\n"),
        ("a chunk with a prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("a chunk without a size", "\r\nabc\r\n0\r\n\r\n"),
        (
            "a chunk that is longer than it says",
            "3\r\nabcd\r\n0\r\n\r\n",
        ),
        ("a chunk with two sizes", "3 3\r\nabc\r\n0\r\n\r\n"),
        ("a bare LF after a size", "3\nabc\r\n0\r\n\r\n"),
    ];
    cases.extend(chunks.map(|(what, body)| (what, chunked(body) + &smuggled(), BAD)));
    cases
}

fn smuggled() -> String {
    "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()
}

fn heads() -> [(&'static str, String, Expected); 13] {
    let long = "x".repeat(80 * 1024);
    let large = "x".repeat(3 * 1024 * 1024);
    [
        (
            "a head of 80 KiB",
            get(&format!("x: {long}")),
            Refused(&[431]),
        ),
        (
            "a path of 80 KiB",
            format!("GET /{long} HTTP/1.1\r\n\r\n"),
            Refused(&[414, 431]),
        ),
        (
            "101 headers",
            get(&["x: y"; 101].join("\r\n")),
            Refused(&[431]),
        ),
        // axum's limit of a body is 2 MiB.
        (
            "a body of 3 MiB",
            post("content-length: 3145728\r\n", &large),
            Refused(&[413]),
        ),
        ("a folded line", get("host: a\r\n b: c"), BAD),
        ("a space after a name", get("host : a"), BAD),
        ("a bare CR", get("a: b\rc"), BAD),
        ("a NUL", get("a: b\0c"), BAD),
        ("a line without a colon", get("a"), BAD),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned(), BAD),
        (
            "an unknown version",
            "GET / HTTP/3.0\r\n\r\n".to_owned(),
            BAD,
        ),
        (
            "a space in the path",
            "GET / a HTTP/1.1\r\n\r\n".to_owned(),
            BAD,
        ),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01".to_owned(), BAD),
    ]
}

/// Sends all of it, and returns the statuses and bodies of the responses.
async fn replies(network: &Network, sent: &str) -> Vec<(u16, String)> {
    let mut client = network.connect();
    // It may be longer than what the connection holds, and what the server reads.
    let _closed = futures::AsyncWriteExt::write_all(&mut client.stream, sent.as_bytes()).await;
    let _closed = futures::AsyncWriteExt::close(&mut client.stream).await;
    client.replies().await
}

#[quintet::test(start_paused)]
async fn what_is_malformed_is_refused_and_hides_no_request() {
    let running = start(|server| server);
    for (what, sent, expected) in cases() {
        let replies = replies(&running.network, &sent).await;
        match expected {
            Served(bodies) => {
                let bodies: Vec<_> = bodies
                    .iter()
                    .map(|body| (200, (*body).to_owned()))
                    .collect();
                assert_eq!(replies, bodies, "{what}");
            }
            Refused(statuses) => {
                assert_eq!(replies.len(), 1, "{what}: {replies:?}");
                assert!(statuses.contains(&replies[0].0), "{what}: {replies:?}");
            }
        }
    }
}

/// A server may go by the encoding and close the connection (RFC 9112, section 6.3).
#[quintet::test(start_paused)]
async fn a_request_with_both_lengths_hides_no_request() {
    let running = start(|server| server);
    let body = format!("0\r\n\r\n{}", smuggled());
    let length = format!("content-length: {}\r\n", body.len());
    let encoding = "transfer-encoding: chunked\r\n";
    for headers in [length.clone() + encoding, encoding.to_owned() + &length] {
        let before = running.requests.begun();
        let replies = replies(&running.network, &post(&headers, &body)).await;
        assert!(running.requests.begun() <= before + 1, "{replies:?}");
        assert!(
            replies.iter().all(|(status, _)| *status != 404),
            "{replies:?}"
        );
    }
}

#[quintet::test(start_paused)]
async fn slow_clients_are_disconnected() {
    // What is sent at once, what is sent byte by byte, and when the connection ends at the latest.
    for (what, at_once, slowly, limit) in [
        ("nothing", "", "", 30 * SECOND),
        (
            "a slow head",
            "",
            "GET / HTTP/1.1\r\nhost: aaaaaaaaaaaaaaaaaaaaa",
            30 * SECOND,
        ),
        ("half a head", "GET / HTTP/1.1\r\nho", "", 30 * SECOND),
        (
            "half a body",
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1",
            "",
            REQUEST_LIMIT,
        ),
        (
            "a slow body",
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\n",
            "012345678901234567890123456789012345678901234567890123456789",
            REQUEST_LIMIT,
        ),
    ] {
        let running = start(|server| server);
        let mut client = running.network.connect();
        let since = Instant::now();
        client.send(at_once).await;
        for byte in slowly.bytes() {
            if since.elapsed() >= limit {
                break;
            }
            client.send([byte]).await;
            sleep(SECOND).await;
        }
        let rest = client.rest().await;
        assert_eq!(since.elapsed(), limit, "{what}");
        let is_body = limit == REQUEST_LIMIT;
        assert_eq!(rest.starts_with("HTTP/1.1 408 "), is_body, "{what}: {rest}");
        settle().await;
        assert_eq!(running.requests.running(), 0, "{what}");
    }
}

/// What a client has sent and received when it goes, and how long the server may take to notice.
const STAGES: &[(&str, &str, usize, Duration)] = &[
    ("connected", "", 0, NOW),
    ("half a head", "GET / HTTP/1.1\r\nho", 0, NOW),
    (
        "half a body",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345",
        0,
        NOW,
    ),
    (
        "half a chunk",
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n9\r\n12",
        0,
        NOW,
    ),
    (
        "a request that waits",
        "GET /never HTTP/1.1\r\nhost: a\r\n\r\n",
        0,
        // It may have shut down its side only, and wait for the response.
        REQUEST_LIMIT,
    ),
    (
        "half a response",
        "GET /endless HTTP/1.1\r\nhost: a\r\n\r\n",
        100_000,
        NOW,
    ),
    (
        "half an upgrade",
        "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgr",
        0,
        NOW,
    ),
    ("before the upgrade", UPGRADE, 0, NOW),
    ("after the upgrade", UPGRADE, 60, NOW),
];

const NOW: Duration = Duration::ZERO;
const UPGRADE: &str =
    "GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

#[quintet::test(start_paused)]
async fn a_client_that_dies_at_any_stage_leaves_nothing() {
    let running = start(|server| server);
    for (what, sent, received, limit) in STAGES {
        for does_wait in [true, false] {
            let mut client = running.network.connect();
            client.send(sent).await;
            if does_wait {
                client.bytes(*received).await;
                settle().await;
            }
            drop(client);
            sleep(*limit).await;
            settle().await;
            assert_eq!(running.requests.running(), 0, "{what}");
            assert_eq!(
                running.network.connect().get("/").await.status,
                200,
                "{what}"
            );
        }
    }
}

#[quintet::test(start_paused)]
async fn an_upgraded_connection_is_the_handlers() {
    let running = start(|server| server);
    let mut client = running.network.connect();
    client.send(UPGRADE).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    client.send("hello").await;
    assert_eq!(client.bytes(5).await, b"hello");
    // No limit of the server applies to it.
    sleep(1000 * SECOND).await;
    client.send("there").await;
    assert_eq!(client.bytes(5).await, b"there");
}

#[quintet::test(start_paused)]
async fn a_client_that_shuts_down_its_side_gets_its_response() {
    let running = start(|server| server);
    let mut client = running.network.connect();
    client
        .send("GET /sleep/20 HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    client.shut_down().await;
    assert_eq!(client.reply().await.body, "done");
}

#[quintet::test(start_paused)]
async fn a_handler_that_panics_ends_its_connection_alone() {
    let running = start(|server| server);
    let mut other = running.network.connect();
    for _ in 0..3 {
        let mut client = running.network.connect();
        client.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(client.rest().await, "");
        assert_eq!(other.get("/").await.status, 200);
    }
    assert_eq!(running.requests.running(), 0);
    let errors = running.errors.take();
    assert_eq!(errors.len(), 3, "{errors:?}");
}

#[quintet::test(start_paused)]
async fn a_client_that_reads_nothing_is_disconnected() {
    let running = start(|server| server);
    let mut client = running.network.connect();
    client
        .send("GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    client.head().await;
    // The time limit of writes.
    sleep(91 * SECOND).await;
    settle().await;
    assert_eq!(running.requests.running(), 0);
    assert_eq!(running.errors.borrow().len(), 1);
}

/// Connects clients, each of which is served once.
async fn served(network: &Network, count: usize) -> Vec<Client<DuplexStream>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = network.connect();
        assert_eq!(client.get("/").await.status, 200);
        clients.push(client);
    }
    clients
}

#[quintet::test(start_paused)]
async fn five_thousand_idle_connections_are_served_at_once() {
    let running = start(|server| server);
    let mut clients = served(&running.network, 5000).await;
    sleep(70 * SECOND).await;
    assert!(!clients[0].is_closed().await);
    for client in &mut clients {
        client
            .send("GET /sleep/1 HTTP/1.1\r\nhost: a\r\n\r\n")
            .await;
    }
    settle().await;
    assert_eq!(running.requests.running(), 5000);
    let since = Instant::now();
    for client in &mut clients {
        assert_eq!(client.reply().await.body, "done");
    }
    assert_eq!(since.elapsed(), SECOND);
    // Idle for too long, all are closed.
    let since = Instant::now();
    for client in &mut clients {
        assert_eq!(client.rest().await, "");
    }
    assert_eq!(since.elapsed(), 75 * SECOND);
    assert_eq!(running.errors.borrow().len(), 0);
}

#[quintet::test(start_paused)]
async fn a_drain_ends_at_its_deadline() {
    let (network, requests) = (Network::default(), Requests::default());
    let stop = CancellationToken::new();
    let server = quintet_axum::serve(network.listener(), router(&requests))
        .drain_timeout(10 * SECOND)
        .until(stop.clone().cancelled_owned());
    let server = quintet::spawn(server.into_future());
    let mut idle = served(&network, 3).await;
    let mut busy = Vec::new();
    for path in ["/sleep/9", "/sleep/11", "/never", "/endless"] {
        let mut client = network.connect();
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        busy.push(client);
    }
    settle().await;
    let since = Instant::now();
    stop.cancel();
    for client in &mut idle {
        assert_eq!(client.rest().await, "");
    }
    assert!(since.elapsed() <= SECOND);
    let drained = server.await.unwrap().unwrap();
    assert_eq!(drained.unfinished(), 3);
    assert_eq!(since.elapsed(), 10 * SECOND);
    assert!(network.is_closed());
    assert!(busy[0].reply().await.is_last());
    assert_eq!(busy[1].rest().await, "");
    assert_eq!(busy[2].rest().await, "");
    assert_eq!(requests.running(), 0);
}
