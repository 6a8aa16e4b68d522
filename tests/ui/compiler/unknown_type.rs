#[quintet::main]
async fn main() -> Missing {
    quintet::task::yield_now().await;
}
