#[quintet::main]
async fn main() {
    quintet::task::yield_now().await;
    42
}

#[quintet::main]
async fn number() -> u32 {
    "42"
}

#[quintet::main]
async fn early() -> u32 {
    return "42";
}

#[quintet::main]
async fn nothing() -> u32 {}
