//! Line charts on logarithmic scales, for the growth of a cost.

use super::svg::{ACCENT, Anchor, FAINT, INK, Picture, Scale};
use super::table::number;
use crate::runtimes::QUINTET;

/// One chart.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) series: Vec<Series>,
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 36.0;
const LABEL: f64 = 13.0;

/// The colours of the lines, quintet's excepted, in order.
const COLOURS: &[&str] = &["#0550ae", "#57606a", "#116329", "#6639ba", "#9a6700"];

/// Draws the charts as SVG, two in a row.
pub(crate) fn plot(panels: &[Panel]) -> String {
    let rows = u16::try_from(panels.len().div_ceil(2)).unwrap_or(u16::MAX);
    let height = HEIGHT * f64::from(rows.max(1));
    let mut picture = Picture::new(2.0 * WIDTH, height, "Growth of the cost per operation");
    for (place, panel) in (0u16..).zip(panels) {
        let x = f64::from(place % 2) * WIDTH;
        let y = f64::from(place / 2) * HEIGHT;
        draw(&mut picture, panel, x, y);
    }
    picture.to_string()
}

fn draw(picture: &mut Picture, panel: &Panel, x: f64, y: f64) {
    picture.text((x + 16.0, y + 22.0), Anchor::Start, true, &panel.title);
    let points = || panel.series.iter().flat_map(|series| &series.points);
    let (left, right) = (x + LEFT, x + WIDTH - RIGHT);
    let (top, bottom) = (y + TOP, y + HEIGHT - BOTTOM);
    let across = Scale::around(points().map(|point| point.0), left, right);
    let up = Scale::around(points().map(|point| point.1), bottom, top);
    let (Some(across), Some(up)) = (across, up) else {
        return;
    };
    for mark in across.marks() {
        let at = across.place(mark);
        picture.line((at, top), (at, bottom), FAINT);
        picture.text((at, bottom + 16.0), Anchor::Middle, false, &number(mark));
    }
    for mark in up.marks() {
        let at = up.place(mark);
        picture.line((left, at), (right, at), FAINT);
        let label = format!("{} ns", number(mark));
        picture.text((left - 6.0, at + 4.0), Anchor::End, false, &label);
    }
    picture.line((left, top), (left, bottom), INK);
    picture.line((left, bottom), (right, bottom), INK);
    let mut colours = COLOURS.iter().cycle();
    let mut labels = Vec::new();
    for series in &panel.series {
        let ours = series.name == QUINTET;
        let colour = if ours {
            ACCENT
        } else {
            colours.next().unwrap_or(&INK)
        };
        let place = |(x, y): &(f64, f64)| (across.place(*x), up.place(*y));
        let points: Vec<_> = series.points.iter().map(place).collect();
        picture.path(&points, colour);
        labels.extend(points.last().map(|(x, y)| (*x, *y, &*series.name)));
    }
    labels.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut free = 0.0;
    for (x, y, name) in labels {
        // Move the label below the previous one if they would overlap.
        let y = f64::max(y, free);
        picture.text((x + 8.0, y + 4.0), Anchor::Start, name == QUINTET, name);
        free = y + LABEL;
    }
}

#[cfg(test)]
mod tests {
    use super::{Panel, Series, plot};
    use crate::report::svg::tests::well_formed;

    #[test]
    fn each_series_is_a_line_with_its_name() {
        let series = |name: &str| Series {
            name: name.to_owned(),
            points: vec![(10.0, 50.0), (100.0, 70.0)],
        };
        let panels = [
            Panel {
                title: "live <tasks>".to_owned(),
                series: vec![series("quintet"), series("tokio")],
            },
            Panel {
                title: "nothing".to_owned(),
                series: Vec::new(),
            },
        ];

        let plot = plot(&panels);

        assert!(well_formed(&plot), "{plot}");
        assert_eq!(plot.matches("<polyline").count(), 2);
        assert!(plot.contains(">tokio</text>"), "{plot}");
        assert!(plot.contains("live &lt;tasks&gt;"), "{plot}");
        // Both lines end at the same point, but their labels do not overlap.
        let heights = |name: &str| {
            let line = plot
                .lines()
                .find(|line| line.ends_with(&format!(">{name}</text>")));
            line.and_then(|line| line.split('"').nth(3)?.parse::<f64>().ok())
                .unwrap()
        };
        assert!(
            (heights("quintet") - heights("tokio")).abs() >= 12.0,
            "{plot}"
        );
    }
}
