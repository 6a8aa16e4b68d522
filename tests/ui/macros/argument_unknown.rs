#[quintet::main(flavor = "current_thread")]
async fn main() {}

#[quintet::test(start_pause)]
async fn test() {}
