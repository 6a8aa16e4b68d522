//! Whether the OS gives a `timerfd`, which makes timers exact to the microsecond.

use std::sync::OnceLock;

use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

/// Old sandboxes refuse it.
pub(crate) fn can_set_alarm() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC).is_ok())
}
