//! How the kernel accounts the time of the present thread, where it does not say.

/// Always `None`: it is not known.
pub(super) fn waited_for_cpu() -> Option<u64> {
    None
}

/// Always false: it is not known.
pub(super) fn is_traced() -> bool {
    false
}
