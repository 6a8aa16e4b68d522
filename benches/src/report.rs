//! What was measured, for people and for programs.

mod chart;
mod json;
mod plot;
mod svg;
mod table;

use crate::compare::Results;
use crate::machine;
use crate::measure::Percentiles;
use crate::runtimes::{QUINTET, TOKIO};

pub(crate) use chart::chart;
pub(crate) use json::{growth as growth_json, json};
pub(crate) use plot::{Panel, Series, plot};
pub(crate) use table::{Table, number};

/// The tables, and what is to be known about them.
pub(crate) fn text(results: &Results) -> String {
    let mut text = figures(results).to_string();
    let latencies = latencies(results);
    if !latencies.is_empty() {
        text += "\nLatency in µs: p50 / p99 / p99.9, the median of the rounds.\n\n";
        text += &latencies.to_string();
    }
    text + "\n" + &footer(results)
}

/// A line for each metric of each workload, a column for each runtime.
fn figures(results: &Results) -> Table {
    let mut table = Table::new(["workload", "unit"]);
    for runtime in &results.runtimes {
        table.column(runtime);
    }
    table.column("quintet : best peer");
    for line in &results.lines {
        for metric in line.workload.metrics {
            let tokio = results.figure(line, TOKIO, *metric);
            let mut row = vec![line.workload.title.to_owned(), metric.unit().to_owned()];
            for (cell, runtime) in line.cells.iter().zip(&results.runtimes) {
                row.push(match cell.figure(*metric) {
                    Some(value) if *runtime == TOKIO => number(value),
                    Some(value) => number(value) + &ratio(Some(value), tokio),
                    None if cell.failed.is_some() => "failed".to_owned(),
                    None => "–".to_owned(),
                });
            }
            let ours = results.figure(line, QUINTET, *metric);
            let best = ratio(ours, results.best_peer(line, *metric));
            row.push(best.trim().trim_matches(['(', ')']).to_owned());
            table.row(row);
        }
    }
    table
}

/// ` (0.5)`, or nothing if there is nothing to compare.
fn ratio(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!(" ({:.2})", value / base),
        _ => String::new(),
    }
}

fn latencies(results: &Results) -> Table {
    let mut table = Table::new(["workload"]);
    for runtime in &results.runtimes {
        table.column(runtime);
    }
    let percentiles: [fn(&Percentiles) -> u64; 3] = [|p| p.p50, |p| p.p99, |p| p.p999];
    for line in &results.lines {
        let cells: Vec<String> = line
            .cells
            .iter()
            .map(|cell| {
                let shown: Vec<_> = percentiles
                    .iter()
                    .filter_map(|percentile| cell.latency(percentile))
                    .map(number)
                    .collect();
                shown.join(" / ")
            })
            .collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            let mut row = vec![line.workload.title.to_owned()];
            row.extend(cells);
            table.row(row);
        }
    }
    table
}

fn footer(results: &Results) -> String {
    let versions: Vec<_> = machine::versions()
        .into_iter()
        .filter(|(name, _)| results.runtimes.contains(&&**name))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let mut text = format!(
        "In parentheses: the ratio to tokio; less is better everywhere. Times are the smallest of {}\n\
         rounds, all else the median; runtimes took turns in each round. \"ns CPU\" is user and system\n\
         time of the process with the runtime, worker threads included; with a server, of the server\n\
         alone. \"–\": the runtime has nothing for it.\n\
         {}; {}; release profile, default settings.\n\
         {}.\n",
        results.rounds,
        machine::describe(),
        machine::version_of("rustc").unwrap_or_else(|| "rustc unknown".to_owned()),
        versions.join(", "),
    );
    for line in &results.lines {
        for (cell, runtime) in line.cells.iter().zip(&results.runtimes) {
            if let Some(why) = &cell.failed {
                text += &format!("failed: {} on {runtime}: {why}\n", line.workload.title);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ratio, text};
    use crate::compare::{Cell, Line, Results};
    use crate::measure::{Percentiles, Sample};
    use crate::workloads::find;

    /// Two runtimes that did one workload, and one that did not.
    pub(crate) fn results() -> Results {
        let cell = |cpu_ns| Cell {
            samples: vec![Sample {
                operations: 10,
                cpu_ns,
                latency: Percentiles::of(&mut [1500]),
                ..Sample::default()
            }],
            failed: None,
        };
        Results {
            runtimes: vec!["quintet", "tokio", "monoio", "glommio"],
            rounds: 1,
            lines: vec![Line {
                workload: find("echo-64-64").unwrap(),
                operations: 10,
                cells: vec![
                    cell(20_000),
                    cell(50_000),
                    Cell::default(),
                    Cell {
                        samples: Vec::new(),
                        failed: Some("no ring & no <hope>".to_owned()),
                    },
                ],
            }],
        }
    }

    #[test]
    fn the_table_has_figures_ratios_and_reasons() {
        let text = text(&results());

        assert!(text.contains("| 2000 (0.40) |"), "{text}");
        assert!(text.contains(" 5000 |"), "{text}");
        assert!(text.contains(" – |"), "{text}");
        assert!(text.contains(" failed |"), "{text}");
        assert!(text.contains("on glommio: no ring"), "{text}");
        assert!(text.contains("1.5 / 1.5 / 1.5"), "{text}");
        // Quintet to the best peer, alone in its cell.
        assert!(text.contains(" 0.40 |"), "{text}");
    }

    #[test]
    fn a_ratio_needs_something_to_compare_with() {
        assert_eq!(ratio(Some(3.0), Some(2.0)), " (1.50)");
        assert_eq!(ratio(Some(3.0), Some(0.0)), "");
        assert_eq!(ratio(None, Some(2.0)), "");
    }
}
