//! The router on paused time, and the program with clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use ecosystem_support::{PATIENCE, Program, http};
use http_body_util::BodyExt;
use quintet::time::Instant;
use service::config::Config;
use service::readiness::Readiness;
use service::routes::router;
use tower::ServiceExt;

fn config() -> Config {
    Config::read(|_| None).expect("the defaults can be used")
}

/// The status and the body of the response to a request.
async fn got(path: &str, readiness: &Readiness) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let router = router(&config(), readiness.clone());
    let response = router
        .oneshot(request)
        .await
        .expect("a router has no errors");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body");
    let body = String::from_utf8(body.to_bytes().to_vec()).expect("text");
    (status, body)
}

#[quintet::test(start_paused)]
async fn a_request_that_takes_too_long_fails_after_the_limit() {
    let readiness = Readiness::default();
    let begun = Instant::now();
    let (status, body) = got("/greet?name=you&after_ms=9000", &readiness).await;
    assert_eq!(
        (status, &*body),
        (StatusCode::OK, "{\"text\":\"hello you\"}")
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(9));
    let (status, _) = got("/greet?after_ms=60000", &readiness).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(begun.elapsed(), Duration::from_secs(19));
    assert_eq!(
        got("/greet?after_ms=soon", &readiness).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[quintet::test(start_paused)]
async fn readiness_is_what_was_set() {
    let readiness = Readiness::default();
    assert_eq!(
        got("/readyz", &readiness).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    readiness.set(true);
    assert_eq!(got("/readyz", &readiness).await.0, StatusCode::OK);
    assert_eq!(got("/healthz", &readiness).await.0, StatusCode::OK);
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let error = Config::read(|name| (name == "SERVICE_ADDR").then(|| "home".to_owned()));
    let text = error.expect_err("it is no address").to_string();
    assert!(
        text.starts_with("SERVICE_ADDR is \"home\"; it must be"),
        "{text}"
    );
}

#[test]
fn the_program_ends_after_the_request_that_has_begun() {
    let mut service = Program::start(
        Command::new(env!("CARGO_BIN_EXE_service")).env("SERVICE_ADDR", "127.0.0.1:0"),
    );
    let addr = service.line_after("http://");
    assert!(http(&addr, "GET /readyz", "").0.starts_with("HTTP/1.1 200"));
    let (head, body) = http(&addr, "GET /metrics", "");
    assert!(head.contains("openmetrics"), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    // A connection that the server has accepted, because it has had a response.
    let stream = TcpStream::connect(&addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let send = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        (&stream).write_all(request.as_bytes()).expect("it reads");
    };
    send("/healthz");
    send("/greet?name=late&after_ms=200");
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    while !line.ends_with("alive\n") {
        assert_ne!(reader.read_line(&mut line).expect("a response"), 0);
    }
    let (code, _) = service.end();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).expect("a response");
    assert!(rest.contains("connection: close"), "{rest}");
    assert!(rest.ends_with("{\"text\":\"hello late\"}"), "{rest}");
    assert_eq!(code, 0);
}
