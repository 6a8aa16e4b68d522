//! Standard input, output and error. The process has sockets in their places, which all platforms
//! read and write without another thread.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;

use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use quintet::io::{stderr, stdin};

use super::check;
use crate::support::child::{child, in_a_child, is_child};

/// Lets a test run in a process whose standard input contains `input`.
fn process(test: &str, input: &[u8]) -> Command {
    let mut process = child(test);
    // The process itself is called only for what it runs.
    if !is_child() {
        let (mut feed, input_end) = UnixStream::pair().unwrap();
        feed.write_all(input).unwrap();
        // A Unix stream would have room for a few hundred small writes only.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error_end = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut reader, _) = listener.accept().unwrap();
        std::thread::spawn(move || reader.read_to_end(&mut Vec::new()));
        process.stdin(OwnedFd::from(input_end));
        process.stderr(OwnedFd::from(error_end));
    }
    process
}

#[test]
fn reads_of_standard_input() {
    let name = "charged::standard_streams::reads_of_standard_input";
    // More than all rows read.
    let input = "x\n".repeat(8192);
    in_a_child(process(name, input.as_bytes()), || {
        check(async |table| {
            let mut lines = stdin().lines();
            table
                .row("next_line", async || lines.next_line().await.unwrap())
                .await;
            table
                .row("a new handle", async || {
                    stdin().read_line(&mut String::new()).await.unwrap()
                })
                .await;
            let mut stdin = stdin();
            table
                .row("read", async || stdin.read(&mut [0]).await.unwrap())
                .await;
            table
                .row("read of nothing", async || {
                    stdin.read(&mut []).await.unwrap()
                })
                .await;
            table
                .row("read by the trait", async || {
                    AsyncReadExt::read(&mut stdin, &mut [0]).await.unwrap()
                })
                .await;
            table
                .row("fill_buf", async || {
                    stdin.fill_buf().await.unwrap();
                })
                .await;
            table
                .row("fill_buf and consume", async || {
                    stdin.fill_buf().await.unwrap();
                    stdin.consume_unpin(1);
                })
                .await;
            stdin.read_to_end(&mut Vec::new()).await.unwrap();
            table
                .row("the end", async || stdin.read(&mut [0]).await.unwrap())
                .await;
        });
    });
}

#[test]
fn writes_to_standard_error() {
    let name = "charged::standard_streams::writes_to_standard_error";
    in_a_child(process(name, b""), || {
        check(async |table| {
            let mut stderr = stderr();
            table
                .row("write", async || stderr.write(b"x").await.unwrap())
                .await;
            table
                .row("write_all", async || stderr.write_all(b"x").await.unwrap())
                .await;
            table
                .row("write of nothing", async || {
                    stderr.write(b"").await.unwrap()
                })
                .await;
            table
                .row("write by the trait", async || {
                    AsyncWriteExt::write(&mut stderr, b"x").await.unwrap()
                })
                .await;
            table
                .row("flush", async || stderr.flush().await.unwrap())
                .await;
            table
                .row("close", async || stderr.close().await.unwrap())
                .await;
        });
    });
}
