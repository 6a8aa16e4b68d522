//! The command `compare`: runs each workload on each runtime.

use crate::args::Args;
use crate::child::{Outcome, Run};
use crate::measure::{Percentiles, Sample};
use crate::progress::Progress;
use crate::run::pin;
use crate::runtimes::{FLOOR, NAMES, NODE, QUINTET};
use crate::workloads::{ALL, Metric, Workload};
use crate::{machine, report};

const ROUNDS: u64 = 5;
const ROUNDS_QUICK: u64 = 3;

/// The samples of all rounds of one workload on one runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) samples: Vec<Sample>,
    /// The error message of the last round that failed.
    pub(crate) failed: Option<String>,
}

impl Rounds {
    /// Returns the figure for the table. For times this is the minimum of all rounds, since other
    /// load on the machine only adds to a time. For other metrics it is the median.
    pub(crate) fn figure(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Cpu | Metric::Wall => self.values(metric).into_iter().reduce(f64::min),
            Metric::Median | Metric::Bytes | Metric::Load => self.median(metric),
        }
    }

    /// Returns the median of all rounds.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        median(self.values(metric))
    }

    /// Returns the spread of the rounds: the maximum minus the minimum, divided by the figure.
    /// Returns `None` if there is no figure or it is zero.
    pub(crate) fn spread(&self, metric: Metric) -> Option<f64> {
        let figure = self.figure(metric).filter(|figure| *figure > 0.0)?;
        let values = self.values(metric);
        let smallest = values.iter().copied().reduce(f64::min)?;
        let largest = values.into_iter().reduce(f64::max)?;
        Some((largest - smallest) / figure)
    }

    fn values(&self, metric: Metric) -> Vec<f64> {
        self.samples
            .iter()
            .filter_map(|sample| metric.value(sample))
            .collect()
    }

    /// Returns the median of a latency percentile over all rounds, in microseconds.
    pub(crate) fn latency(&self, percentile: impl Fn(&Percentiles) -> u64) -> Option<f64> {
        let of = |sample: &Sample| Some(percentile(sample.latency.as_ref()?) as f64 / 1e3);
        median(self.samples.iter().filter_map(of).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[middle - 1], upper))
}

/// The results of one workload, one cell for each runtime.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) workload: &'static Workload,
    pub(crate) operations: u64,
    pub(crate) cells: Vec<Rounds>,
}

/// All results of the command.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    pub(crate) runtimes: Vec<&'static str>,
    pub(crate) rounds: u64,
    pub(crate) rows: Vec<Row>,
}

impl Results {
    /// Returns the figure of `runtime` in `row`.
    pub(crate) fn figure(&self, row: &Row, runtime: &str, metric: Metric) -> Option<f64> {
        let column = self.runtimes.iter().position(|name| *name == runtime)?;
        row.cells[column].figure(metric)
    }

    /// Returns the smallest figure of `row`, quintet and the floor excepted.
    pub(crate) fn best_peer(&self, row: &Row, metric: Metric) -> Option<f64> {
        let peers = self
            .runtimes
            .iter()
            .filter(|name| ![QUINTET, FLOOR].contains(name));
        peers
            .filter_map(|name| self.figure(row, name, metric))
            .reduce(f64::min)
    }
}

/// Runs the command.
pub(crate) fn compare(args: &Args) -> Result<(), String> {
    let default = if args.markdown {
        report::README_RUNTIMES
    } else {
        NAMES
    };
    let runtimes = chosen_runtimes(args, default)?;
    let wanted = |id: &str| args.wants(id) && (!args.markdown || report::is_in_readme(id));
    let workloads: Vec<_> = ALL.iter().filter(|one| wanted(one.id)).collect();
    if workloads.is_empty() {
        return Err(format!("no workload matches\n{}", list()));
    }
    if args.one_cpu {
        pin(0)?;
    }
    let results = measure(args, runtimes, &workloads);
    if args.markdown {
        print!("{}", report::markdown(&results));
    } else {
        print!("{}", report::text(&results));
    }
    write(args.json.as_deref(), || report::json(&results))?;
    write(args.svg.as_deref(), || report::chart(&results))
}

/// Writes a report to `path`, if there is one.
pub(crate) fn write(path: Option<&str>, text: impl FnOnce() -> String) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()).map_err(|error| format!("cannot write {path}: {error}"))
}

