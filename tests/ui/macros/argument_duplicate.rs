#[quintet::main(workers = 2, name = "server", workers = 4)]
async fn main() {}
