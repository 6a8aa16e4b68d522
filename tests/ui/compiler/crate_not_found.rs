#[quintet::main(crate = elsewhere::quintet)]
async fn main() {}
