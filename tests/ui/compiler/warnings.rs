//! The lints see what the user wrote, where it was written, once.

#![deny(warnings)]

#[must_use]
fn important() -> u32 {
    42
}

#[quintet::main]
async fn main() -> (()) {
    let unused = 1;
    important();
    return;
    println!();
}

#[quintet::main]
async fn NotSnakeCase() {}
