//! A TCP echo server: one task per connection, all on one thread.
//!
//! ```text
//! cargo run --example echo_server
//! nc 127.0.0.1 7007        # in another terminal; what you type comes back
//! ```
//!
//! Another port: `cargo run --example echo_server -- 127.0.0.1:9000`.

use std::env;
use std::io;

use quintet::net::{TcpListener, TcpStream};

#[quintet::main]
async fn main() -> io::Result<()> {
    let addr = env::args().nth(1).unwrap_or("127.0.0.1:7007".to_owned());
    let listener = TcpListener::bind(&addr).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                quintet::spawn(async move {
                    if let Err(error) = echo(stream).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            // The client has gone, or the process has no free file descriptor: try again later.
            Err(error) => {
                eprintln!("accept: {error}");
                quintet::time::sleep(quintet::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buf = vec![0; 16 * 1024];
    loop {
        let n = stream.read(&mut buf).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buf[..n]).await?;
    }
}
