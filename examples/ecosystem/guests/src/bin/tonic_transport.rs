//! tonic's own `Server`, and its `Channel` with time limits; see the README.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Duration;

use greeter::client::Client;
use greeter::service::Greeter;
use quintet::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};

#[quintet::main(tokio)]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args {
        ["serve", addr] => serve(addr).await,
        ["greet", millis, url, ref names @ ..] => {
            greet(Duration::from_millis(millis.parse()?), url, names).await
        }
        _ => Err("usage: tonic_transport (serve ADDR | greet LIMIT_MS URL NAME...)".into()),
    }
}

async fn serve(addr: &str) -> Result<(), Box<dyn Error>> {
    let incoming = TcpIncoming::bind(addr.parse()?)?;
    println!("greeting on http://{}", incoming.local_addr()?);
    let shutdown = quintet::shutdown()?;
    // The time limit and the pings are of tokio's timers, the sleeps of the service are quintet's.
    Server::builder()
        .timeout(Duration::from_secs(60))
        .http2_keepalive_interval(Some(Duration::from_millis(50)))
        .add_service(Greeter)
        .serve_with_incoming_shutdown(incoming, async {
            shutdown.await;
        })
        .await?;
    println!("ended");
    Ok(())
}

/// Greets all at the same time, with a time limit for each call.
async fn greet(limit: Duration, url: &str, names: &[&str]) -> Result<(), Box<dyn Error>> {
    let channel = Endpoint::from_shared(url.to_owned())?
        .connect_timeout(Duration::from_secs(60))
        .timeout(limit)
        .http2_keep_alive_interval(Duration::from_millis(50))
        .keep_alive_while_idle(true)
        .connect()
        .await?;
    let loop_thread = thread::current().id();
    let client = Client::new(channel);
    let mut calls = JoinSet::new();
    for &name in names {
        let (mut client, name) = (client.clone(), name.to_owned());
        calls.spawn(async move {
            let greeting = client.greet(&name).await;
            assert_eq!(thread::current().id(), loop_thread);
            greeting
        });
    }
    let mut texts = Vec::new();
    while let Some(greeting) = calls.join_next().await {
        texts.push(match greeting? {
            Ok(greeting) => greeting.text,
            Err(status) => status.message().to_owned(),
        });
    }
    texts.sort();
    println!("greetings: {}", texts.join(", "));
    Ok(())
}
