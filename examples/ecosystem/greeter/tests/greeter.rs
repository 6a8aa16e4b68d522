//! The server as a child, with clients in this process, and the client as a child.

use std::process::Command;
use std::time::Duration;

use ecosystem_support::Program;
use futures::{StreamExt, future};
use greeter::client::Client;
use greeter::{Limit, Number, Person};
use quintet::sync::mpsc;
use quintet::time::timeout;
use tonic::Code;

fn program(args: &[&str]) -> Program {
    Program::start(Command::new(env!("CARGO_BIN_EXE_greeter")).args(args))
}

fn server() -> (Program, String) {
    let mut server = program(&["serve", "127.0.0.1:0"]);
    let url = server.line_after("greeting on ");
    (server, url)
}

/// Ends the server, and returns its exit code. In the meantime the loop runs, and closes what the
/// clients have left.
async fn ended(server: Program) -> i32 {
    let end = quintet::spawn_blocking(|| server.end());
    end.await.expect("it does not panic").0
}

#[quintet::test]
async fn calls_share_a_connection() {
    let (server, url) = server();
    let client = Client::connect(&url).await.expect("it listens");
    let calls = (0..100).map(|number| {
        let mut client = client.clone();
        async move { client.greet(&format!("number {number}")).await }
    });
    let greetings = future::join_all(calls).await;
    for (number, greeting) in greetings.into_iter().enumerate() {
        let text = greeting.expect("a greeting").text;
        assert_eq!(text, format!("hello number {number}"));
    }
    drop(client);
    assert_eq!(ended(server).await, 0);
}

#[quintet::test]
async fn errors_have_a_status() {
    let (_server, url) = server();
    let mut client = Client::connect(&url).await.expect("it listens");
    let status = client.greet("").await.expect_err("there is no name");
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "a name is wanted")
    );
}

#[quintet::test]
async fn a_stream_of_replies_ends_and_can_be_given_up() {
    let (server, url) = server();
    let mut client = Client::connect(&url).await.expect("it listens");
    let limit = Limit { end: 5, millis: 1 };
    let numbers = client.count(limit).await.expect("numbers");
    let numbers: Vec<_> = numbers
        .map(|number| number.expect("a number").value)
        .collect()
        .await;
    assert_eq!(numbers, [0, 1, 2, 3, 4]);

    let endless = Limit {
        end: 2,
        millis: u32::MAX,
    };
    let mut numbers = client.count(endless).await.expect("numbers");
    let elapsed = timeout(Duration::from_millis(20), numbers.message()).await;
    assert!(elapsed.is_err(), "{elapsed:?}");
    drop((numbers, client));
    // The server has nothing left that it would wait for.
    assert_eq!(ended(server).await, 0);
}

#[quintet::test]
async fn a_chat_streams_both_ways() {
    let (_server, url) = server();
    let mut client = Client::connect(&url).await.expect("it listens");
    let (persons, received) = mpsc::channel::<Person>(1);
    let received = futures::stream::unfold(received, async |mut received| {
        let person = received.recv().await?;
        Some((person, received))
    });
    let mut greetings = client.chat(received).await.expect("greetings");
    for name in ["ann", "bob"] {
        let name = name.to_owned();
        persons
            .send(Person { name: name.clone() })
            .await
            .expect("it is received");
        let greeting = greetings
            .message()
            .await
            .expect("no error")
            .expect("a greeting");
        assert_eq!(greeting.text, format!("hello {name}"));
    }
    drop(persons);
    assert_eq!(greetings.message().await.expect("no error"), None);
}

#[test]
fn the_client_prints_what_it_receives() {
    let (_server, url) = server();
    assert_eq!(program(&["greet", &url, "you"]).line_after("hello "), "you");
    let mut chat = program(&["chat", &url, "ann", "bob"]);
    assert_eq!(
        ["hello ", "hello "].map(|hello| chat.line_after(hello)),
        ["ann", "bob"]
    );
    let mut count = program(&["count", &url, "2"]);
    assert_eq!(["0", "1"].map(|number| count.line_after(number)), ["", ""]);
    let number = Number { value: 7 };
    assert_eq!(prost::Message::encode_to_vec(&number), [8, 7]);
}
