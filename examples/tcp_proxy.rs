//! A TCP proxy: what a client sends goes to another server, and its response comes back.
//!
//! ```text
//! cargo run --example tcp_proxy -- 127.0.0.1:7008 example.com:80
//! curl -H 'Host: example.com' http://127.0.0.1:7008/       # in another terminal
//! ```
//!
//! When one side has sent all, only that direction is closed: the other one goes on.

use std::env;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;

use quintet::io::copy_bidirectional;
use quintet::net::{TcpListener, TcpStream};
use quintet::time::{Duration, sleep};

#[quintet::main]
async fn main() -> io::Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [from, to] = &args[..] else {
        eprintln!("usage: tcp_proxy LISTEN-HOST:PORT TARGET-HOST:PORT");
        return Ok(ExitCode::from(2));
    };
    let target: Rc<str> = Rc::from(to.as_str());
    let listener = TcpListener::bind(from).await?;
    println!("{} to {target}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((client, peer)) => {
                let target = Rc::clone(&target);
                quintet::spawn(async move {
                    match forward(client, &target).await {
                        Ok((sent, received)) => {
                            println!("{peer}: {sent} bytes sent, {received} bytes received");
                        }
                        Err(error) => eprintln!("{peer}: {error}"),
                    }
                });
            }
            // The client has gone, or the process has no free file descriptor: try again later.
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Copies in both directions until both have ended. Returns how many bytes went each way.
async fn forward(mut client: TcpStream, target: &str) -> io::Result<(u64, u64)> {
    let mut server = TcpStream::connect(target).await?;
    for stream in [&client, &server] {
        // What arrives is passed on at once, also if it is little.
        stream.set_nodelay(true)?;
    }
    copy_bidirectional(&mut client, &mut server).await
}
