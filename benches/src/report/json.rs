//! A small JSON writer, and the results as JSON.

use std::fmt;

use super::Panel;
use crate::compare::{Results, Rounds, Row};
use crate::machine;
use crate::workloads::Metric;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Makes an object with these members, in this order.
    pub(crate) fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Json)>) -> Self {
        Json::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
    }

    fn text(text: impl Into<String>) -> Self {
        Json::Text(text.into())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // JSON has no infinity and no NaN.
            Json::Number(value) if !value.is_finite() => f.write_str("null"),
            Json::Number(value) => write!(f, "{value}"),
            Json::Text(text) => quote(f, text),
            Json::List(values) => {
                f.write_str("[")?;
                for (place, value) in values.iter().enumerate() {
                    let comma = if place > 0 { ",\n" } else { "\n" };
                    write!(f, "{comma}{value}")?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (place, (name, value)) in members.iter().enumerate() {
                    f.write_str(if place > 0 { ", " } else { "" })?;
                    quote(f, name)?;
                    write!(f, ": {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// Formats the results of `compare`.
pub(crate) fn json(results: &Results) -> String {
    let rows = results.rows.iter().map(|row| workload(results, row));
    let mut members = about();
    members.push(("rounds".to_owned(), count(results.rounds)));
    members.push(("workloads".to_owned(), Json::List(rows.collect())));
    format!("{}\n", Json::Object(members))
}

/// Formats the results of `growth`.
pub(crate) fn growth(panels: &[Panel]) -> String {
    let point =
        |(x, y): &(f64, f64)| Json::object([("live", Json::Number(*x)), ("ns", Json::Number(*y))]);
    let panels = panels.iter().map(|panel| {
        let series = panel.series.iter().map(|series| {
            let points = Json::List(series.points.iter().map(point).collect());
            (series.name.clone(), points)
        });
        Json::object([
            ("title", Json::text(&*panel.title)),
            ("runtimes", Json::object(series)),
        ])
    });
    let mut members = about();
    members.push(("growth".to_owned(), Json::List(panels.collect())));
    format!("{}\n", Json::Object(members))
}

fn about() -> Vec<(String, Json)> {
    let versions = machine::versions()
        .into_iter()
        .map(|(name, version)| (name, Json::Text(version)));
    let rustc = machine::version_of("rustc").unwrap_or_default();
    vec![
        ("machine".to_owned(), Json::Text(machine::describe())),
        ("rustc".to_owned(), Json::Text(rustc)),
        ("versions".to_owned(), Json::object(versions)),
    ]
}

fn workload(results: &Results, row: &Row) -> Json {
    let runtimes = row
        .cells
        .iter()
        .zip(&results.runtimes)
        .filter_map(|(cell, runtime)| Some(((*runtime).to_owned(), measured(row, cell)?)));
    Json::object([
        ("id", Json::text(row.workload.id)),
        ("title", Json::text(row.workload.title)),
        ("operations", count(row.operations)),
        ("runtimes", Json::object(runtimes)),
    ])
}

/// Returns the figure and the median of each metric, and the latencies. Returns `None` if the
/// runtime does not support the workload.
fn measured(row: &Row, cell: &Rounds) -> Option<Json> {
    let mut members = Vec::new();
    let mut metrics = vec![Metric::Cpu, Metric::Wall];
    metrics.extend(row.workload.metrics);
    metrics.dedup();
    for metric in metrics {
        if let (Some(figure), Some(median)) = (cell.figure(metric), cell.median(metric)) {
            let value = [
                ("figure", Json::Number(figure)),
                ("median", Json::Number(median)),
            ];
            if !members.iter().any(|(name, _)| name == metric.name()) {
                members.push((metric.name().to_owned(), Json::object(value)));
            }
        }
    }
    let percentiles = [
        ("p50", cell.latency(|latency| latency.p50)),
        ("p90", cell.latency(|latency| latency.p90)),
        ("p99", cell.latency(|latency| latency.p99)),
        ("p99.9", cell.latency(|latency| latency.p999)),
        ("max", cell.latency(|latency| latency.max)),
    ];
    let latency: Vec<_> = percentiles
        .into_iter()
        .filter_map(|(name, value)| Some((name, Json::Number(value?))))
        .collect();
    if !latency.is_empty() {
        members.push(("latency_us".to_owned(), Json::object(latency)));
    }
    if let Some(why) = &cell.failed {
        members.push(("failed".to_owned(), Json::text(&**why)));
    }
    (!members.is_empty()).then_some(Json::Object(members))
}

fn count(value: u64) -> Json {
    Json::Number(value as f64)
}

#[cfg(test)]
mod tests {
    use super::{Json, json};
    use crate::report::tests::results;

    #[test]
    fn strings_are_escaped() {
        let json = Json::object([("a\"b", Json::text("c\\d\n"))]);

        assert_eq!(json.to_string(), r#"{"a\"b": "c\\d\u000a"}"#);
    }

    #[test]
    fn numbers_are_numbers_or_null() {
        let list = Json::List(vec![Json::Number(1.5), Json::Number(f64::NAN)]);

        assert_eq!(list.to_string(), "[\n1.5,\nnull]");
    }

    #[test]
    fn an_unsupported_workload_is_left_out_and_a_failed_one_has_its_error() {
        let json = json(&results());

        assert!(
            json.contains(r#""quintet": {"cpu_ns": {"figure": 2000, "median": 2000}"#),
            "{json}"
        );
        assert!(json.contains(r#""p99.9": 1.5"#), "{json}");
        assert!(
            json.contains(r#""glommio": {"failed": "no ring & no <hope>"}"#),
            "{json}"
        );
        assert!(!json.contains("\"monoio\": {"), "{json}");
    }
}
