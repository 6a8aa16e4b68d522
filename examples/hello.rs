//! The smallest program: two tasks and a timer.
//!
//! ```text
//! cargo run --example hello
//! ```
//!
//! It prints `hello`, and 200 ms later `hello from a task`.

use std::time::Duration;

use quintet::time::sleep;

#[quintet::main]
async fn main() {
    let task = quintet::spawn(async {
        sleep(Duration::from_millis(200)).await;
        "hello from a task"
    });
    println!("hello");
    match task.await {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("{error}"),
    }
}
