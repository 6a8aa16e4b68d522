//! Connections.

use quintet::net::{TcpListener, TcpStream};
use quintet::spawn;

/// Two ends of a TCP connection on the loopback.
pub(crate) async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let connecting = spawn(async move { TcpStream::connect(address).await });
    let (server, _) = listener.accept().await.expect("the client connects");
    let client = connecting.await.expect("no panic");
    (client.expect("the listener is bound"), server)
}
