//! The examples of UDP and Unix sockets, with clients of the standard library and, where they are
//! installed, with `socat` and `nc`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Example, HANG, installed};
use crate::support::patience::in_time;

#[test]
fn the_example_udp_echo_returns_each_datagram() {
    in_time(|| {
        let mut server = Example::start("udp_echo", &["127.0.0.1:0"]);
        let addr: SocketAddr = server
            .first_line("receiving on ")
            .parse()
            .expect("an address");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        // Without a timeout, by which a call would not be restarted when a tracer interrupts it.
        client.connect(addr).expect("an address of this host");
        let mut buf = vec![0; 65_536];
        let large = vec![7; 60_000];
        for datagram in [&b"hello"[..], b"", b"x", &large] {
            client.send(datagram).expect("it is sent");
            let n = client.recv(&mut buf).expect("it comes back");
            assert!(buf[..n] == *datagram);
        }
        // On Linux this interrupts the call that waits for events (EINTR).
        for _ in 0..5 {
            server.signal("-STOP");
            server.signal("-CONT");
            client.send(b"on").expect("it is sent");
            assert_eq!(client.recv(&mut buf).expect("it comes back"), 2);
        }
        // A client that goes before it has read.
        drop(client);
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        client.send_to(b"still", addr).expect("it is sent");
        assert_eq!(client.recv(&mut buf).expect("it comes back"), 5);

        let (ip, port) = (addr.ip().to_string(), addr.port().to_string());
        let text = installed(Command::new("nc").args(["-u", &ip, &port]), "by nc\n");
        assert!(text.is_none_or(|text| text == "by nc\n"));
        let target = format!("UDP:{addr}");
        let text = installed(Command::new("socat").args(["-", &target]), "by socat\n");
        assert!(text.is_none_or(|text| text == "by socat\n"));
    });
}

/// A person in the chat.
struct Guest(BufReader<UnixStream>);

impl Guest {
    fn connect(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the server listens");
        stream.set_read_timeout(Some(HANG)).expect("a timeout");
        let mut guest = Guest(BufReader::new(stream));
        guest.expect("* your name?");
        guest
    }

    /// Joins, and reads which others are there.
    fn join(path: &Path, name: &str, others: &str) -> Self {
        let mut guest = Guest::connect(path);
        guest.say(name);
        guest.expect(others);
        guest
    }

    fn say(&mut self, line: &str) {
        let line = format!("{line}\n");
        let stream = self.0.get_mut();
        stream.write_all(line.as_bytes()).expect("the server reads");
    }

    #[track_caller]
    fn expect(&mut self, line: &str) {
        let mut text = String::new();
        self.0.read_line(&mut text).expect("a line");
        assert_eq!(text.trim_end(), line);
    }

    fn expect_end(&mut self) {
        let mut rest = String::new();
        // With a line that it has not read, the server resets the connection.
        if let Ok(n) = self.0.read_to_string(&mut rest) {
            assert_eq!(n, 0, "{rest:?}");
        }
    }
}

fn chat(path: &Path) -> Example {
    let mut server = Example::start("unix_chat", &[path.to_str().expect("it is text")]);
    server.first_line("listening on ");
    server
}

fn path() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("chat");
    (dir, path)
}

#[test]
fn the_example_unix_chat_passes_lines_between_clients() {
    in_time(|| {
        let (_dir, path) = path();
        let mut server = chat(&path);
        let mut ann = Guest::join(&path, "ann", "* you are the first");
        let mut bob = Guest::join(&path, "bob", "* here are: ann");
        ann.expect("* bob joins");
        let mut cy = Guest::connect(&path);
        cy.say("ann");
        cy.expect("* that name is taken");
        cy.say("");
        cy.expect("* your name?");
        cy.say("cy");
        cy.expect("* here are: ann, bob");
        ann.expect("* cy joins");
        bob.expect("* cy joins");

        ann.say("hello");
        bob.expect("ann: hello");
        cy.expect("ann: hello");
        bob.say("hi, ann");
        // Its own line did not come back to it.
        ann.expect("bob: hi, ann");
        cy.expect("bob: hi, ann");

        drop(bob);
        ann.expect("* bob leaves");
        cy.expect("* bob leaves");
        // The name is free again.
        let mut bob = Guest::join(&path, "bob", "* here are: ann, cy");
        ann.expect("* bob joins");
        cy.expect("* bob joins");
        cy.say(&"x".repeat(2000));
        cy.expect_end();
        ann.expect("* cy leaves");
        bob.expect("* cy leaves");
        // A client that never says its name is not announced.
        drop(Guest::connect(&path));
        bob.say("bye");
        ann.expect("bob: bye");

        server.signal("-INT");
        assert!(server.wait().success());
        ann.expect_end();
        bob.expect_end();
        assert!(!path.exists());
    });
}

#[test]
fn the_example_unix_chat_starts_where_another_was_killed_but_not_where_one_runs() {
    in_time(|| {
        let (_dir, path) = path();
        drop(chat(&path));
        assert!(path.exists(), "it was killed");
        let server = chat(&path);
        let mut second = Example::start("unix_chat", &[path.to_str().expect("it is text")]);
        assert!(!second.wait().success());
        Guest::join(&path, "ann", "* you are the first");
        drop(server);

        // A file that is no socket is left alone.
        std::fs::remove_file(&path).expect("the socket");
        std::fs::write(&path, "precious").expect("a file");
        let mut third = Example::start("unix_chat", &[path.to_str().expect("it is text")]);
        assert!(!third.wait().success());
        assert_eq!(std::fs::read(&path).expect("a file"), b"precious");
    });
}

#[test]
fn the_example_unix_chat_works_with_other_clients() {
    in_time(|| {
        let (_dir, path) = path();
        let _server = chat(&path);
        let path = path.to_str().expect("it is text");
        let target = format!("UNIX-CONNECT:{path}");
        let mut ann = Guest::join(Path::new(path), "ann", "* you are the first");
        let clients = [("socat", ["-", &*target]), ("nc", ["-U", path])];
        for (client, args) in clients {
            let Some(text) = installed(Command::new(client).args(args), "guest\nhi\n") else {
                continue;
            };
            assert_eq!(text, "* your name?\n* here are: ann\n", "{client}");
            ann.expect("* guest joins");
            ann.expect("guest: hi");
            ann.expect("* guest leaves");
        }
    });
}
