//! The tables of README.md, as Markdown.

use super::{in_parentheses, percent};
use crate::compare::{Results, Rounds, Row};
use crate::machine;
use crate::runtimes::{FLOOR, NODE, QUINTET, QUINTET_GUEST, TOKIO, TOKIO_SYNC};
use crate::workloads::Metric;

/// The runtimes of the tables, and the floor for the chart.
pub(crate) const RUNTIMES: &[&str] = &[
    QUINTET,
    QUINTET_GUEST,
    TOKIO_SYNC,
    TOKIO,
    "smol",
    "monoio",
    "compio",
    NODE,
    FLOOR,
];

/// The columns and rows of a table.
struct ReadmeTable {
    /// The runtimes, each with its title.
    columns: &'static [(&'static str, &'static str)],
    /// The workloads, each with its title. A row shows the first metric of its workload.
    rows: &'static [(&'static str, &'static str)],
}

const TABLES: &[ReadmeTable] = &[
    ReadmeTable {
        columns: &[
            (QUINTET, "quintet"),
            (TOKIO, "tokio"),
            ("smol", "smol"),
            ("monoio", "monoio"),
            ("compio", "compio"),
            (NODE, "Node"),
        ],
        rows: &[
            ("spawn-join", "spawn and join a task"),
            ("spawn-join-1000", "the same, 1000 in flight"),
            ("self-wake-100", "100 tasks that wake themselves"),
            ("ping-pong", "ping-pong of two tasks"),
            ("timers-100k", "100,000 sleeps within a second"),
            ("timer-cancel", "set and drop a sleep"),
            ("sleep-100us", "sleep of 100 µs: lateness"),
            ("blocking-1", "`spawn_blocking`, one by one"),
            ("blocking-1000", "the same, 1000 in flight"),
            ("read-4k", "read a cached file of 4 KiB"),
            ("read-4k-64", "the same, 64 in flight"),
            ("thread-wake", "round trip with a thread"),
            ("echo-1-64", "TCP echo of 64 bytes, 1 connection"),
            ("echo-64-64", "the same, 64 connections"),
            ("echo-1000-64", "the same, 1000 connections"),
            ("churn", "connect, echo, close"),
            ("http-64", "HTTP request by hyper, 64 connections"),
            ("idle-task", "memory of an idle task, bytes"),
            ("idle-connection", "memory of an idle connection, bytes"),
        ],
    },
    ReadmeTable {
        columns: &[
            (QUINTET, "quintet"),
            (TOKIO_SYNC, "tokio's `sync` on quintet"),
            (TOKIO, "tokio"),
            ("smol", "smol"),
        ],
        rows: &[
            ("oneshot", "`oneshot`, one wake"),
            ("mpsc", "`mpsc` of 16, one message"),
            ("watch-8", "`watch`, 8 receivers"),
            ("broadcast-8", "`broadcast`, 8 receivers"),
            ("mutex", "`Mutex`, 1 task"),
            ("mutex-8", "`Mutex`, 8 tasks"),
            ("rwlock-read", "`RwLock`, 1 reader"),
            ("semaphore", "`Semaphore`, 1 task"),
            ("semaphore-8", "`Semaphore` of 4, 8 tasks"),
            ("notify", "`Notify`, one wake"),
            ("waiters-8", "8 tasks that wait for one socket"),
        ],
    },
    ReadmeTable {
        columns: &[
            (QUINTET, "quintet"),
            (QUINTET_GUEST, "as tokio's guest"),
            (TOKIO, "tokio"),
        ],
        rows: &[
            ("echo-1-64", "TCP echo of 64 bytes, 1 connection"),
            ("echo-64-64", "the same, 64 connections"),
            ("axum-hello-1", "axum, hello, 1 connection"),
            ("axum-hello-64", "the same, 64 connections"),
            ("axum-json-10k-64", "axum, 10 KiB of JSON and back"),
            ("tonic-unary-64", "tonic, unary call, 64 in flight"),
            ("tls-echo-64", "TLS 1.3 echo of 64 bytes by rustls"),
            ("websocket-echo-64", "websocket echo of 64 bytes"),
            ("static-4k-64", "`ServeDir`, file of 4 KiB"),
            ("static-1m-8", "`ServeDir`, file of 1 MiB, 8 connections"),
        ],
    },
];

/// The figures of a row that exceed its smallest one by at most this share are printed in bold, as
/// is the smallest.
const LEVEL: f64 = 0.02;

/// Returns whether a table of README.md has a row for the workload.
pub(crate) fn is_in_readme(id: &str) -> bool {
    TABLES
        .iter()
        .flat_map(|table| table.rows)
        .any(|(row, _)| *row == id)
}

/// Formats the tables and the machine that they were measured on.
pub(crate) fn markdown(results: &Results) -> String {
    let mut text = String::new();
    for table in TABLES {
        text += &render(results, table);
    }
    let versions: Vec<_> = machine::versions()
        .into_iter()
        .filter(|(name, _)| results.runtimes.contains(&&**name))
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    text + &format!(
        "{} rounds on {}; {}; {}.\n",
        results.rounds,
        machine::describe(),
        machine::version_of("rustc").unwrap_or_else(|| "rustc unknown".to_owned()),
        versions.join(", "),
    )
}

