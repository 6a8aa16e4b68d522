//! The `await` is no second error, and the import is used.

use quintet::task::yield_now;

#[quintet::main]
fn main() -> Result<(), std::fmt::Error> {
    yield_now().await;
    Ok(())
}
