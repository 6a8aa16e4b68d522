//! A server and a client of gRPC; see the README.

use std::env;
use std::error::Error;

use futures::stream;
use greeter::client::Client;
use greeter::service::Greeter;
use greeter::{Limit, Person};
use hyper_util::service::TowerToHyperService;
use quintet::net::TcpListener;
use tonic::service::Routes;

#[quintet::main(name = "greeter")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args {
        ["serve", addr] => serve(addr).await,
        ["greet", url, name] => {
            let greeting = Client::connect(url).await?.greet(name).await?;
            println!("{}", greeting.text);
            Ok(())
        }
        ["count", url, end] => {
            let (end, millis) = (end.parse()?, 100);
            let mut client = Client::connect(url).await?;
            let mut numbers = client.count(Limit { end, millis }).await?;
            while let Some(number) = numbers.message().await? {
                println!("{}", number.value);
            }
            Ok(())
        }
        ["chat", url, ref names @ ..] => {
            let persons: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            let persons = persons.into_iter().map(|name| Person { name });
            let mut client = Client::connect(url).await?;
            let mut greetings = client.chat(stream::iter(persons)).await?;
            while let Some(greeting) = greetings.message().await? {
                println!("{}", greeting.text);
            }
            Ok(())
        }
        _ => Err(
            "usage: greeter (serve ADDR | greet URL NAME | count URL END | chat URL NAME...)"
                .into(),
        ),
    }
}

async fn serve(addr: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(addr).await?;
    println!("greeting on http://{}", listener.local_addr()?);
    let routes = Routes::new(Greeter).prepare();
    let drained = quintet::hyper::serve(listener, TowerToHyperService::new(routes))
        .until(quintet::shutdown()?)
        .await?;
    println!("ended, all closed: {}", drained.is_complete());
    Ok(())
}
