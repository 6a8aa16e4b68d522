#[quintet::main]
async unsafe fn main() {}
