#[quintet::main]
#[quintet::main]
async fn main() {}
