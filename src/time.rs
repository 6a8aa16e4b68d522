//! Time: sleeping, timeouts, intervals.
//!
//! Timers fire in the timers phase, in the order (deadline, arming), and never before their
//! deadline. A deadline has nanoseconds, and is met to some 20 microseconds where the OS allows it.
//! A sleep is armed when it is first polled. `Duration::MAX` is fine and means never.
//!
//! Waking a thread takes as long as firing a hundred timers. So where many deadlines are close
//! together, in more than four of the sixteen parts of one millisecond, an idle loop wakes once for all
//! of them, at the end of that millisecond. The millisecond is that of the loop's clock, 2^20 ns or
//! 1.05 ms long, and by so much a timer may then be late; it is never early, the order is the same, and
//! [paused](pause) time knows nothing of this.
//!
//! For tests the time can be [paused](pause) and moved on by hand, or by itself when there is nothing
//! else to do.

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

/// tokio's place for the error of [`timeout`].
pub mod error {
    pub use super::Elapsed;
}
