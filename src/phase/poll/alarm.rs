//! The alarm: lets the poller wait to the microsecond.
//!
//! The poller itself counts in whole milliseconds. Where the OS has a timer that is a descriptor
//! (`timerfd` on Linux), the last bit of a wait is left to that; elsewhere the wait is rounded up,
//! never down: a timer may be late, but is not early.

#[cfg_attr(target_os = "linux", path = "alarm/timerfd.rs")]
#[cfg_attr(not(target_os = "linux"), path = "alarm/millis.rs")]
mod system;

pub(super) use system::Alarm;
