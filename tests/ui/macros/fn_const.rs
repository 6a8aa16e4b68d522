#[quintet::main]
const async fn main() {}
