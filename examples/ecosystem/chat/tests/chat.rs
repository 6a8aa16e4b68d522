//! The program, as a child, with clients of the same crate on quintet's sockets.

use std::process::Command;

use async_tungstenite::WebSocketStream;
use async_tungstenite::client_async;
use async_tungstenite::tungstenite::{Message, error::Error};
use ecosystem_support::{PATIENCE, Program, http};
use futures::StreamExt;
use quintet::net::TcpStream;
use quintet::time::timeout;

type Client = WebSocketStream<TcpStream>;

async fn client(addr: &str) -> Client {
    let stream = TcpStream::connect(addr).await.expect("it listens");
    let (client, _) = client_async(format!("ws://{addr}/socket"), stream)
        .await
        .expect("a handshake");
    client
}

async fn says(client: &mut Client, text: &str) {
    client.send(Message::text(text)).await.expect("it is sent");
}

/// The next text, without pings.
async fn hears(client: &mut Client) -> String {
    loop {
        let message = timeout(PATIENCE, client.next()).await.expect("in time");
        if let Message::Text(text) = message.expect("a message").expect("no error") {
            return text.to_string();
        }
    }
}

fn started() -> (Program, String) {
    let mut server = Program::start(Command::new(env!("CARGO_BIN_EXE_chat")).arg("127.0.0.1:0"));
    let addr = server.line_after("http://");
    (server, addr)
}

#[quintet::test]
async fn what_one_says_all_hear() {
    let (server, addr) = started();
    let (mut a, mut b) = (client(&addr).await, client(&addr).await);
    says(&mut a, "hello").await;
    assert_eq!(hears(&mut a).await, "hello");
    assert_eq!(hears(&mut b).await, "hello");
    // One that goes without a word.
    drop(a);
    says(&mut b, "still there").await;
    assert_eq!(hears(&mut b).await, "still there");
    // At the end the room closes what is open.
    let ended = quintet::spawn_blocking(move || server.end());
    let closed = timeout(PATIENCE, b.next()).await.expect("in time");
    assert!(matches!(closed, Some(Ok(Message::Close(_)))), "{closed:?}");
    while b.next().await.is_some_and(|message| message.is_ok()) {}
    let (code, text) = ended.await.expect("it ends");
    assert_eq!((code, &*text), (0, "ended, all closed: true\n"));
}

#[quintet::test]
async fn a_message_that_is_too_long_ends_its_connection_alone() {
    let (_server, addr) = started();
    let (mut long, mut other) = (client(&addr).await, client(&addr).await);
    says(&mut long, &"x".repeat(100_000)).await;
    loop {
        match timeout(PATIENCE, long.next()).await.expect("in time") {
            None | Some(Ok(Message::Close(_)) | Err(_)) => break,
            Some(Ok(_)) => {}
        }
    }
    says(&mut other, "fine").await;
    assert_eq!(hears(&mut other).await, "fine");
}

#[quintet::test]
async fn what_is_no_handshake_is_refused() {
    let (_server, addr) = started();
    let (head, _) = http(&addr, "GET /socket", "");
    assert!(head.starts_with("HTTP/1.1 426"), "{head}");
    let (_, page) = http(&addr, "GET /", "");
    assert!(page.contains("new WebSocket"), "{page}");
    // The path is that of the page.
    let stream = TcpStream::connect(&addr).await.expect("it listens");
    let refused = client_async(format!("ws://{addr}/"), stream).await;
    assert!(matches!(refused, Err(Error::Http(_))));
}
