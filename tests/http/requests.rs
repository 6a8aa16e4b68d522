//! Requests that are too large, malformed, or mean different things to different servers.

use std::convert::Infallible;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use quintet::hyper::serve;

use crate::wire::{Network, READ};

/// Starts a server whose responses name the method and the path, and have the body.
fn start() -> Network {
    let network = Network::default();
    let service = service_fn(async |request: Request<Incoming>| {
        let start = format!("{} {}:", request.method(), request.uri().path());
        let body = match request.into_body().collect().await {
            Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
            Err(_) => "malformed".to_owned(),
        };
        Ok::<_, Infallible>(Response::new(start + &body))
    });
    quintet::spawn(
        serve(network.listener(), service)
            .on_error(drop)
            .into_future(),
    );
    network
}

/// Returns the statuses and bodies of the responses to `sent`, after which the client shuts down
/// its side.
async fn replies(network: &Network, sent: impl AsRef<[u8]>) -> Vec<(u16, String)> {
    let mut client = network.connect();
    let sent = sent.as_ref();
    // It may be longer than what the connection holds.
    let _closed = futures::AsyncWriteExt::write_all(&mut client.stream, sent).await;
    client.shut_down().await;
    client.replies().await
}

/// A request with a body, by its headers.
fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n{body}")
}

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

fn bad() -> Vec<(u16, String)> {
    vec![(400, String::new())]
}

#[quintet::test(start_paused)]
async fn pipelined_requests_are_handled_in_order() {
    let network = start();
    let sent = post("content-length: 3\r\n", "abc") + "GET /b HTTP/1.1\r\nhost: a\r\n\r\n";
    assert_eq!(
        replies(&network, sent).await,
        [ok("POST /:abc"), ok("GET /b:")]
    );
}

#[quintet::test(start_paused)]
async fn a_body_is_read_in_no_smaller_parts_than_hyper_asks_for() {
    let network = start();
    let mut client = network.connect();
    for _ in 0..3 {
        let body = "x".repeat(50_000);
        let sent = post("content-length: 50000\r\n", &body);
        let before = network.reads();
        client.send(&sent).await;
        assert_eq!(client.reply().await.body, format!("POST /:{body}"));
        let (reads, least) = (network.reads() - before, sent.len().div_ceil(READ));
        // hyper's buffer may be almost full, and the first read may be for the version.
        assert!(reads <= least + 3, "{reads} instead of {least}");
    }
}

#[quintet::test(start_paused)]
async fn a_head_that_is_too_long_is_refused() {
    let network = start();
    let head = |len: usize| {
        let start = "GET / HTTP/1.1\r\nhost: a\r\nx: ";
        format!("{start}{}\r\n\r\n", "x".repeat(len - start.len() - 4))
    };
    assert_eq!(replies(&network, head(60 * 1024)).await, [ok("GET /:")]);
    assert_eq!(
        replies(&network, head(80 * 1024)).await,
        [(431, String::new())]
    );
    let path = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(80 * 1024));
    let status = replies(&network, path).await[0].0;
    assert!([414, 431].contains(&status), "{status}");
}

#[quintet::test(start_paused)]
async fn the_size_of_a_head_is_settable() {
    let network = Network::default();
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
    let server = serve(network.listener(), service)
        .max_header_size(8192)
        .max_headers(3);
    quintet::spawn(server.on_error(drop).into_future());
    let head = |len: usize| format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(len));
    assert_eq!(replies(&network, head(8000)).await, [ok("")]);
    assert_eq!(replies(&network, head(9000)).await, [(431, String::new())]);
    assert_eq!(
        replies(&network, "GET / HTTP/1.1\r\na: b\r\na: b\r\na: b\r\n\r\n").await,
        [ok("")]
    );
    let four = "GET / HTTP/1.1\r\na: b\r\na: b\r\na: b\r\na: b\r\n\r\n";
    assert_eq!(replies(&network, four).await, [(431, String::new())]);
}

#[test]
#[should_panic(expected = "must be allowed to have 8192 bytes, not 100")]
fn a_head_must_have_room() {
    let network = Network::default();
    let service = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
    drop(serve(network.listener(), service).max_header_size(100));
}

#[quintet::test(start_paused)]
async fn too_many_headers_are_refused() {
    let network = start();
    let head = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(count));
    assert_eq!(replies(&network, head(100)).await, [ok("GET /:")]);
    assert_eq!(replies(&network, head(101)).await, [(431, String::new())]);
}

/// RFC 9112, section 6.3: a server may refuse it, or go by `Transfer-Encoding` and close the
/// connection. What must not happen is that the rest is taken for another request.
#[quintet::test(start_paused)]
async fn a_request_with_both_lengths_is_not_split() {
    let network = start();
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for headers in [
        format!(
            "content-length: {}\r\ntransfer-encoding: chunked\r\n",
            smuggled.len()
        ),
        format!(
            "transfer-encoding: chunked\r\ncontent-length: {}\r\n",
            smuggled.len()
        ),
    ] {
        let replies = replies(&network, post(&headers, smuggled)).await;
        let paths: Vec<_> = replies
            .iter()
            .filter(|(_, body)| body.contains("smuggled"))
            .collect();
        assert!(paths.is_empty(), "{replies:?}");
    }
}

