//! How the kernel accounts the time of the present thread.

use std::fs;

/// Nanoseconds for which this thread has been ready to run and has waited for a processor, since it
/// was started. `None` if the kernel does not count them, or if there is no `/proc`.
pub(super) fn waited_for_cpu() -> Option<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    parse(&text).map(|(_, waited)| waited)
}

/// The first two of the three numbers of a `schedstat`: for how many nanoseconds a thread has run,
/// and has waited for a processor. A kernel that does not count writes zeros, but every thread has
/// run.
pub(crate) fn parse(text: &str) -> Option<(u64, u64)> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let (Some(Ok(ran)), Some(Ok(waited))) = (numbers.next(), numbers.next()) else {
        return None;
    };
    (ran > 0).then_some((ran, waited))
}

/// Whether a debugger, or another tracer, is attached to this process, and may have stopped it.
pub(super) fn is_traced() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let tracer = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_count_if_the_first_shows_that_the_kernel_does() {
        assert_eq!(parse("102864 69254 2\n"), Some((102_864, 69254)));
        assert_eq!(parse("102864 0 2\n"), Some((102_864, 0)));
        for text in ["0 0 0\n", "", "1", "1 x 2"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
