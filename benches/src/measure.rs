//! What a run reports, and the clocks and counters it reads for that.
//!
//! A run is a process of its own, so its CPU time is that of the process: the loop, its worker
//! threads, and in the workloads with a server the server's process alone.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What one run of a workload has measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// How many operations were done.
    pub(crate) operations: u64,
    /// Time that passed.
    pub(crate) wall_ns: u64,
    /// Time that the CPUs spent, of users' and of system code.
    pub(crate) cpu_ns: u64,
    /// Memory that came to be resident.
    pub(crate) bytes: u64,
    /// How long single operations took, where that was measured.
    pub(crate) latency: Option<Percentiles>,
}

/// Latencies in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl Percentiles {
    /// Sorts `latencies` and reads the percentiles from them. `None` if there are none.
    pub(crate) fn of(latencies: &mut [u64]) -> Option<Self> {
        latencies.sort_unstable();
        // The smallest value that at least this share of all values does not exceed.
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
    /// The line by which a run tells its parent.
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

    /// Reads such a line. `None` if it is something else.
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

/// The number behind `name=` in a line of such pairs.
pub(crate) fn field(line: &str, name: &str) -> Option<u64> {
    line.split_whitespace().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then(|| value.parse().ok())?
    })
}

/// Both clocks, read at the start of what is measured.
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

/// CPU time of this process: all threads, users' and system code.
pub(crate) fn process_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// A duration as the lines carry it. Good for 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Resident memory of this process in bytes.
pub(crate) fn resident_bytes() -> u64 {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages
        .and_then(|pages| pages.parse::<u64>().ok())
        .unwrap_or(0)
        * page
}

/// Allows this process and its children as many open files as it may.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // A server with thousands of connections would say so itself if this did not help.
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
    fn percentiles_are_values_that_occurred() {
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
    fn a_line_brings_a_sample_back() {
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
    fn what_is_no_sample_is_refused() {
        assert_eq!(Sample::from_line("thread 'main' panicked"), None);
        assert_eq!(Sample::from_line("operations=3 wall=x cpu=1"), None);
        assert_eq!(field("p50=5 p5=1", "p5"), Some(1));
    }
}
