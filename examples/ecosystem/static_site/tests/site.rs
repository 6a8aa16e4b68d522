//! The program, as a child, with clients.

use std::fs;
use std::process::Command;

use ecosystem_support::{Program, http, installed};

#[test]
fn files_ranges_and_missing_pages_are_served() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("index.html"), "<p>hello</p>").expect("it is written");
    let sample: String = (0..50_000)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect();
    fs::write(dir.path().join("letters"), &sample).expect("it is written");
    let mut server = Program::start(
        Command::new(env!("CARGO_BIN_EXE_static_site"))
            .arg(dir.path())
            .arg("127.0.0.1:0"),
    );
    let addr = server.line_after("http://");

    let (head, body) = http(&addr, "GET /", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("cache-control: public"), "{head}");
    assert_eq!(body, "<p>hello</p>");
    let (head, body) = http(&addr, "GET /letters", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(body == sample);
    let (head, body) = http(&addr, "GET /../Cargo.toml", "");
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    assert_eq!(body, "there is no such page\n");

    let url = format!("http://{addr}/letters");
    if let Some(output) = installed("curl", ["-sS", "-r", "26-29", &url]) {
        assert_eq!(output.stdout, b"abcd");
    }
    assert_eq!(server.end().0, 0);
}
