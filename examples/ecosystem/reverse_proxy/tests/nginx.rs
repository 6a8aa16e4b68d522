//! Before an nginx.

use std::fs;
use std::process::Command;

use ecosystem_support::nginx::Nginx;
use ecosystem_support::{Program, http, letters};

#[test]
fn files_of_nginx_are_passed_on() {
    let Some(nginx) = Nginx::start("", "location = /moved { return 301 /letters; }") else {
        return;
    };
    fs::write(nginx.directory().join("letters"), letters()).expect("it is written");
    let path = env!("CARGO_BIN_EXE_reverse_proxy");
    let mut proxy = Program::start(Command::new(path).args(["127.0.0.1:0", nginx.addr()]));
    let addr = proxy.line_after("http://");
    for (request, status, expected) in [
        ("GET /letters", "200", Some(letters())),
        ("GET /letters?a=b", "200", Some(letters())),
        ("HEAD /letters", "200", Some(String::new())),
        ("GET /missing", "404", None),
        ("GET /moved", "301", None),
        ("POST /letters", "405", None),
    ] {
        let (head, body) = http(&addr, request, "");
        assert_eq!(head.split(' ').nth(1), Some(status), "{request}: {head}");
        assert!(
            expected.is_none_or(|expected| body == expected),
            "{request}"
        );
    }
    // Parts of it, and what the client has already.
    let (head, body) = http(
        &addr,
        "GET /letters HTTP/1.1\r\nrange: bytes=26-29\r\nx: ",
        "",
    );
    assert!(head.contains("206 Partial Content"), "{head}");
    assert_eq!(body, "abcd");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: "));
    let etag = etag.expect("it has one");
    let known = format!("GET /letters HTTP/1.1\r\nif-none-match: {etag}\r\nx: ");
    let (head, body) = http(&addr, &known, "");
    assert!(head.starts_with("HTTP/1.1 304"), "{head}");
    assert_eq!(body, "");

    nginx.end();
    let (head, _) = http(&addr, "GET /letters", "");
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    assert_eq!(proxy.end().0, 0);
}
