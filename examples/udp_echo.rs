//! A UDP echo server: each datagram goes back to its sender.
//!
//! ```text
//! cargo run --example udp_echo
//! nc -u 127.0.0.1 7007        # in another terminal; what you type comes back
//! ```
//!
//! Another port: `cargo run --example udp_echo -- 127.0.0.1:9000`.

use std::env;
use std::io;

use quintet::net::UdpSocket;

#[quintet::main]
async fn main() -> io::Result<()> {
    let addr = env::args().nth(1).unwrap_or("127.0.0.1:7007".to_owned());
    let socket = UdpSocket::bind(&addr).await?;
    println!("receiving on {}", socket.local_addr()?);
    // As large as a datagram can be, so none is cut.
    let mut buf = vec![0; 65_536];
    loop {
        let (n, peer) = socket.recv_from(&mut buf).await?;
        // A sender that cannot be reached does not stop the server.
        if let Err(error) = socket.send_to(&buf[..n], peer).await {
            eprintln!("{peer}: {error}");
        }
    }
}
