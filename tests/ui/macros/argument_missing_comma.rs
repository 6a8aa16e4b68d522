#[quintet::main(workers = 2 name = "server")]
async fn main() {}
