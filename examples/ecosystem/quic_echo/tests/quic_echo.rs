//! Server and client, as children.

use std::process::Command;

use ecosystem_support::{Program, installed};

const PROGRAM: &str = env!("CARGO_BIN_EXE_quic_echo");

#[test]
fn each_text_comes_back_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let cert = dir.path().join("cert.der");
    let cert = cert.to_str().expect("text");
    let mut server = Program::start(Command::new(PROGRAM).args(["server", "127.0.0.1:0", cert]));
    let addr = server.line_after("echoing on ");
    for _ in 0..3 {
        let long = "x".repeat(20_000);
        let args = ["client", &addr, cert, "one", "two", &long, "three"];
        let output = installed(PROGRAM, args).expect("it has been built");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text == format!("one\ntwo\n{long}\nthree\n"));
    }
    let (code, text) = server.end();
    assert_eq!((code, &*text), (0, "ended\n"));
}
