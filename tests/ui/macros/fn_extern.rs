#[quintet::main]
async extern "C" fn main() {}
