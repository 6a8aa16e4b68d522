//! The program, as a child, and a client that listens.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;

use ecosystem_support::{PATIENCE, Program, http};

#[test]
fn two_clients_see_the_ticks() {
    let mut server =
        Program::start(Command::new(env!("CARGO_BIN_EXE_events")).args(["127.0.0.1:0", "5"]));
    let addr = server.line_after("http://");
    let (head, page) = http(&addr, "GET /", "");
    assert!(head.contains("text/html"), "{head}");
    assert!(page.contains("EventSource"), "{page}");
    let clients = [(); 2].map(|()| {
        let mut stream = TcpStream::connect(&addr).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
            .write_all(b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n")
            .expect("it reads");
        BufReader::new(stream)
    });
    for client in clients {
        let mut lines = client.lines().map(|line| line.expect("a line"));
        let head: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        assert!(
            head.iter().any(|line| line.contains("text/event-stream")),
            "{head:?}"
        );
        let mut ticks = lines.filter_map(|line| {
            let number = line.strip_prefix("data: tick ")?;
            Some(number.parse::<u64>().expect("a number"))
        });
        let first = ticks.next().expect("a tick");
        assert_eq!(ticks.next(), Some(first + 1));
    }
    assert_eq!(server.end().0, 0);
}
