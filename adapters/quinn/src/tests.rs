//! A client and a server, on one loop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use quinn::{ClientConfig, ConnectionError, Endpoint, ServerConfig, TransportConfig};
use quintet::net::UdpSocket;
use quintet::task::{CancellationToken, JoinHandle, JoinSet};
use quintet::{select, spawn, time};

use super::*;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server with a certificate of its own, and a client that trusts it.
fn endpoints(transport: impl Fn(&mut TransportConfig)) -> (Endpoint, Endpoint) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = certified.cert.into();
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let mut config = TransportConfig::default();
    transport(&mut config);
    let config = Arc::new(config);

    let chain = vec![certificate.clone()];
    let mut of_server = ServerConfig::with_single_cert(chain, key.into()).unwrap();
    of_server.transport_config(Arc::clone(&config));
    let server = server(of_server, ANY_PORT).unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let mut of_client = ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
    of_client.transport_config(config);
    let mut client = client(ANY_PORT).unwrap();
    client.set_default_client_config(of_client);
    (server, client)
}

/// Sends back what comes on each stream of each connection.
async fn echo(server: Endpoint) {
    let mut tasks = JoinSet::new();
    while let Some(incoming) = server.accept().await {
        tasks.spawn(async move {
            let connection = incoming.await.unwrap();
            let mut streams = JoinSet::new();
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                streams.spawn(async move {
                    let text = receive.read_to_end(1 << 20).await.unwrap();
                    send.write_all(&text).await.unwrap();
                    send.finish().unwrap();
                    let _acknowledged = send.stopped().await;
                });
            }
            streams.join_all().await;
        });
    }
    tasks.join_all().await;
}

#[quintet::test(leaks = "deny")]
async fn streams_of_one_connection_are_served_at_once() {
    let (server, client) = endpoints(|_| ());
    let addr = server.local_addr().unwrap();
    let serving = spawn(echo(server.clone()));
    let connection = client.connect(addr, "localhost").unwrap().await.unwrap();
    let mut streams = JoinSet::new();
    for n in 0..50_u32 {
        let connection = connection.clone();
        streams.spawn(async move {
            let sent: Vec<u8> = (0..100_000).map(|at| ((at * 7 + n) % 251) as u8).collect();
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            let write = async {
                send.write_all(&sent).await.unwrap();
                send.finish().unwrap();
            };
            let (received, ()) = quintet::join!(receive.read_to_end(1 << 20), write);
            assert!(received.unwrap() == sent);
        });
    }
    streams.join_all().await;
    connection.close(0_u32.into(), b"done");
    server.close(0_u32.into(), b"done");
    client.wait_idle().await;
    server.wait_idle().await;
    serving.await.unwrap();
    drop((client, server, connection));
    // quinn's own tasks end when they see that.
    quintet::task::yield_now().await;
}

#[quintet::test]
async fn the_clock_of_quinn_is_that_of_the_runtime() {
    let limit = Duration::from_secs(300);
    let (server, client) = endpoints(|config| {
        config.max_idle_timeout(Some(limit.try_into().unwrap()));
    });
    let addr = server.local_addr().unwrap();
    let accepting = spawn(async move { server.accept().await.unwrap().await.unwrap() });
    let connection = client.connect(addr, "localhost").unwrap().await.unwrap();
    let _accepted = accepting.await.unwrap();
    time::pause();
    let begun = time::Instant::now();
    assert_eq!(connection.closed().await, ConnectionError::TimedOut);
    assert!(begun.elapsed() >= limit);
}

/// Passes datagrams on between a client and `server`, up to so many of the client's, or until
/// `stop`: then all is silent, as if the client's machine had gone.
async fn relay(
    server: SocketAddr,
    max: usize,
    stop: CancellationToken,
) -> (SocketAddr, JoinHandle<()>) {
    let to_client = UdpSocket::bind(ANY_PORT).await.unwrap();
    let to_server = UdpSocket::bind(ANY_PORT).await.unwrap();
    to_server.connect(server).await.unwrap();
    let addr = to_client.local_addr().unwrap();
    let relay = spawn(async move {
        let mut client = None;
        let mut passed = 0;
        let (mut a, mut b) = ([0; 65536], [0; 65536]);
        while passed < max {
            select! {
                received = to_client.recv_from(&mut a) => {
                    let (n, from) = received.unwrap();
                    client = Some(from);
                    passed += 1;
                    to_server.send(&a[..n]).await.unwrap();
                }
                received = to_server.recv(&mut b) => {
                    let n = received.unwrap();
                    to_client.send_to(&b[..n], client.unwrap()).await.unwrap();
                }
                () = stop.cancelled() => break,
            }
        }
    });
    (addr, relay)
}

/// Asserts that a client gets an echo.
async fn assert_echoes(server: &Endpoint, client: &Endpoint) {
    let serving = spawn(echo(server.clone()));
    let addr = server.local_addr().unwrap();
    let connection = client.connect(addr, "localhost").unwrap().await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"there").await.unwrap();
    send.finish().unwrap();
    assert_eq!(receive.read_to_end(100).await.unwrap(), b"there");
    connection.close(0_u32.into(), b"done");
    serving.abort();
}

#[quintet::test]
async fn a_client_that_dies_in_the_handshake_is_given_up() {
    let (server, client) = endpoints(|_| ());
    let addr = server.local_addr().unwrap();
    let (relayed, relay) = relay(addr, 1, CancellationToken::new()).await;
    let dying = client.connect(relayed, "localhost").unwrap();
    relay.await.unwrap();
    let incoming = server.accept().await.unwrap();
    drop(dying);
    time::pause();
    assert_eq!(incoming.await.unwrap_err(), ConnectionError::TimedOut);
    time::resume();
    assert_echoes(&server, &client).await;
}

#[quintet::test]
async fn a_client_that_dies_in_a_stream_is_given_up() {
    let (server, client) = endpoints(|_| ());
    let addr = server.local_addr().unwrap();
    let stop = CancellationToken::new();
    let (relayed, relay) = relay(addr, usize::MAX, stop.clone()).await;
    let dying = spawn(async move { client.connect(relayed, "localhost").unwrap().await });
    let accepted = server.accept().await.unwrap().await.unwrap();
    let dying = dying.await.unwrap().unwrap();
    let (mut send, _receive) = dying.open_bi().await.unwrap();
    send.write_all(b"half").await.unwrap();
    let (_send, mut receive) = accepted.accept_bi().await.unwrap();
    let mut half = [0; 100];
    assert_eq!(receive.read(&mut half).await.unwrap(), Some(4));
    stop.cancel();
    relay.await.unwrap();
    time::pause();
    let lost = receive.read(&mut half).await.unwrap_err();
    assert_eq!(lost, ConnectionError::TimedOut.into());
    time::resume();
    assert_eq!(server.open_connections(), 0);
}

/// What is no QUIC, and what looks like its beginning.
#[quintet::test]
async fn datagrams_that_mean_nothing_are_dropped() {
    let (server, client) = endpoints(|_| ());
    let addr = server.local_addr().unwrap();
    let noise = UdpSocket::bind(ANY_PORT).await.unwrap();
    for datagram in [
        vec![],
        vec![0; 1200],
        vec![0xff; 1200],
        vec![0xc3; 1],
        vec![0xc0; 65_000],
    ] {
        noise.send_to(&datagram, addr).await.unwrap();
    }
    assert_echoes(&server, &client).await;
}

#[test]
fn types_can_be_shared() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<QuintetRuntime>();
    is_shared::<Socket>();
    is_shared::<Endpoint>();
}
