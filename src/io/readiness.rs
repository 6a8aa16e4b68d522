//! What a caller waits for on a source, and what the source is ready for.

mod interest;
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "readiness/os/portable.rs"
)]
mod os;
mod ready;

pub use interest::Interest;
pub use ready::Ready;

pub(crate) use os::POLL_READ;