/// Returns the runtimes that `--runtime` selects, or those of `default`. Node is left out if it is
/// not installed.
pub(crate) fn chosen_runtimes(
    args: &Args,
    default: &[&'static str],
) -> Result<Vec<&'static str>, String> {
    for name in &args.runtimes {
        if !NAMES.contains(&&**name) {
            return Err(format!("unknown runtime {name}\n{}", list()));
        }
    }
    let wanted = |name: &&str| {
        if args.runtimes.is_empty() {
            default.contains(name)
        } else {
            args.runtimes.iter().any(|wanted| wanted == name)
        }
    };
    let there = |name: &&str| *name != NODE || machine::version_of(NODE).is_some();
    Ok(NAMES.iter().copied().filter(wanted).filter(there).collect())
}

/// Lists the names that `--only` and `--runtime` accept.
pub(crate) fn list() -> String {
    let mut text = String::from("workloads:\n");
    for workload in ALL {
        text += &format!("  {:<18} {}\n", workload.id, workload.title);
    }
    text + "runtimes:\n  " + &NAMES.join(" ") + "\n"
}

/// Runs all rounds. In a round each workload runs once on each runtime, so that other load on the
/// machine affects all runtimes alike. Each round starts with a different runtime.
fn measure(args: &Args, runtimes: Vec<&'static str>, workloads: &[&'static Workload]) -> Results {
    let rounds = args
        .rounds
        .unwrap_or(if args.quick { ROUNDS_QUICK } else { ROUNDS });
    let mut rows: Vec<Row> = workloads
        .iter()
        .map(|workload| Row {
            workload,
            operations: args.operations.unwrap_or(if args.quick {
                workload.quick
            } else {
                workload.operations
            }),
            cells: vec![Rounds::default(); runtimes.len()],
        })
        .collect();
    let total = rows.len() * runtimes.len() * usize::try_from(rounds).unwrap_or(1);
    let mut progress = Progress::new(total);
    for round in 0..rounds {
        for row in &mut rows {
            for place in 0..runtimes.len() {
                let column = (place + usize::try_from(round).unwrap_or(0)) % runtimes.len();
                let runtime = runtimes[column];
                progress.next(&format!("{} on {runtime}", row.workload.title));
                let run = Run {
                    runtime,
                    workload: row.workload,
                    operations: row.operations,
                    live: None,
                    pin: args.pin,
                };
                row.cells[column].take(round, run);
            }
        }
    }
    Results {
        runtimes,
        rounds,
        rows,
    }
}

impl Rounds {
    /// Adds one more run, unless the first round has failed or is not supported.
    fn take(&mut self, round: u64, run: Run<'_>) {
        if round > 0 && self.samples.is_empty() {
            return;
        }
        match run.outcome() {
            Outcome::Measured(sample) => self.samples.push(sample),
            Outcome::Unsupported => {}
            Outcome::Failed(why) => self.failed = Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Metric, Rounds, median};
    use crate::measure::{Percentiles, Sample};

    fn cell(cpu: &[u64]) -> Rounds {
        let sample = |cpu: &u64| Sample {
            operations: 10,
            cpu_ns: *cpu,
            bytes: *cpu,
            latency: Percentiles::of(&mut [*cpu * 1000]),
            ..Sample::default()
        };
        Rounds {
            samples: cpu.iter().map(sample).collect(),
            failed: None,
        }
    }

    #[test]
    fn a_time_is_the_minimum_and_other_metrics_are_the_median() {
        let cell = cell(&[300, 100, 200, 900]);

        assert_eq!(cell.figure(Metric::Cpu), Some(10.0));
        assert_eq!(cell.median(Metric::Cpu), Some(25.0));
        assert_eq!(cell.figure(Metric::Bytes), Some(25.0));
        assert_eq!(cell.latency(|latency| latency.max), Some(250.0));
        assert_eq!(Rounds::default().figure(Metric::Cpu), None);
    }

    #[test]
    fn the_spread_is_relative_to_the_figure() {
        let cell = cell(&[300, 100, 200, 900]);

        // 10 to 90 ns; the figure is 10.
        assert_eq!(cell.spread(Metric::Cpu), Some(8.0));
        // 10 to 90 bytes; the figure is 25.
        assert_eq!(cell.spread(Metric::Bytes), Some(3.2));
        assert_eq!(Rounds::default().spread(Metric::Cpu), None);
    }

    #[test]
    fn one_round_has_a_spread_of_zero() {
        assert_eq!(cell(&[100]).spread(Metric::Cpu), Some(0.0));
        assert_eq!(cell(&[0, 10]).spread(Metric::Cpu), None);
    }

    #[test]
    fn the_median_of_an_even_number_of_values_is_the_midpoint() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
