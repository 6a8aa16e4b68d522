//! A service that inherits its socket. The argument says which kind of socket it expects first.
//!
//! It writes one line about each step. To a client it sends its process id.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::io;
use std::process;

use quintet::net::{TcpStream, UnixStream};
use quintet::systemd::{self, ListenFds};
use rustix::io::{FdFlags, fcntl_getfd};

fn main() -> io::Result<()> {
    let kind = env::args().nth(1).unwrap_or_default();
    let mut inherited = ListenFds::from_env();
    println!("inherited {}", inherited.len());
    println!("inherited again {}", ListenFds::from_env().len());
    quintet::block_on(async {
        match kind.as_str() {
            "tcp" => serve_tcp(&mut inherited).await,
            "unix" => serve_unix(&mut inherited).await,
            "udp" => reply_to_udp(&mut inherited).await,
            "datagram" => print_datagram(&mut inherited).await,
            "none" => Ok(()),
            other => Err(io::Error::other(format!("no kind of socket: {other:?}"))),
        }
    })
}

async fn serve_tcp(inherited: &mut ListenFds) -> io::Result<()> {
    let Some(listener) = inherited.take_tcp_listener(0)? else {
        println!("no listener");
        return Ok(());
    };
    assert!(inherited.take_tcp_listener(0)?.is_none(), "it was taken");
    assert!(fcntl_getfd(&listener)?.contains(FdFlags::CLOEXEC));
    let shutdown = quintet::shutdown()?;
    println!("notified {}", systemd::notify("READY=1").await?);
    quintet::serve(listener, async |stream: TcpStream, _peer| {
        stream.write_all(process::id().to_string().as_bytes()).await
    })
    .until(shutdown)
    .await?;
    println!("notified {}", systemd::notify("STOPPING=1").await?);
    Ok(())
}

async fn serve_unix(inherited: &mut ListenFds) -> io::Result<()> {
    let Some(listener) = inherited.take_unix_listener(0)? else {
        println!("no listener");
        return Ok(());
    };
    let shutdown = quintet::shutdown()?;
    println!("serving");
    quintet::serve(listener, async |stream: UnixStream, _peer| {
        stream.write_all(process::id().to_string().as_bytes()).await
    })
    .until(shutdown)
    .await?;
    Ok(())
}

/// Replies to one datagram. First it asks for other kinds of socket, which are not there.
async fn reply_to_udp(inherited: &mut ListenFds) -> io::Result<()> {
    println!("{}", inherited.take_tcp_listener(0).unwrap_err());
    println!("{}", inherited.take_unix_listener(0).unwrap_err());
    println!("{}", inherited.take_unix_datagram(0).unwrap_err());
    assert!(inherited.take_udp_socket(1)?.is_none(), "there is one only");
    let socket = inherited.take_udp_socket(0)?.expect("it is still there");
    let mut buf = [0; 16];
    let (_length, client) = socket.recv_from(&mut buf).await?;
    let reply = process::id().to_string();
    socket.send_to(reply.as_bytes(), client).await?;
    Ok(())
}

/// Writes what the first datagram contains.
async fn print_datagram(inherited: &mut ListenFds) -> io::Result<()> {
    println!("{}", inherited.take_udp_socket(0).unwrap_err());
    let socket = inherited.take_unix_datagram(0)?.expect("it is still there");
    let mut buf = [0; 16];
    let length = socket.recv(&mut buf).await?;
    println!("received {}", String::from_utf8_lossy(&buf[..length]));
    Ok(())
}
