//! Rows of a loop that a thread watches for what blocks it: the instructions of the loop's thread.

use super::file::Counts;
use super::tools::Tool;

/// The workloads that are also counted on a watched loop, and how much more that may take.
///
/// `echo-loop` waits twice for events. With a second thread in the process, whatever that does, a
/// wait in libc takes 45 instructions more, which is half of this.
const WATCHED: &[(&str, f64)] = &[
    ("spawn-join", 0.025),
    ("yield-1", 0.02),
    ("echo-loop", 0.045),
];

/// Returns the name of the row of a watched loop, if the workload has one.
pub(super) fn row(id: &str) -> Option<String> {
    let is_watched = WATCHED.iter().any(|(watched, _)| *watched == id);
    is_watched.then(|| format!("{id}-watched"))
}

/// Describes the workloads for which a watched loop takes too much more than another one.
pub(super) fn too_costly(measured: &Counts) -> Vec<String> {
    let complaint = |(id, more_max): &(&str, f64)| {
        let plain = measured.get(Tool::Callgrind, id)?;
        let watched = measured.get(Tool::Callgrind, &row(id)?)?;
        let is_costly = watched > plain * (1.0 + more_max);
        is_costly.then(|| format!("{id} ({plain:.0} : {watched:.0})"))
    };
    WATCHED.iter().filter_map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watched_loop_may_take_a_little_more() {
        let counts = |watched| {
            let mut counts = Counts::of("rustc 1");
            counts.insert(Tool::Callgrind, "yield-1", 1000.0);
            counts.insert(Tool::Callgrind, "yield-1-watched", watched);
            counts
        };
        assert!(too_costly(&counts(1020.0)).is_empty());
        assert_eq!(too_costly(&counts(1021.0)), ["yield-1 (1000 : 1021)"]);
        assert!(too_costly(&Counts::of("rustc 1")).is_empty());
    }
}
