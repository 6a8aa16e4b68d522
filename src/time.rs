//! Time: sleeping, timeouts, intervals.
//!
//! Timers fire in the timers phase, in the order (deadline, arming), and never before their
//! deadline. Deadlines have a resolution of one nanosecond; an idle loop wakes within some 20
//! microseconds of a deadline if the OS allows it. A sleep is armed when it is first polled.
//! `Duration::MAX` means never.
//!
//! To wake a thread takes as long as to fire a hundred timers. So if more than four of the sixteen
//! parts of one millisecond have deadlines, an idle loop wakes once for all of them, at the end of
//! that millisecond. It is a millisecond of the loop's clock, 2^20 ns or 1.05 ms long, and a timer
//! may be late by that much. It is never early, the order is the same, and [paused](pause) time is
//! exact.
//!
//! For tests the time can be [paused](pause) and advanced by hand, or automatically when the loop
//! is idle.

mod instant;
mod interval;
mod paused;
mod sleep;
mod timeout;

pub use std::time::Duration;

pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use paused::{Advance, advance, advance_to_next, auto_advance, is_paused, pause, resume};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

/// The error of [`timeout`], under the same path as in tokio.
pub mod error {
    pub use super::Elapsed;
}
