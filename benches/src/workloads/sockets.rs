//! An echo over sockets other than TCP's, with server and client on one loop.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixStream;

use super::Amount;
use super::tasks::timed;
use crate::measure::Sample;
use crate::runtimes::Sockets;

/// The sockets of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    UnixStream,
}

/// The size of a message in bytes.
const MESSAGE: usize = 64;
/// The size of a buffer. It is larger than a message, so that a short read of a stream shows that
/// the socket is empty.
const BUFFER: usize = 2 * MESSAGE;

/// One operation is a message that a task sends to another, and its way back.
pub(crate) fn echo<R: Sockets>(transport: Transport, amount: Amount) -> Sample {
    match transport {
        Transport::Udp => timed::<R, _>(amount, over_udp::<R>),
        Transport::UnixStream => timed::<R, _>(amount, over_unix_stream::<R>),
    }
}

/// The server's socket is not connected and replies to the sender; the client's is connected.
async fn over_udp<R: Sockets>(count: u64) {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let addr = server.local_addr().expect("it is bound");
    client.connect(addr).expect("the address is local");
    let server = R::udp(server).expect("the socket can be registered");
    let client = R::udp(client).expect("the socket can be registered");
    let server = R::spawn(async move {
        let mut buffer = [0; BUFFER];
        loop {
            let received = R::recv_from(&server, &mut buffer).await;
            let (bytes, peer) = received.expect("the client is bound");
            if bytes == 0 {
                return;
            }
            let sent = R::send_to(&server, &buffer[..bytes], peer).await;
            assert_eq!(sent.expect("the client is bound"), bytes);
        }
    });
    let mut buffer = [0; BUFFER];
    for _ in 0..count {
        let sent = R::send(&client, &[7; MESSAGE]).await;
        assert_eq!(sent.expect("the server is bound"), MESSAGE);
        let received = R::recv(&client, &mut buffer).await;
        assert_eq!(received.expect("the server is bound"), MESSAGE);
    }
    // An empty datagram ends the server.
    R::send(&client, &[]).await.expect("the server is bound");
    server.await;
}

async fn over_unix_stream<R: Sockets>(count: u64) {
    let (server, client) = UnixStream::pair().expect("sockets can be made");
    let mut server = R::unix_stream(server).expect("the socket can be registered");
    let mut client = R::unix_stream(client).expect("the socket can be registered");
    let server = R::spawn(async move {
        let mut buffer = [0; BUFFER];
        loop {
            let read = R::read(&mut server, &mut buffer).await;
            match read.expect("the client is open") {
                0 => return,
                bytes => R::write_all(&mut server, &buffer[..bytes])
                    .await
                    .expect("the client reads"),
            }
        }
    });
    let mut buffer = [0; BUFFER];
    for _ in 0..count {
        let written = R::write_all(&mut client, &[7; MESSAGE]).await;
        written.expect("the server reads");
        let mut left = MESSAGE;
        while left > 0 {
            let read = R::read(&mut client, &mut buffer).await;
            let bytes = read.expect("the server is open");
            assert_ne!(bytes, 0, "the server replies");
            left -= bytes;
        }
    }
    drop(client);
    server.await;
}

#[cfg(test)]
mod tests {
    use super::{Amount, Transport, echo};
    use crate::runtimes::Quintet;

    #[test]
    fn each_transport_echoes_and_ends() {
        for transport in [Transport::Udp, Transport::UnixStream] {
            let amount = Amount {
                operations: 40,
                live: None,
                warm_up: true,
            };

            let sample = echo::<Quintet>(transport, amount);

            assert_eq!(sample.operations, 40, "{transport:?}");
        }
    }
}
