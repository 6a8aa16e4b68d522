//! HTTPS by rustls; see the README.

mod listener;

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use futures_rustls::rustls::ServerConfig;
use futures_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use quintet::net::TcpListener;

use listener::TlsListener;

#[quintet::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let addr = args.next().unwrap_or("127.0.0.1:8443".to_owned());
    let pem = args.next().unwrap_or("https-cert.pem".to_owned());

    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    quintet::fs::write(&pem, certified.cert.pem()).await?;
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.into()], key.into())?;
    // A client without ALPN speaks HTTP/1.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let router = Router::new().route("/", get(hello));
    let listener = TcpListener::bind(&addr).await?;
    println!("serving on https://{}", listener.local_addr()?);
    quintet_axum::serve(TlsListener::new(listener, Arc::new(config)), router)
        .on_error(|error| eprintln!("{error}"))
        .until(quintet::shutdown()?)
        .await?;
    Ok(())
}

async fn hello(request: Request) -> String {
    format!("hello by {:?}\n", request.version())
}
