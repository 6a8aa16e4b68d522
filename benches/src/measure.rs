//! The measurements of a run, and the clocks and counters behind them.
//!
//! Each run is a separate process. Its CPU time is that of the process, worker threads included; in
//! workloads with a server it is that of the server process alone.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The measurements of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// The number of operations.
    pub(crate) operations: u64,
    /// Elapsed time.
    pub(crate) wall_ns: u64,
    /// CPU time, user and system.
    pub(crate) cpu_ns: u64,
    /// The increase in resident memory.
    pub(crate) bytes: u64,
    /// The latencies of single operations, if the workload measures them.
    pub(crate) latency: Option<Percentiles>,
}

/// Percentiles of latencies, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl Percentiles {
    /// Sorts `latencies` and returns their percentiles, or `None` if there are none.
    pub(crate) fn of(latencies: &mut [u64]) -> Option<Self> {
        latencies.sort_unstable();
        // Nearest rank: the smallest value that this share of all values does not exceed.
        let at = |per_mille: usize| {
            let rank = (latencies.len() * per_mille).div_ceil(1000);
            latencies.get(rank.saturating_sub(1)).copied()
        };
        Some(Percentiles {
            p50: at(500)?,
            p90: at(900)?,
            p99: at(990)?,
            p999: at(999)?,
            max: *latencies.last()?,
        })
    }
}

impl Sample {
    /// Formats the sample as the line that a run prints for its parent.
    pub(crate) fn to_line(&self) -> String {
        let mut line = format!(
            "operations={} wall={} cpu={} bytes={}",
            self.operations, self.wall_ns, self.cpu_ns, self.bytes
        );
        if let Some(latency) = &self.latency {
            line += &format!(
                " p50={} p90={} p99={} p999={} max={}",
                latency.p50, latency.p90, latency.p99, latency.p999, latency.max
            );
        }
        line
    }

    /// Parses such a line. Returns `None` if it is something else.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let value = |name: &str| field(line, name);
        let latency = value("p50").and_then(|p50| {
            Some(Percentiles {
                p50,
                p90: value("p90")?,
                p99: value("p99")?,
                p999: value("p999")?,
                max: value("max")?,
            })
        });
        Some(Sample {
            operations: value("operations")?,
            wall_ns: value("wall")?,
            cpu_ns: value("cpu")?,
            bytes: value("bytes").unwrap_or(0),
            latency,
        })
    }
}

/// Returns the number after `name=` in a line of `name=value` pairs.
pub(crate) fn field(line: &str, name: &str) -> Option<u64> {
    line.split_whitespace().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| value.parse().ok())?
    })
}

/// Measures elapsed time and CPU time.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch {
            cpu: process_cpu(),
            wall: Instant::now(),
        }
    }

    pub(crate) fn stop(&self, operations: u64) -> Sample {
        Sample {
            operations,
            wall_ns: nanos(self.wall.elapsed()),
            cpu_ns: nanos(process_cpu().saturating_sub(self.cpu)),
            ..Sample::default()
        }
    }
}

/// Returns the CPU time of this process: all threads, user and system.
pub(crate) fn process_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Returns the CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Converts a duration to nanoseconds.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the resident memory of this process, in bytes.
pub(crate) fn resident_bytes() -> u64 {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * page
}

/// Raises the soft limit of open files to the hard limit, for this process and its children.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, a workload with too many connections reports an error itself.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

#[cfg(test)]
mod tests {
    use super::{Percentiles, Sample, field};

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut latencies: Vec<u64> = (1..=1000).rev().collect();

        let percentiles = Percentiles::of(&mut latencies);

        let expected = Percentiles {
            p50: 500,
            p90: 900,
            p99: 990,
            p999: 999,
            max: 1000,
        };
        assert_eq!(percentiles, Some(expected));
    }

    #[test]
    fn one_value_is_every_percentile() {
        let percentiles = Percentiles::of(&mut [7]).unwrap();

        assert_eq!(percentiles.p50, 7);
        assert_eq!(percentiles.p999, 7);
        assert_eq!(Percentiles::of(&mut []), None);
    }

    #[test]
    fn formatting_and_parsing_preserve_a_sample() {
        let sample = Sample {
            operations: 10,
            wall_ns: 200,
            cpu_ns: 150,
            bytes: 4096,
            latency: Percentiles::of(&mut [3, 1, 2]),
        };

        assert_eq!(Sample::from_line(&sample.to_line()), Some(sample.clone()));

        let plain = Sample {
            latency: None,
            ..sample
        };
        assert_eq!(Sample::from_line(&plain.to_line()), Some(plain));
    }

    #[test]
    fn other_lines_are_rejected() {
        assert_eq!(Sample::from_line("thread 'main' panicked"), None);
        assert_eq!(Sample::from_line("operations=3 wall=x cpu=1"), None);
        assert_eq!(field("p50=5 p5=1", "p5"), Some(1));
    }
}
