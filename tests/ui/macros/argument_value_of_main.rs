//! The arguments that `main` alone takes.

#[quintet::main(keep_alive = 1)]
async fn number() {}

#[quintet::main(seeds = 2)]
async fn of_test() {}

fn main() {}