#[quintet::test(start_paused)]
async fn lengths_that_contradict_each_other_are_refused() {
    let network = start();
    for headers in [
        "content-length: 3\r\ncontent-length: 4\r\n",
        "content-length: 3, 4\r\n",
        "content-length: +3\r\n",
        "content-length: -3\r\n",
        "content-length: 0x3\r\n",
        "content-length: 3 3\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999\r\n",
    ] {
        assert_eq!(
            replies(&network, post(headers, "abcd")).await,
            bad(),
            "{headers}"
        );
    }
}

/// Of these, other servers see no `Transfer-Encoding`, or one that is not the last.
#[quintet::test(start_paused)]
async fn encodings_that_are_not_chunked_at_the_end_are_refused() {
    let network = start();
    for headers in [
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked-x\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
    ] {
        let replies = replies(&network, post(headers, "0\r\n\r\n")).await;
        assert_eq!(replies, bad(), "{headers}");
    }
    // HTTP/1.0 does not have it.
    let old = "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(replies(&network, old).await, bad());
}

#[quintet::test(start_paused)]
async fn heads_that_others_read_in_another_way_are_refused() {
    let network = start();
    for (head, what) in [
        (
            "GET / HTTP/1.1\r\nhost: a\r\n b: c\r\n\r\n",
            "a folded line",
        ),
        (
            "GET / HTTP/1.1\r\n b: c\r\n\r\n",
            "a space before the first name",
        ),
        ("GET / HTTP/1.1\r\nhost : a\r\n\r\n", "a space after a name"),
        ("GET / HTTP/1.1\r\na\rb: c\r\n\r\n", "a bare CR in a name"),
        ("GET / HTTP/1.1\r\na: b\rc\r\n\r\n", "a bare CR in a value"),
        ("GET / HTTP/1.1\r\na: b\0c\r\n\r\n", "a NUL in a value"),
        ("GET / HTTP/1.1\r\na\r\n\r\n", "a line without a colon"),
        ("GET / HTTP/1.1\r\n: b\r\n\r\n", "an empty name"),
        ("GET /\r\n\r\n", "HTTP/0.9"),
        ("GET / HTTP/3.0\r\n\r\n", "a version that does not exist"),
        ("GET / a HTTP/1.1\r\n\r\n", "a space in the path"),
        ("GET  / HTTP/1.1\r\n\r\n", "two spaces"),
        ("G\u{e4}T / HTTP/1.1\r\n\r\n", "a method that is no token"),
        ("\x16\x03\x01\x02\0\x01\0\x01", "TLS"),
    ] {
        assert_eq!(replies(&network, head).await, bad(), "{what}");
    }
}

/// RFC 9112, section 2.2: a recipient may take a bare LF for the end of a line. In a value it is
/// never left, because a server behind this one would see two headers.
#[quintet::test(start_paused)]
async fn a_bare_line_feed_is_the_end_of_a_line() {
    let network = start();
    let sent = "POST / HTTP/1.1\nhost: a\na: b\ncontent-length: 3\n\nabc";
    assert_eq!(replies(&network, sent).await, [ok("POST /:abc")]);
}

#[quintet::test(start_paused)]
async fn chunks_whose_sizes_are_malformed_are_refused() {
    let network = start();
    let chunked = |body: &str| post("transfer-encoding: chunked\r\n", body);
    assert_eq!(
        replies(&network, chunked("3\r\nabc\r\n0\r\n\r\n")).await,
        [ok("POST /:abc")]
    );
    let next = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for (body, what) in [
        ("10000000000000003\r\nabc\r\n0\r\n\r\n", "more than 64 bits"),
        ("fffffffffffffffff\r\nabc", "more than 64 bits, all ones"),
        ("-3\r\nabc\r\n0\r\n\r\n", "negative"),
        ("0x3\r\nabc\r\n0\r\n\r\n", "a prefix"),
        ("\r\nabc\r\n0\r\n\r\n", "empty"),
        ("3\r\nabcd\r\n0\r\n\r\n", "longer than it says"),
        ("3 3\r\nabc\r\n0\r\n\r\n", "two sizes"),
        ("3\nabc\r\n0\r\n\r\n", "a bare LF"),
        ("3\r\nabc\n0\r\n\r\n", "a bare LF after the data"),
        ("3;a\nb\r\nabc\r\n0\r\n\r\n", "a bare LF in an extension"),
    ] {
        let replies = replies(&network, chunked(body) + next).await;
        assert!(
            replies
                .iter()
                .all(|(status, body)| *status == 400 || body == "POST /:malformed"),
            "{what}: {replies:?}"
        );
    }
    // Extensions take memory and say nothing.
    let long = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(100_000));
    assert_eq!(
        replies(&network, chunked(&long)).await,
        [ok("POST /:malformed")]
    );
}

#[quintet::test(start_paused)]
async fn an_error_ends_the_connection() {
    let network = start();
    let sent = "GET / HTTP/1.1\r\nhost : a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";
    assert_eq!(replies(&network, sent).await, bad());
}
