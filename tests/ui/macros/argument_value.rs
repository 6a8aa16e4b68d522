//! Each argument says what it takes, at the value it was given.

#[quintet::main(workers = "2", name = 2, crate = 2)]
async fn main() {}

#[quintet::main(workers = 0)]
async fn zero() {}

#[quintet::main(workers = -1)]
async fn negative() {}

#[quintet::main(workers = 2u8)]
async fn suffix() {}

#[quintet::main(workers = COUNT)]
async fn constant() {}

#[quintet::main(workers)]
async fn no_value() {}

#[quintet::main(workers(2))]
async fn parentheses() {}

#[quintet::main(name = b"server", crate = "not a path")]
async fn almost() {}
