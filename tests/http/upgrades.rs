//! hyper on streams that have only the traits of `futures`, and the other way round.

use std::convert::Infallible;

use futures::{AsyncReadExt, AsyncWriteExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode, client, header, server};
use quintet::hyper::{Io, Timer};
use quintet::io::DuplexStream;
use quintet::{join, spawn};

/// Sends back what comes, until the other side ends.
async fn echo(upgraded: Upgraded) {
    let mut stream = Io::new(upgraded);
    let mut buf = vec![0; 10_000];
    loop {
        let n = stream.read(&mut buf).await.unwrap();
        if n == 0 {
            return stream.close().await.unwrap();
        }
        stream.write_all(&buf[..n]).await.unwrap();
    }
}

async fn upgrade(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    spawn(async move { echo(hyper::upgrade::on(&mut request).await.unwrap()).await });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "echo")
        .body(Empty::new());
    Ok(response.unwrap())
}

/// A client that has upgraded its connection to the echo.
async fn upgraded() -> Upgraded {
    // Such a stream has no traits of hyper's.
    let (near, far): (DuplexStream, DuplexStream) = quintet::io::duplex(512);
    let server = server::conn::http1::Builder::new()
        .timer(Timer::new())
        .serve_connection(Io::new(far), service_fn(upgrade))
        .with_upgrades();
    spawn(async move { server.await.unwrap() });
    let (mut sender, connection) = client::conn::http1::handshake(Io::new(near)).await.unwrap();
    spawn(async move { connection.with_upgrades().await.unwrap() });
    let request = Request::get("/").header(header::UPGRADE, "echo");
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap());
    let response = response.await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    hyper::upgrade::on(response).await.unwrap()
}

fn sample() -> Vec<u8> {
    (0..200_000_u32).map(|n| (n % 251) as u8).collect()
}

#[quintet::test]
async fn an_upgraded_stream_has_the_traits_of_futures() {
    let (mut reader, mut writer) = Io::new(upgraded().await).split();
    let sent = sample();
    let mut received = Vec::new();
    let write = async {
        writer.write_all(&sent).await.unwrap();
        writer.close().await.unwrap();
    };
    let (read, ()) = join!(reader.read_to_end(&mut received), write);
    read.unwrap();
    assert!(received == sent);
}

#[quintet::test]
async fn an_upgraded_stream_has_the_traits_of_tokio() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = Io::new(upgraded().await);
    AsyncWriteExt::write_all(&mut stream, b"hello")
        .await
        .unwrap();
    AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let mut received = String::new();
    AsyncReadExt::read_to_string(&mut stream, &mut received)
        .await
        .unwrap();
    assert_eq!(received, "hello");
    assert_eq!(AsyncReadExt::read(&mut stream, &mut [0]).await.unwrap(), 0);
}

#[quintet::test]
async fn the_stream_within_is_given_back() {
    let mut io = Io::new(vec![1]);
    io.get_mut().push(2);
    assert_eq!(io.get_ref(), &[1, 2]);
    assert_eq!(io.into_inner(), [1, 2]);
}
