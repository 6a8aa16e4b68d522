#[quintet::main]
async fn main<T: Fn(u8) -> u8, const N: usize>() {
    let _ = std::mem::size_of::<[T; N]>();
}