/// Formats a table and an empty line. Returns an empty string if no row has results.
fn render(results: &Results, table: &ReadmeTable) -> String {
    let rows: Vec<_> = table
        .rows
        .iter()
        .filter_map(|(id, title)| {
            let measured = results
                .rows
                .iter()
                .find(|measured| measured.workload.id == *id)?;
            Some(row(results, table, measured, title))
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let titles: Vec<_> = table.columns.iter().map(|(_, title)| *title).collect();
    let rule = "---|".repeat(table.columns.len() + 1);
    format!("| | {} |\n|{rule}\n{}\n", titles.join(" | "), rows.concat())
}

fn row(results: &Results, table: &ReadmeTable, measured: &Row, title: &str) -> String {
    let metric = measured.workload.metrics[0];
    let cells: Vec<Option<&Rounds>> = table
        .columns
        .iter()
        .map(|(runtime, _)| {
            let column = results.runtimes.iter().position(|name| name == runtime)?;
            Some(&measured.cells[column])
        })
        .collect();
    let figure = |cell: &Option<&Rounds>| (*cell)?.figure(metric);
    let smallest = cells.iter().filter_map(figure).reduce(f64::min);
    let tokio = results.figure(measured, TOKIO, metric);
    let mut text = format!("| {title} |");
    for ((runtime, _), cell) in table.columns.iter().zip(&cells) {
        let value = figure(cell);
        let shown = match value {
            None => "–".to_owned(),
            Some(value) => {
                let base = tokio.filter(|_| *runtime != TOKIO);
                let is_least = smallest.is_some_and(|least| value <= least * (1.0 + LEVEL));
                let bold = if is_least { "**" } else { "" };
                let spread = percent(cell.and_then(|cell| cell.spread(metric)));
                format!(
                    "{bold}{}{bold}{}",
                    shown(metric, value, base),
                    in_parentheses(&[spread])
                )
            }
        };
        text += &format!(" {shown} |");
    }
    text + "\n"
}

/// Formats CPU time as a ratio to `tokio`, if that is given. Other figures have their unit.
fn shown(metric: Metric, value: f64, tokio: Option<f64>) -> String {
    match (metric, tokio) {
        (Metric::Cpu, Some(tokio)) => format!("{:.2}", value / tokio),
        (Metric::Cpu | Metric::Wall, _) if value < 9999.5 => format!("{value:.0} ns"),
        (Metric::Cpu | Metric::Wall, _) => format!("{:.0} µs", value / 1e3),
        (Metric::Median, _) => format!("{value:.0} µs"),
        (Metric::Bytes | Metric::Load, _) => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{RUNTIMES, TABLES, is_in_readme, markdown};
    use crate::compare::{Results, Rounds, Row};
    use crate::measure::{Percentiles, Sample};
    use crate::runtimes::NAMES;
    use crate::workloads::{ALL, Metric};

    /// The results of one workload on quintet, tokio and Node, with one operation in each round.
    /// Node does not support it.
    fn line(id: &str, quintet: &[u64], tokio: &[u64]) -> Row {
        let cell = |values: &[u64]| Rounds {
            samples: values
                .iter()
                .map(|value| Sample {
                    operations: 1,
                    cpu_ns: *value,
                    bytes: *value,
                    latency: Percentiles::of(&mut [*value * 1000]),
                    ..Sample::default()
                })
                .collect(),
            failed: None,
        };
        Row {
            workload: ALL.iter().find(|workload| workload.id == id).unwrap(),
            operations: 1,
            cells: vec![cell(quintet), cell(tokio), Rounds::default()],
        }
    }

    fn results(rows: Vec<Row>) -> Results {
        Results {
            runtimes: vec!["quintet", "tokio", "node"],
            rounds: 2,
            rows,
        }
    }

    #[test]
    fn a_time_is_a_ratio_with_its_spread() {
        let text = markdown(&results(vec![
            line("spawn-join", &[110, 100], &[500, 400]),
            line("churn", &[101_000], &[100_000]),
        ]));

        assert!(
            text.starts_with(
                "| | quintet | tokio | smol | monoio | compio | Node |\n\
                 |---|---|---|---|---|---|---|\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("| spawn and join a task | **0.25** (10 %) | 400 ns (25 %) | – |"),
            "{text}"
        );
        // One per cent above the smallest is still bold.
        assert!(
            text.contains("| connect, echo, close | **1.01** (0 %) | **100 µs** (0 %) |"),
            "{text}"
        );
        // The other table has no results.
        assert!(!text.contains("tokio's `sync`"), "{text}");
        assert!(text.contains("2 rounds on "), "{text}");
    }

    #[test]
    fn other_figures_have_their_unit() {
        let text = markdown(&results(vec![
            line("sleep-100us", &[32, 34], &[990]),
            line("idle-task", &[200], &[328]),
        ]));

        assert!(
            text.contains("| **33 µs** (6 %) | 990 µs (0 %) |"),
            "{text}"
        );
        assert!(text.contains("| **200** (0 %) | 328 (0 %) |"), "{text}");
    }

    #[test]
    fn each_row_and_column_exists() {
        for table in TABLES {
            for (id, _) in table.rows {
                let workload = ALL.iter().find(|workload| workload.id == *id);
                let metric = workload.map(|workload| workload.metrics[0]);
                assert!(
                    metric.is_some_and(|metric| metric != Metric::Load),
                    "{id}: {metric:?}"
                );
                assert!(is_in_readme(id));
            }
            for (runtime, _) in table.columns {
                assert!(RUNTIMES.contains(runtime), "{runtime}");
            }
        }
        assert!(!is_in_readme("idle-server"));
        if cfg!(all(feature = "peers", feature = "adapters")) {
            assert!(RUNTIMES.iter().all(|runtime| NAMES.contains(runtime)));
        }
    }

    #[test]
    fn the_readme_has_these_rows() {
        let readme = include_str!("../../../README.md");

        for (_, title) in TABLES.iter().flat_map(|table| table.rows) {
            let row = readme
                .lines()
                .find(|line| line.starts_with(&format!("| {title} |")));
            assert!(
                row.is_some(),
                "README.md has no row \"{title}\": renew its tables"
            );
        }
    }
}
