//! Abstract names, which only Linux has.

use std::io::ErrorKind;
use std::process;

use quintet::net::unix::SocketAddr;
use quintet::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};

use super::block_on;

/// A name that no other test has.
fn name(test: &str) -> String {
    format!("quintet-{}-{test}", process::id())
}

#[test]
fn a_path_that_begins_with_nul_is_an_abstract_name() {
    block_on(async {
        let name = name("path");
        let path = format!("\0{name}");
        let listener = UnixListener::bind(&path).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(addr.as_abstract_name(), Some(name.as_bytes()));
        assert_eq!(addr.as_pathname(), None);
        assert!(!addr.is_unnamed());
        let client = UnixStream::connect(&path).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.write_all(b"x").await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 1);
        let peer = client.peer_addr().unwrap();
        assert_eq!(peer.as_abstract_name(), Some(name.as_bytes()));

        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let text = format!("cannot listen on @{name}: ");
        assert!(error.to_string().starts_with(&text), "{error}");
        // The name is free when the listener is closed.
        drop(listener);
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        drop(UnixListener::bind(&path).unwrap());
    });
}

#[test]
fn names_may_have_any_bytes() {
    block_on(async {
        let mut bytes = name("bytes").into_bytes();
        bytes.extend([0, 255, b'/']);
        let addr = SocketAddr::from_abstract_name(&bytes).unwrap();
        let receiver = UnixDatagram::bind_addr(&addr).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to_addr(b"abc", &addr).await.unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 3);
        sender.connect_addr(&addr).unwrap();
        sender.send(b"abcd").await.unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 4);
        let error = SocketAddr::from_abstract_name([b'x'; 108]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn the_address_of_a_bound_client_is_accepted_with_it() {
    block_on(async {
        let name = name("client");
        let listener = UnixListener::bind(format!("\0{name}")).unwrap();
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(format!("\0{name}-too")).unwrap();
        let _client = socket.connect(format!("\0{name}")).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        let expected = format!("{name}-too");
        assert_eq!(peer.as_abstract_name(), Some(expected.as_bytes()));
    });
}
