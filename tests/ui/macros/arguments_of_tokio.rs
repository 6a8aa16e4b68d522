//! Arguments of tokio's attributes that mean nothing here say what to do instead.

#[quintet::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {}

#[quintet::test(unhandled_panic = "abort")]
async fn test() {}
