//! What was measured, for people and for programs.

mod chart;
mod json;
mod plot;
mod readme;
mod svg;
mod table;

use crate::compare::Results;
use crate::machine;
use crate::measure::Percentiles;
use crate::runtimes::{QUINTET, TOKIO};

pub(crate) use chart::chart;
pub(crate) use json::{growth as growth_json, json};
pub(crate) use plot::{Panel, Series, plot};
pub(crate) use readme::{RUNTIMES as README_RUNTIMES, is_in_readme, markdown};
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

/// A row for each metric of each workload, a column for each runtime.
fn figures(results: &Results) -> Table {
    let mut table = Table::new(["workload", "unit"]);
    for runtime in &results.runtimes {
        table.column(runtime);
    }
    table.column("quintet : best peer");
    for row in &results.rows {
        for metric in row.workload.metrics {
            let tokio = results.figure(row, TOKIO, *metric);
            let mut cells = vec![row.workload.title.to_owned(), metric.unit().to_owned()];
            for (cell, runtime) in row.cells.iter().zip(&results.runtimes) {
                cells.push(match cell.figure(*metric) {
                    Some(value) => {
                        let tokio = tokio.filter(|_| *runtime != TOKIO);
                        let notes = [ratio(Some(value), tokio), percent(cell.spread(*metric))];
                        number(value) + &in_parentheses(&notes)
                    }
                    None if cell.failed.is_some() => "failed".to_owned(),
                    None => "–".to_owned(),
                });
            }
            let ours = results.figure(row, QUINTET, *metric);
            cells.push(ratio(ours, results.best_peer(row, *metric)));
            table.row(cells);
        }
    }
    table
}

/// `0.50`, or nothing if there is nothing to compare.
fn ratio(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!("{:.2}", value / base),
        _ => String::new(),
    }
}

/// `5 %`, or nothing if there is no share.
fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.0} %", share * 100.0))
}

/// ` (a, b)` without those that are empty, or nothing.
fn in_parentheses(notes: &[String]) -> String {
    let notes: Vec<_> = notes.iter().filter(|note| !note.is_empty()).collect();
    match &*notes {
        [] => String::new(),
        [one] => format!(" ({one})"),
        [one, other, ..] => format!(" ({one}, {other})"),
    }
}

fn latencies(results: &Results) -> Table {
    let mut table = Table::new(["workload"]);
    for runtime in &results.runtimes {
        table.column(runtime);
    }
    let percentiles: [fn(&Percentiles) -> u64; 3] = [|p| p.p50, |p| p.p99, |p| p.p999];
    for row in &results.rows {
        let latencies: Vec<String> = row
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
        if latencies.iter().any(|cell| !cell.is_empty()) {
            let mut cells = vec![row.workload.title.to_owned()];
            cells.extend(latencies);
            table.row(cells);
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
        "In parentheses: the ratio to tokio, and how far the rounds lie apart; less is better everywhere.\n\
         Times are the smallest of {} rounds, all else the median; runtimes took turns in each round.\n\
         \"ns CPU\" is user and system time of the process with the runtime, worker threads included;\n\
         with a server, of the server alone. \"–\": the runtime has nothing for it.\n\
         {}; {}; release profile, default settings.\n\
         {}.\n",
        results.rounds,
        machine::describe(),
        machine::version_of("rustc").unwrap_or_else(|| "rustc unknown".to_owned()),
        versions.join(", "),
    );
    for row in &results.rows {
        for (cell, runtime) in row.cells.iter().zip(&results.runtimes) {
            if let Some(why) = &cell.failed {
                text += &format!("failed: {} on {runtime}: {why}\n", row.workload.title);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{in_parentheses, percent, ratio, text};
    use crate::compare::{Results, Rounds, Row};
    use crate::measure::{Percentiles, Sample};
    use crate::workloads::find;

    /// Two runtimes that did one workload, and one that did not.
    pub(crate) fn results() -> Results {
        let cell = |cpu_ns| Rounds {
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
            rows: vec![Row {
                workload: find("echo-64-64").unwrap(),
                operations: 10,
                cells: vec![
                    cell(20_000),
                    cell(50_000),
                    Rounds::default(),
                    Rounds {
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

        assert!(text.contains("| 2000 (0.40, 0 %) |"), "{text}");
        assert!(text.contains(" 5000 (0 %) |"), "{text}");
        assert!(text.contains(" – |"), "{text}");
        assert!(text.contains(" failed |"), "{text}");
        assert!(text.contains("on glommio: no ring"), "{text}");
        assert!(text.contains("1.5 / 1.5 / 1.5"), "{text}");
        // Quintet to the best peer, alone in its cell.
        assert!(text.contains(" 0.40 |"), "{text}");
    }

    #[test]
    fn a_ratio_needs_something_to_compare_with() {
        assert_eq!(ratio(Some(3.0), Some(2.0)), "1.50");
        assert_eq!(ratio(Some(3.0), Some(0.0)), "");
        assert_eq!(ratio(None, Some(2.0)), "");
    }

    #[test]
    fn notes_that_are_empty_take_no_room() {
        let empty = String::new;

        assert_eq!(percent(Some(0.046)), "5 %");
        assert_eq!(in_parentheses(&[empty(), percent(Some(0.0))]), " (0 %)");
        assert_eq!(
            in_parentheses(&["0.40".to_owned(), "5 %".to_owned()]),
            " (0.40, 5 %)"
        );
        assert_eq!(in_parentheses(&[empty(), percent(None)]), "");
    }
}
