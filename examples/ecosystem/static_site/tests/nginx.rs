//! Behind an nginx, which keeps its connections to the program.

use std::fs;
use std::process::Command;
use std::thread;

use ecosystem_support::nginx::Nginx;
use ecosystem_support::{Program, http, letters};

const PASS: &str = "location / {
    proxy_pass http://site;
    proxy_http_version 1.1;
    proxy_set_header Connection \"\";
}";

#[test]
fn nginx_passes_requests_on() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("index.html"), "<p>hello</p>").expect("it is written");
    fs::write(dir.path().join("letters"), letters()).expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_static_site"));
    let mut site = Program::start(command.arg(dir.path()).arg("127.0.0.1:0"));
    let upstream = format!(
        "upstream site {{ server {}; keepalive 4; }}",
        site.line_after("http://")
    );
    let Some(nginx) = Nginx::start(&upstream, PASS) else {
        return;
    };
    let addr = nginx.addr().to_owned();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let addr = addr.clone();
            thread::spawn(move || {
                for _ in 0..10 {
                    let (head, body) = http(&addr, "GET /letters", "");
                    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                    assert!(body == letters());
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("all are served");
    }
    let (head, body) = http(&addr, "GET /", "");
    assert!(
        head.contains("Cache-Control: public") || head.contains("cache-control: public"),
        "{head}"
    );
    assert_eq!(body, "<p>hello</p>");
    let (head, body) = http(
        &addr,
        "GET /letters HTTP/1.1\r\nrange: bytes=26-29\r\nx: ",
        "",
    );
    assert!(head.contains("206 Partial Content"), "{head}");
    assert_eq!(body, "abcd");
    let (head, body) = http(&addr, "GET /missing", "");
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    assert_eq!(body, "there is no such page\n");
    // Idle connections of nginx do not hold up the end.
    assert_eq!(site.end().0, 0);
    let (head, _) = http(&addr, "GET /letters", "");
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
}
