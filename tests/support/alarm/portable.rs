//! Without a `timerfd`.

pub(crate) fn can_set_alarm() -> bool {
    false
}
