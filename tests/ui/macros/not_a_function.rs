#[quintet::main]
/// A struct.
pub struct Server;

#[quintet::test]
const TEST: u8 = 1;

#[quintet::main]
impl Server {}

fn main() {}
