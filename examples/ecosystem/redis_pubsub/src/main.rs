//! A listener and a speaker on Redis' pub/sub; see the README.

mod client;

use std::env;
use std::error::Error;
use std::time::Duration;

use quintet::select;
use quintet::time::sleep;
use redis::RedisResult;

use crate::client::Client;

/// The pause after the first failure; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

#[quintet::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args {
        ["listen", redis, ref channels @ ..] if !channels.is_empty() => {
            select! {
                () = listen(redis, channels) => {}
                _ = quintet::shutdown()? => println!("ended"),
            }
            Ok(())
        }
        ["say", redis, channel, text] => {
            let receivers = Client::connect(redis).await?.publish(channel, text).await?;
            println!("received by {receivers}");
            Ok(())
        }
        _ => Err("usage: redis_pubsub (listen REDIS CHANNEL... | say REDIS CHANNEL TEXT)".into()),
    }
}

/// Prints the messages, for ever.
async fn listen(redis: &str, channels: &[&str]) {
    let mut pause = PAUSE_MIN;
    loop {
        let error = match subscribed(redis, channels).await {
            Ok(mut client) => {
                println!("subscribed");
                pause = PAUSE_MIN;
                print_messages(&mut client).await
            }
            Err(error) => error,
        };
        eprintln!("redis at {redis}: {error}; again in {pause:?}");
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn subscribed(redis: &str, channels: &[&str]) -> RedisResult<Client> {
    let mut client = Client::connect(redis).await?;
    for channel in channels {
        client.subscribe(channel).await?;
    }
    Ok(client)
}

/// Prints messages until the connection ends, and returns why.
async fn print_messages(client: &mut Client) -> redis::RedisError {
    loop {
        match client.next().await {
            Ok(message) => {
                let text = String::from_utf8_lossy(message.get_payload_bytes());
                println!("{}: {text}", message.get_channel_name());
            }
            Err(error) => return error,
        }
    }
}
