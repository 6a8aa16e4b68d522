//! Many clients, slow ones, and some that vanish.

use std::io::ErrorKind;
use std::process::Command;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::client::Client;
use super::site::{CHUNK, SMALL, Server, Site, binary, pattern};

/// Asks for a gibibyte and reads a little of it.
fn begin_big(server: &Server) -> Client {
    let mut client = server.connect();
    client.send("GET", "/big", &[]);
    assert_eq!(client.head().status, 200);
    client.bytes(1000);
    client
}

/// Makes the OS reset the connection, as if the client's machine had gone.
fn vanish(client: &Client) {
    let socket = SockRef::from(client.socket());
    socket.set_linger(Some(Duration::ZERO)).expect("an option");
}

/// Waits until the server has no other connections left, by its own count.
fn wait_until_gone(server: &Server) {
    let mut live = server.connect();
    live.send("GET", "/live", &[]);
    live.head();
    while !String::from_utf8_lossy(&live.chunk()).contains("\"connections\": 1,") {}
}

#[test]
fn sixty_four_clients_at_once() {
    let site = Site::new();
    let files = [10, 5000, CHUNK + 1, 3 * CHUNK].map(pattern);
    for (i, contents) in files.iter().enumerate() {
        site.write(&i.to_string(), contents);
    }
    let server = site.serve_with(&["--quiet"]);
    thread::scope(|scope| {
        for client in 0..64 {
            let (addr, files) = (server.addr, &files);
            scope.spawn(move || {
                let mut connection = Client::connect(addr);
                for request in 0..4 {
                    let i = (client + request) % files.len();
                    connection.send("GET", &format!("/{i}"), &[]);
                    assert!(connection.response().body == files[i], "file {i}");
                }
            });
        }
    });
}

#[test]
fn a_large_file_delays_no_client_and_takes_no_memory() {
    let site = Site::new();
    site.write_big();
    let server = site.serve();

    // More than there are workers.
    let mut slow: Vec<_> = (0..8).map(|_| begin_big(&server)).collect();
    for _ in 0..20 {
        server.assert_serves();
        for client in &mut slow {
            assert!(client.bytes(10_000).iter().all(|byte| *byte == 0));
        }
    }
    let kib = server.peak_memory();
    assert!(kib < 64 * 1024, "{kib} KiB");
}

#[test]
fn hashing_delays_no_client_and_stops_with_its_connection() {
    let site = Site::new();
    site.write_big();
    let server = site.serve();

    let hashing: Vec<_> = (0..6)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET", "/hash/big", &[]);
            client
        })
        .collect();
    for _ in 0..5 {
        server.assert_serves();
    }
    for client in &hashing {
        let socket = client.socket();
        socket.set_nonblocking(true).expect("an option");
        let peeked = socket.peek(&mut [0]);
        assert_eq!(
            peeked.map_err(|error| error.kind()),
            Err(ErrorKind::WouldBlock)
        );
    }
    hashing.iter().for_each(vanish);
    drop(hashing);
    for _ in 0..6 {
        let line = server.wait_for_line("/hash/big");
        assert!(line.starts_with("GET /hash/big gone 0 "), "{line}");
    }
}

#[test]
fn a_silent_client_is_disconnected_and_delays_no_other() {
    let site = Site::new();
    site.write_big();
    let server = site.serve_with(&["--patience", "0.5"]);

    let silent = server.connect();
    let mut half = server.connect();
    half.send_raw(b"GET /small.txt HTTP/1.1\r\nHost: te");
    let mut idle = server.connect();
    idle.send("GET", "/small.txt", &[]);
    assert_eq!(idle.response().body, SMALL);
    // One that does not read has more time; see the tests of `patient.rs`.
    let mut deaf = begin_big(&server);
    server.assert_serves();

    for mut client in [silent, half, idle] {
        assert_eq!(client.rest(), b"");
    }
    assert_eq!(deaf.bytes(CHUNK), vec![0; CHUNK]);
    server.assert_serves();
}

/// What is not sent yet is few bytes, so that a slow client takes some of it all the time: when one
/// reads 100 KiB there is room for a write, not only when it has read a megabyte.
#[test]
#[cfg(target_os = "linux")]
fn little_waits_to_be_sent() {
    let site = Site::new();
    site.write_big();
    let server = site.serve();
    let mut slow: Vec<_> = (0..3).map(|_| begin_big(&server)).collect();
    for client in &mut slow {
        client.bytes(1000);
    }
    server.assert_serves();
    let ends: Vec<_> = slow
        .iter()
        .map(|client| {
            let own = client.socket().local_addr().expect("an address");
            format!(":{:04X}", own.port())
        })
        .collect();
    // What the server's ends have not sent, or not got acknowledged. Beside the limit for what is
    // not sent there is what was sent but does not fit into the client's buffer.
    let unsent = |port: &String| {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
        let queue = table.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (queue, _) = fields[4].split_once(':')?;
            fields[2].ends_with(port).then(|| queue.to_owned())
        });
        u64::from_str_radix(&queue.expect("it is connected"), 16).expect("a number")
    };
    for port in &ends {
        let bytes = unsent(port);
        assert!(bytes < 512 * 1024, "{bytes} bytes");
    }
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() {
    let site = Site::new();
    site.write_big();
    let server = site.serve();

    for _ in 0..10 {
        let client = begin_big(&server);
        vanish(&client);
        drop(client);

        let mut client = server.connect();
        client.send_raw(b"GET /sma");
        vanish(&client);
    }
    for _ in 0..10 {
        server.wait_for_line("GET /big 200");
    }
    wait_until_gone(&server);
    server.assert_serves();
}

#[test]
fn a_client_that_connects_to_a_full_server_waits() {
    let site = Site::new();
    let server = site.serve_with(&["--connections", "3"]);
    let connect = |_| {
        let mut client = server.connect();
        client.send("GET", "/small.txt", &[]);
        assert_eq!(client.response().body, SMALL);
        client
    };
    let mut inside: Vec<_> = (0..3).map(connect).collect();

    let mut waiting: Vec<_> = (0..3)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET", "/small.txt", &[]);
            client
        })
        .collect();
    for client in &mut inside {
        client.send("GET", "/small.txt", &[]);
        assert_eq!(client.response().body, SMALL);
    }
    for client in &waiting {
        let socket = client.socket();
        socket.set_nonblocking(true).expect("an option");
        let peeked = socket.peek(&mut [0]);
        assert_eq!(
            peeked.map_err(|error| error.kind()),
            Err(ErrorKind::WouldBlock)
        );
        socket.set_nonblocking(false).expect("an option");
    }

    drop(inside);
    for client in &mut waiting {
        assert_eq!(client.response().body, SMALL);
    }
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let site = Site::new();
    let mut command = Command::new("sh");
    let script = "ulimit -n 24; exec \"$0\" --port 0 --dir \"$1\"";
    command.args(["-c", script]).arg(binary()).arg(site.root());
    let server = Server::start(command);

    // Accepted or not, the OS lets them connect.
    let crowd: Vec<_> = (0..40).map(|_| server.connect()).collect();
    server.wait_for_error("cannot accept");
    drop(crowd);
    wait_until_gone(&server);
    for _ in 0..10 {
        server.assert_serves();
    }
}
