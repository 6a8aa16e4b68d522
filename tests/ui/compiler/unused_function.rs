#![deny(dead_code)]

#[quintet::main]
async fn main() {}

#[quintet::main]
async fn never_called() {}
