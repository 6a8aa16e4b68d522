#[quintet::main]
async fn main();
