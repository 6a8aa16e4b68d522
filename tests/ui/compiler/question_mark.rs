//! A `?` whose error does not fit, and one that has nowhere to go.

struct Fits;
struct Other;

fn other() -> Result<(), Other> {
    Err(Other)
}

#[quintet::main]
async fn convert() -> Result<(), Fits> {
    other()?;
    Ok(())
}

#[quintet::main]
async fn main() {
    other()?;
}
