#[quintet::test]
#[test]
async fn ours_and_theirs() {}

#[quintet::test]
#[quintet::test]
async fn ours_twice() {}

#[quintet::test]
#[should_panic]
#[core::prelude::v1::test]
async fn by_its_path() {}

fn main() {}
