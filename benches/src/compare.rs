//! Every workload on every runtime, in turn.

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

/// What all rounds of a workload on a runtime have measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) samples: Vec<Sample>,
    /// Why there is none, if that is so for another reason than that the runtime lacks something.
    pub(crate) failed: Option<String>,
}

impl Rounds {
    /// The figure for the table. Of times it is the smallest of all rounds: what else the machine
    /// does only ever adds to them. Of all else it is the median.
    pub(crate) fn figure(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Cpu | Metric::Wall => self.values(metric).into_iter().reduce(f64::min),
            Metric::Median | Metric::Bytes | Metric::Load => self.median(metric),
        }
    }

    /// The middle of all rounds.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        median(self.values(metric))
    }

    /// How far the rounds lie apart: the largest value less the smallest, as a share of the
    /// figure. `None` if there is no figure, or if it is zero.
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

    /// The median over all rounds of a percentile, in microseconds.
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

/// One workload on all runtimes, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) workload: &'static Workload,
    pub(crate) operations: u64,
    pub(crate) cells: Vec<Rounds>,
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    pub(crate) runtimes: Vec<&'static str>,
    pub(crate) rounds: u64,
    pub(crate) rows: Vec<Row>,
}

impl Results {
    /// What a runtime was measured at, in a row of the results.
    pub(crate) fn figure(&self, row: &Row, runtime: &str, metric: Metric) -> Option<f64> {
        let column = self.runtimes.iter().position(|name| *name == runtime)?;
        row.cells[column].figure(metric)
    }

    /// The smallest figure of all that are neither quintet nor the floor.
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

/// The command `compare`.
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
        return Err(format!("no workload has such a name\n{}", list()));
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

/// Writes a report to its file, if one is named.
pub(crate) fn write(path: Option<&str>, text: impl FnOnce() -> String) -> Result<(), String> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()).map_err(|error| format!("cannot write {path}: {error}"))
}

/// The runtimes that were asked for, or all of `default` that are there.
pub(crate) fn chosen_runtimes(
    args: &Args,
    default: &[&'static str],
) -> Result<Vec<&'static str>, String> {
    for name in &args.runtimes {
        if !NAMES.contains(&&**name) {
            return Err(format!("no runtime is called {name}\n{}", list()));
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

/// What `--only` and `--runtime` may name.
pub(crate) fn list() -> String {
    let mut text = String::from("workloads:\n");
    for workload in ALL {
        text += &format!("  {:<18} {}\n", workload.id, workload.title);
    }
    text + "runtimes:\n  " + &NAMES.join(" ") + "\n"
}

/// Runs everything: a round is every workload on every runtime once. What else the machine does
/// during a round hits all of them, and none is always the first.
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
    /// Runs it once more, unless that cannot help.
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
    fn times_are_the_smallest_and_all_else_is_in_the_middle() {
        let cell = cell(&[300, 100, 200, 900]);

        assert_eq!(cell.figure(Metric::Cpu), Some(10.0));
        assert_eq!(cell.median(Metric::Cpu), Some(25.0));
        assert_eq!(cell.figure(Metric::Bytes), Some(25.0));
        assert_eq!(cell.latency(|latency| latency.max), Some(250.0));
        assert_eq!(Rounds::default().figure(Metric::Cpu), None);
    }

    #[test]
    fn the_spread_is_a_share_of_the_figure() {
        let cell = cell(&[300, 100, 200, 900]);

        // From 10 to 90 ns, of 10.
        assert_eq!(cell.spread(Metric::Cpu), Some(8.0));
        // From 10 to 90 bytes, of 25.
        assert_eq!(cell.spread(Metric::Bytes), Some(3.2));
        assert_eq!(Rounds::default().spread(Metric::Cpu), None);
    }

    #[test]
    fn one_round_has_no_spread_and_nothing_has_none() {
        assert_eq!(cell(&[100]).spread(Metric::Cpu), Some(0.0));
        assert_eq!(cell(&[0, 10]).spread(Metric::Cpu), None);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
