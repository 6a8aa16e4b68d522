#[quintet::main(colour = "red")]
async fn main() {}

#[quintet::test(start_pause)]
async fn test() {}
