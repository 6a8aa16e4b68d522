fn main() {
    quintet::block_on(async {
        quintet::select! {}
        quintet::select! { biased; }
    });
}
