//! The text between the quotes of a path is checked before it is parsed: an unterminated literal or
//! comment there is an error like any other.

#[quintet::main(crate = "(")]
async fn bracket() {}

#[quintet::main(crate = "\"")]
async fn quote() {}

#[quintet::main(crate = "a'")]
async fn lifetime() {}

#[quintet::main(crate = "'")]
async fn apostrophe() {}

#[quintet::main(crate = "/*")]
async fn comment() {}

#[quintet::main(crate = "r#")]
async fn raw() {}

#[quintet::test(crate = r#"r#""#)]
async fn raw_string() {}

#[quintet::main(crate = "b'")]
async fn byte() {}

#[quintet::main(crate = "\u{b2}")]
async fn escape() {}

#[quintet::main(crate = "²")]
async fn digit() {}

#[quintet::main(crate = "r#crate")]
async fn raw_keyword() {}

#[quintet::main(crate = "type")]
async fn quoted_keyword() {}

#[quintet::main(crate = my::fn)]
async fn keyword() {}

#[quintet::main(crate = _)]
async fn underscore() {}

#[quintet::main(crate = "")]
async fn empty() {}

fn main() {}
