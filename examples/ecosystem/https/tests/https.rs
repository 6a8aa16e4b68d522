//! The program, as a child, with curl and openssl.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use ecosystem_support::{PATIENCE, Program, installed};

struct Server {
    program: Program,
    port: String,
    pem: String,
    _dir: tempfile::TempDir,
}

fn started() -> Server {
    let dir = tempfile::tempdir().expect("a directory");
    let pem = dir.path().join("cert.pem");
    let mut program = Program::start(
        Command::new(env!("CARGO_BIN_EXE_https"))
            .arg("127.0.0.1:0")
            .arg(&pem),
    );
    let port = program.line_after("https://127.0.0.1:");
    let pem = pem.to_str().expect("text").to_owned();
    Server {
        program,
        port,
        pem,
        _dir: dir,
    }
}

#[test]
fn curl_is_served_by_both_versions() {
    let server = started();
    let url = format!("https://localhost:{}/", server.port);
    for (option, version) in [
        ("--http1.1", "HTTP/1.1"),
        ("--http2", "HTTP/2.0"),
        ("--no-alpn", "HTTP/1.1"),
    ] {
        let args = [
            "-sS",
            "--max-time",
            "60",
            "--cacert",
            &server.pem,
            option,
            &url,
        ];
        if let Some(output) = installed("curl", args) {
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(text, format!("hello by {version}\n"));
        }
    }
    assert_eq!(server.program.end().0, 0);
}

#[test]
fn openssl_verifies_the_certificate() {
    let server = started();
    let addr = format!("127.0.0.1:{}", server.port);
    let args = [
        "s_client",
        "-connect",
        &addr,
        "-servername",
        "localhost",
        "-CAfile",
        &server.pem,
        "-alpn",
        "h2",
        "-verify_return_error",
    ];
    if let Some(output) = installed("openssl", args) {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("ALPN protocol: h2"), "{text}");
        assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
    }
}

#[test]
fn clients_that_fail_in_the_handshake_stop_nothing() {
    let server = started();
    let addr = format!("127.0.0.1:{}", server.port);
    // One that goes at once, one that goes in the middle, and one that speaks no TLS.
    drop(TcpStream::connect(&addr).expect("it listens"));
    let mut half = TcpStream::connect(&addr).expect("it listens");
    half.write_all(&[22, 3, 1, 2, 0, 1]).expect("it reads");
    drop(half);
    let mut plain = TcpStream::connect(&addr).expect("it listens");
    plain.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    plain
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .expect("it reads");
    let mut reply = Vec::new();
    // An alert of TLS, or a reset.
    let _ended = plain.read_to_end(&mut reply);
    assert!(!reply.starts_with(b"HTTP"), "{reply:?}");
    // One that says nothing holds up no other.
    let _silent = TcpStream::connect(&addr).expect("it listens");
    let url = format!("https://localhost:{}/", server.port);
    let args = ["-sS", "--max-time", "60", "--cacert", &server.pem, &url];
    if let Some(output) = installed("curl", args) {
        assert!(output.stdout.starts_with(b"hello by"));
    }
}
