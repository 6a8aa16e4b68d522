fn main() {
    quintet::block_on(async {
        quintet::select! {
            () = std::future::ready(()) => {}
            number = std::future::ready(1)
        }
        quintet::select! {
            else => {}
            () = std::future::ready(()) => {}
        }
        quintet::select! {
            () = std::future::ready(()) => {}
            else => {}
            number = std::future::ready(1) => drop(number),
        }
    });
}
