//! reqwest's client; see the README.

use std::env;
use std::error::Error;
use std::thread;
use std::time::Duration;

use quintet::task::JoinSet;

#[quintet::main(tokio)]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let url = args.next().unwrap_or("http://127.0.0.1:8080/".to_owned());
    let count: usize = args.next().unwrap_or("20".to_owned()).parse()?;
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(60))
        .build()?;
    let loop_thread = thread::current().id();
    let mut requests = JoinSet::new();
    for _ in 0..count {
        let request = client.get(&url).send();
        requests.spawn(async move {
            let text = request.await?.error_for_status()?.text().await;
            assert_eq!(thread::current().id(), loop_thread);
            text
        });
    }
    let mut bytes = 0;
    while let Some(text) = requests.join_next().await {
        bytes += text??.len();
    }
    println!("{count} responses with {bytes} bytes");
    Ok(())
}
