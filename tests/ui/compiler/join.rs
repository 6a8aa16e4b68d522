use std::future::ready;

async fn no_future() {
    quintet::join!(ready(1), 2);
}

async fn no_result() {
    let _ = quintet::try_join!(ready(Ok::<_, ()>(1)), ready(2));
}

async fn other_errors() {
    let _ = quintet::try_join!(ready(Ok::<_, u8>(1)), ready(Err::<(), _>("text")));
}

fn main() {}
