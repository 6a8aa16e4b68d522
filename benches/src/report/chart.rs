//! A bar chart for README.md: CPU time per operation, on a logarithmic scale.

use super::svg::{ACCENT, Anchor, FAINT, Picture, Scale};
use super::table::number;
use crate::compare::{Results, Row};
use crate::machine;
use crate::runtimes::{FLOOR, QUINTET, TOKIO};
use crate::workloads::Metric;

/// The workloads of the chart, in this order. Those without results are left out.
const SHOWN: &[&str] = &[
    "spawn-join",
    "self-wake-100",
    "ping-pong",
    "timer-cancel",
    "blocking-1000",
    "thread-wake",
    "read-4k",
    "echo-64-64",
    "http-64",
];

const WIDTH: f64 = 800.0;
const LABELS: f64 = 110.0;
const FIGURES: f64 = 60.0;
const HEAD: f64 = 56.0;
const FOOT: f64 = 30.0;
const BAR: f64 = 14.0;
const GROUP_HEAD: f64 = 24.0;

const TOKIO_BAR: &str = "#57606a";
const PEER_BAR: &str = "#8c959f";
const FLOOR_BAR: &str = "#afb8c1";

/// Draws the chart as SVG.
pub(crate) fn chart(results: &Results) -> String {
    let groups: Vec<BarGroup<'_>> = SHOWN.iter().filter_map(|id| group(results, id)).collect();
    let bars: usize = groups.iter().map(|group| group.bars.len()).sum();
    let height = HEAD + FOOT + GROUP_HEAD * length(groups.len()) + BAR * length(bars);
    let title = "CPU time per operation, ns, logarithmic scale; shorter is better";
    let mut picture = Picture::new(WIDTH, height, title);
    picture.text((16.0, 22.0), Anchor::Start, true, title);
    let values = groups
        .iter()
        .flat_map(|group| group.bars.iter().map(|bar| bar.1));
    let Some(scale) = Scale::around(values, LABELS, WIDTH - FIGURES) else {
        return picture.to_string();
    };
    for mark in scale.marks() {
        let x = scale.place(mark);
        picture.text((x, HEAD - 12.0), Anchor::Middle, false, &number(mark));
    }
    let mut y = HEAD;
    for group in &groups {
        draw(&mut picture, group, &scale, y);
        y += GROUP_HEAD + BAR * length(group.bars.len());
    }
    picture.text(
        (16.0, height - 10.0),
        Anchor::Start,
        false,
        &machine::describe(),
    );
    picture.to_string()
}

/// Draws the title and the bars of a workload, from `top` downwards.
fn draw(picture: &mut Picture, group: &BarGroup<'_>, scale: &Scale, top: f64) {
    let title = group.row.workload.title;
    picture.text((16.0, top + 17.0), Anchor::Start, true, title);
    let mut y = top + GROUP_HEAD;
    let bottom = y + BAR * length(group.bars.len());
    for mark in scale.marks() {
        let x = scale.place(mark);
        picture.line((x, y), (x, bottom), FAINT);
    }
    for (runtime, value) in &group.bars {
        let (fill, bold) = match *runtime {
            QUINTET => (ACCENT, true),
            TOKIO => (TOKIO_BAR, false),
            FLOOR => (FLOOR_BAR, false),
            _ => (PEER_BAR, false),
        };
        let end = scale.place(*value);
        picture.text((LABELS - 6.0, y + 11.0), Anchor::End, bold, runtime);
        picture.rectangle(LABELS, y + 1.5, end - LABELS, BAR - 3.0, fill);
        picture.text((end + 5.0, y + 11.0), Anchor::Start, bold, &number(*value));
        y += BAR;
    }
}

struct BarGroup<'a> {
    row: &'a Row,
    bars: Vec<(&'static str, f64)>,
}

/// Returns the bars of one workload, or `None` if it has no results.
fn group<'a>(results: &'a Results, id: &str) -> Option<BarGroup<'a>> {
    let row = results.rows.iter().find(|row| row.workload.id == id)?;
    let bars: Vec<_> = results
        .runtimes
        .iter()
        .zip(&row.cells)
        .filter_map(|(runtime, cell)| Some((*runtime, cell.figure(Metric::Cpu)?)))
        .collect();
    (!bars.is_empty()).then_some(BarGroup { row, bars })
}

fn length(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, chart};
    use crate::compare::Results;
    use crate::report::svg::tests::well_formed;
    use crate::report::tests::results;
    use crate::runtimes::NAMES;
    use crate::workloads::find;

    #[test]
    fn the_chart_is_well_formed_and_names_its_bars() {
        let chart = chart(&results());

        assert!(well_formed(&chart), "{chart}");
        assert!(chart.contains(">quintet</text>"), "{chart}");
        assert!(chart.contains(">tokio</text>"), "{chart}");
        assert!(
            !chart.contains(">monoio</text>"),
            "it has no results: {chart}"
        );
    }

    #[test]
    fn a_chart_without_results_is_well_formed() {
        let empty = Results {
            rows: Vec::new(),
            ..results()
        };

        assert!(well_formed(&chart(&empty)));
    }

    #[test]
    fn each_workload_exists_and_the_chart_is_below_30_kib() {
        let mut full = results();
        let mut row = full.rows[0].clone();
        full.runtimes = ["quintet"]
            .into_iter()
            .chain(NAMES.iter().copied())
            .cycle()
            .take(9)
            .collect();
        row.cells = vec![row.cells[0].clone(); 9];
        full.rows = SHOWN
            .iter()
            .map(|id| {
                let mut row = row.clone();
                row.workload = find(id).unwrap();
                row
            })
            .collect();

        assert!(chart(&full).len() <= 30 * 1024);
    }
}
