//! Measures quintet beside its peers.
fn main() {}
