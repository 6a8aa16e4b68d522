//! Clients of TLS that die, or speak another protocol.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use ecosystem_support::{PATIENCE, Program, vanish};
use futures_rustls::rustls::pki_types::CertificateDer;
use futures_rustls::rustls::pki_types::pem::PemObject;
use futures_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Client = StreamOwned<ClientConnection, TcpStream>;

struct Server {
    program: Program,
    addr: String,
    roots: RootCertStore,
    _dir: tempfile::TempDir,
}

fn started() -> Server {
    let dir = tempfile::tempdir().expect("a directory");
    let pem = dir.path().join("cert.pem");
    let mut command = Command::new(env!("CARGO_BIN_EXE_https"));
    let mut program = Program::start(command.arg("127.0.0.1:0").arg(&pem));
    let addr = program.line_after("https://");
    let mut roots = RootCertStore::empty();
    let cert = CertificateDer::from_pem_file(pem).expect("a certificate");
    roots.add(cert).expect("a root");
    Server {
        program,
        addr,
        roots,
        _dir: dir,
    }
}

impl Server {
    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.addr).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// A client that offers these protocols, and has not begun its handshake.
    fn client(&self, protocols: &[&str]) -> Client {
        let mut config = ClientConfig::builder()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let name = "localhost".try_into().expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("it is right");
        StreamOwned::new(connection, self.tcp())
    }

    fn assert_serves(&self) {
        let mut client = self.client(&[]);
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .expect("it reads");
        let mut response = String::new();
        client.read_to_string(&mut response).expect("a response");
        assert!(response.ends_with("hello by HTTP/1.1\n"), "{response}");
    }
}

#[test]
fn a_client_without_alpn_speaks_http_1() {
    let server = started();
    server.assert_serves();
    assert_eq!(server.client(&["http/1.1"]).conn.alpn_protocol(), None);
    for (protocols, chosen) in [
        (&["h2", "http/1.1"][..], &b"h2"[..]),
        (&["http/1.1", "h2"], b"h2"),
        (&["http/1.1"], b"http/1.1"),
    ] {
        let mut client = server.client(protocols);
        client.flush().expect("a handshake");
        assert_eq!(client.conn.alpn_protocol(), Some(chosen));
    }
    // One that offers nothing of what the server speaks is refused.
    let mut client = server.client(&["spdy/3"]);
    let refused = client.flush().expect_err("an alert").to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    server.assert_serves();
    assert_eq!(server.program.end().0, 0);
}

#[test]
fn clients_that_die_at_any_stage_are_not_waited_for() {
    let server = started();
    for is_reset in [false, true] {
        // Within the first message of the handshake, and after it.
        let mut hello = Vec::new();
        let mut client = server.client(&[]);
        client
            .conn
            .write_tls(&mut hello)
            .expect("a vector takes all");
        for end in [0, 1, 5, hello.len() / 2, hello.len() - 1, hello.len()] {
            let mut stream = server.tcp();
            stream.write_all(&hello[..end]).expect("it reads");
            end_of(stream, is_reset);
        }
        // After the handshake, without the alert that ends the connection, by both versions.
        for (protocols, sent) in [
            (&[][..], &b""[..]),
            (&[], b"GET / HTTP/1.1\r\nho"),
            (
                &[],
                b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n1234",
            ),
            (&["h2"], b""),
            (&["h2"], b"PRI * HTTP/2.0\r\n\r\nS"),
            (
                &["h2"],
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0",
            ),
        ] {
            let mut client = server.client(protocols);
            client.write_all(sent).expect("it reads");
            client.flush().expect("a handshake");
            end_of(client.sock, is_reset);
        }
        server.assert_serves();
    }
    assert_eq!(server.program.end().0, 0);
}

fn end_of(stream: TcpStream, is_reset: bool) {
    if is_reset {
        vanish(stream);
    }
}

#[test]
fn what_is_no_tls_is_refused() {
    let server = started();
    for (what, sent) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..]),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("SSL 2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"),
        ("a record of 64 KiB", b"\x16\x03\x01\xff\xff\x01"),
        ("an alert", b"\x15\x03\x01\x00\x02\x02\x28"),
        ("data before the handshake", b"\x17\x03\x03\x00\x01a"),
    ] {
        let mut stream = server.tcp();
        stream.write_all(sent).expect("it reads");
        let mut reply = Vec::new();
        // An alert of TLS, or a reset.
        let _ended = stream.read_to_end(&mut reply);
        assert!(reply.is_empty() || reply[0] == 0x15, "{what}: {reply:?}");
    }
    server.assert_serves();
}
