//! What the tests share. A test binary takes it as a whole, and uses a part of it.

#![allow(dead_code, reason = "each test binary uses a part of this")]

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "alarm/portable.rs"
)]
pub(crate) mod alarm;
pub(crate) mod asleep;
pub(crate) mod cases;
pub(crate) mod child;
pub(crate) mod drops;
pub(crate) mod kinds;
pub(crate) mod log;
pub(crate) mod panics;
pub(crate) mod patience;
pub(crate) mod random;
pub(crate) mod reports;
pub(crate) mod skipped;
pub(crate) mod strace;
pub(crate) mod strict;
pub(crate) mod tcp;
pub(crate) mod terminal;
pub(crate) mod turns;
pub(crate) mod wakers;
