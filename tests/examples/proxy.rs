//! The example of a TCP proxy, with clients of the standard library and with `curl`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use crate::program::{Example, HANG};
use crate::support::patience::in_time;
use crate::support::skipped::skip;

/// A proxy to `target`, and where it listens.
fn proxy_to(target: SocketAddr) -> (Example, SocketAddr) {
    let target = target.to_string();
    let mut proxy = Example::start("tcp_proxy", &["127.0.0.1:0", &target]);
    let line = proxy.first_line("");
    let addr = line.strip_suffix(&format!(" to {target}"));
    let addr = addr.unwrap_or_else(|| panic!("{line}"));
    (proxy, addr.parse().expect("an address"))
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the proxy listens");
    stream.set_read_timeout(Some(HANG)).expect("a timeout");
    stream
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    (listener, addr)
}

#[test]
fn the_example_tcp_proxy_passes_on_all_and_each_end() {
    in_time(|| {
        let (listener, target) = listener();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the proxy connects");
            let mut request = Vec::new();
            // Up to the end that the client has sent; the response comes only then.
            stream.read_to_end(&mut request).expect("it is passed on");
            request.reverse();
            stream.write_all(&request).expect("it is passed on");
        });
        let (_proxy, addr) = proxy_to(target);
        let request: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut client = connect(addr);
        client.write_all(&request).expect("it is passed on");
        client.shutdown(Shutdown::Write).expect("it is connected");
        let mut response = Vec::new();
        client.read_to_end(&mut response).expect("it is passed on");
        assert!(response.iter().rev().eq(&request));
        server.join().expect("the server has no complaint");
    });
}

#[test]
fn the_example_tcp_proxy_survives_a_target_that_is_not_there() {
    in_time(|| {
        let (listener, target) = listener();
        let (_proxy, addr) = proxy_to(target);
        // Its port stays in use, and nothing listens on it.
        let held = TcpStream::connect(target).expect("it listens");
        let (_dead, no_target) = (listener, held.local_addr().expect("it is bound"));
        let (_other_proxy, to_nothing) = proxy_to(no_target);
        for _ in 0..3 {
            let mut client = connect(to_nothing);
            let mut rest = Vec::new();
            // Closed, or reset.
            if let Ok(n) = client.read_to_end(&mut rest) {
                assert_eq!(n, 0);
            }
        }
        drop(connect(addr));
    });
}

#[test]
fn the_example_tcp_proxy_serves_curl() {
    in_time(|| {
        let (listener, target) = listener();
        let (_proxy, addr) = proxy_to(target);
        let url = format!("http://{addr}/");
        let curl = Command::new("curl")
            .args(["--silent", &url])
            .stdout(Stdio::piped())
            .spawn();
        let Ok(curl) = curl else {
            skip(format_args!("curl is not installed"));
            return;
        };
        let (mut stream, _) = listener.accept().expect("the proxy connects");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            head.extend(byte);
        }
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nproxy\n";
        stream.write_all(response).expect("it is passed on");
        drop(stream);
        let output = curl.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "proxy\n");
    });
}

#[test]
fn the_example_tcp_proxy_says_how_it_is_used() {
    in_time(|| {
        let mut proxy = Example::start("tcp_proxy", &["only one"]);
        assert_eq!(proxy.wait().code(), Some(2));
    });
}
