//! The example with two loops: both serve, and Ctrl-C ends both.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::program::{Example, HANG};
use crate::support::patience::in_time;
use crate::support::skipped::skip;

/// Starts the example, and returns it with the address that it listens on.
fn start() -> (Example, String) {
    let mut server = Example::start("two_cores", &["127.0.0.1:0"]);
    let url = server.first_line("http://");
    let addr = url.strip_suffix('/').expect("a URL").to_owned();
    (server, addr)
}

/// A connection to the server, which stays open.
struct Client(TcpStream);

impl Client {
    fn connect(addr: &str) -> Self {
        let stream = TcpStream::connect(addr).expect("the server listens");
        stream.set_read_timeout(Some(HANG)).expect("a timeout");
        Client(stream)
    }

    /// Sends a request, and returns the body of the response.
    fn get(&mut self) -> String {
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        self.0.write_all(request).expect("the server reads");
        let mut response = Vec::new();
        // The body is one line, and the header ends with an empty one.
        loop {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a response");
            response.extend(byte);
            let text = String::from_utf8_lossy(&response);
            if let Some((header, body)) = text.split_once("\r\n\r\n")
                && body.ends_with('\n')
            {
                assert!(header.starts_with("HTTP/1.1 200 OK"), "{header}");
                return body.to_owned();
            }
        }
    }

    /// Waits until the server has closed it.
    fn is_closed(&mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("it is closed");
        assert!(rest.is_empty());
    }
}

#[test]
fn the_example_two_cores_serves_on_both_and_ends_both() {
    in_time(|| {
        let (mut server, addr) = start();
        let mut clients = [0, 1, 2, 3].map(|_| Client::connect(&addr));
        for round in 0..3 {
            for (number, client) in clients.iter_mut().enumerate() {
                // In turn: each loop has as many open connections as the other.
                let (index, request) = (number % 2, 2 * round + number / 2 + 1);
                let expected = format!("hello from loop {index}, request {request}\n");
                assert_eq!(client.get(), expected);
            }
        }
        server.signal("-INT");
        clients.iter_mut().for_each(Client::is_closed);
        assert_eq!(server.first_line("loop 0 has served "), "6 requests");
        assert_eq!(server.first_line("loop 1 has served "), "6 requests");
        assert_eq!(server.wait().code(), Some(0));
        let refused = TcpStream::connect(&addr).expect_err("it is closed");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_example_two_cores_serves_curl() {
    in_time(|| {
        let (mut server, addr) = start();
        let url = format!("http://{addr}/");
        let curl = Command::new("curl").args(["--silent", &url, &url]).output();
        let Ok(output) = curl else {
            skip(format_args!("curl is not installed"));
            return;
        };
        // Over one connection.
        let text = String::from_utf8_lossy(&output.stdout);
        let expected = "hello from loop 0, request 1\nhello from loop 0, request 2\n";
        assert_eq!(text, expected);
        server.signal("-TERM");
        assert_eq!(server.wait().code(), Some(0));
    });
}

#[test]
fn the_example_two_cores_says_how_it_is_used() {
    in_time(|| {
        let mut server = Example::start("two_cores", &[]);
        assert_eq!(server.wait().code(), Some(2));
    });
}
