//! Reports: tables, JSON and charts.

mod chart;
mod json;
mod plot;
mod readme;
mod svg;
mod table;
mod timeline;

use crate::compare::Results;
use crate::machine;
use crate::measure::Percentiles;
use crate::runtimes::{QUINTET, TOKIO};

pub(crate) use chart::chart;
pub(crate) use json::{growth as growth_json, json};
pub(crate) use plot::{Panel, Series, plot};
pub(crate) use readme::{RUNTIMES as README_RUNTIMES, is_in_readme, markdown};
pub(crate) use table::{Table, number};
pub(crate) use timeline::{Timeline, timelines};

/// Formats the tables with a legend.
pub(crate) fn text(results: &Results) -> String {
    let mut text = figures(results).to_string();
    let latencies = latencies(results);
    if !latencies.is_empty() {
        text += "\nLatency in µs: p50 / p99 / p99.9, the median of the rounds.\n\n";
        text += &latencies.to_string();
    }
    text + "\n" + &footer(results)
}

/// Makes a table with a row for each metric of each workload and a column for each runtime.
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

/// Formats a ratio, such as `0.50`. Returns an empty string if there is nothing to compare.
fn ratio(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!("{:.2}", value / base),
        _ => String::new(),
    }
}

/// Formats a share, such as `5 %`. Returns an empty string if there is none.
fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.0} %", share * 100.0))
}

/// Formats the notes that are not empty, such as ` (0.50, 5 %)`.
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
        "In parentheses: the ratio to tokio, and the spread of the rounds. Less is better.\n\
         Times are the minimum of {} rounds, other figures the median; in each round the\n\
         runtimes take turns. \"ns CPU\" is the user and system time of the process, worker\n\
         threads included; with a server, of the server process alone. \"–\": not supported.\n\
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

    /// One workload on four runtimes: two have results, one does not support it, one failed.
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
    fn the_table_has_figures_ratios_and_errors() {
        let text = text(&results());

        assert!(text.contains("| 2000 (0.40, 0 %) |"), "{text}");
        assert!(text.contains(" 5000 (0 %) |"), "{text}");
        assert!(text.contains(" – |"), "{text}");
        assert!(text.contains(" failed |"), "{text}");
        assert!(text.contains("on glommio: no ring"), "{text}");
        assert!(text.contains("1.5 / 1.5 / 1.5"), "{text}");
        // The ratio of quintet to the best peer.
        assert!(text.contains(" 0.40 |"), "{text}");
    }

    #[test]
    fn a_ratio_needs_a_base() {
        assert_eq!(ratio(Some(3.0), Some(2.0)), "1.50");
        assert_eq!(ratio(Some(3.0), Some(0.0)), "");
        assert_eq!(ratio(None, Some(2.0)), "");
    }

    #[test]
    fn empty_notes_are_left_out() {
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
