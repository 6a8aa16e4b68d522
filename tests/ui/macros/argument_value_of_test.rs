//! The arguments that tests alone take.

#[quintet::test(timeout = 5)]
async fn number() {}

#[quintet::test(timeout = "5 h")]
async fn unit() {}

#[quintet::test(timeout = "0s")]
async fn zero() {}

#[quintet::test(seeds = 0, seed = -1)]
async fn no_seeds() {}

#[quintet::test(start_paused = "yes")]
async fn no_bool() {}

#[quintet::test(leaks = "warn")]
async fn no_level() {}

#[quintet::test(blocked = 50)]
async fn no_duration() {}

#[quintet::test(blocked = "0ms")]
async fn no_time() {}

#[quintet::test(keep_alive)]
async fn of_main() {}

fn main() {}
