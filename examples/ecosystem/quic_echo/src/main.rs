//! An echo over QUIC; see the README.

use std::env;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quinn::rustls::RootCertStore;
use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use quinn::{ClientConfig, Connection, Incoming, ServerConfig};
use quintet::task::TaskTracker;
use quintet::{fs, select};

/// The longest text that is sent back.
const TEXT_MAX: usize = 64 * 1024;

type Outcome = Result<(), Box<dyn Error>>;

#[quintet::main]
async fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["server", addr, cert] => serve(addr.parse()?, cert).await,
        ["client", addr, cert, ref texts @ ..] => ask(addr.parse()?, cert, texts).await,
        _ => Err("usage: quic_echo server ADDR CERT | client ADDR CERT TEXT...".into()),
    }
}

async fn serve(addr: SocketAddr, cert: &str) -> Outcome {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let chain = vec![CertificateDer::from(certified.cert)];
    fs::write(cert, chain[0].as_ref()).await?;
    let config = ServerConfig::with_single_cert(chain, key.into())?;
    let endpoint = quintet_quinn::server(config, addr)?;
    println!("echoing on {}", endpoint.local_addr()?);

    let connections = TaskTracker::new();
    let mut shutdown = quintet::shutdown()?;
    loop {
        let incoming = select! {
            incoming = endpoint.accept() => incoming,
            _ = &mut shutdown => break,
        };
        let Some(incoming) = incoming else { break };
        drop(connections.spawn(async move {
            if let Err(error) = echo(incoming).await {
                eprintln!("{error}");
            }
        }));
    }
    endpoint.close(0_u32.into(), b"the server ends");
    connections.close();
    connections.wait().await;
    endpoint.wait_idle().await;
    println!("ended");
    Ok(())
}

/// Sends back what comes on each stream of a connection, until the client closes it.
async fn echo(incoming: Incoming) -> Outcome {
    let connection = incoming.await?;
    let streams = TaskTracker::new();
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        drop(streams.spawn(async move {
            let Ok(text) = receive.read_to_end(TEXT_MAX).await else {
                // It is too long, or the client has gone.
                return;
            };
            if send.write_all(&text).await.is_ok() {
                // Both fail only if the client has gone.
                let _gone = send.finish();
                let _gone = send.stopped().await;
            }
        }));
    }
    streams.close();
    streams.wait().await;
    Ok(())
}

async fn ask(addr: SocketAddr, cert: &str, texts: &[&str]) -> Outcome {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(fs::read(cert).await?))?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let mut endpoint = quintet_quinn::client(any)?;
    endpoint.set_default_client_config(ClientConfig::with_root_certificates(Arc::new(roots))?);
    let connection = endpoint.connect(addr, "localhost")?.await?;
    // All at once, each on a stream of its own.
    let echoes: Vec<_> = texts
        .iter()
        .map(|text| quintet::spawn(echo_of(connection.clone(), (*text).to_owned())))
        .collect();
    for echo in echoes {
        println!("{}", echo.await??);
    }
    connection.close(0_u32.into(), b"done");
    endpoint.wait_idle().await;
    Ok(())
}

async fn echo_of(connection: Connection, text: String) -> io::Result<String> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(text.as_bytes()).await?;
    send.finish()?;
    let echo = receive
        .read_to_end(TEXT_MAX)
        .await
        .map_err(io::Error::other)?;
    String::from_utf8(echo).map_err(io::Error::other)
}
