use std::future::ready;

async fn no_future() {
    quintet::select! {
        () = ready(()) => {}
        n = 1 => drop(n),
    }
}

async fn another_pattern() {
    quintet::select! {
        () = ready(()) => {}
        Some(n) = ready(1) => drop(n),
    }
}

async fn another_type() -> u8 {
    quintet::select! {
        n = ready(1) => n,
        () = ready(()) => "text",
    }
}

async fn no_such_name() {
    quintet::select! {
        n = ready(1) => drop(m),
    }
}

fn outside_of_async() {
    quintet::select! { () = ready(()) => {} }
}

fn main() {}
