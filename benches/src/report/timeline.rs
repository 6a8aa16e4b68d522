//! Quantities over time: a line of text, and charts on linear scales that begin at zero.

use super::svg::{ACCENT, Anchor, FAINT, INK, Picture};
use super::table::number;

/// A quantity, measured once a second.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    pub(crate) title: String,
    pub(crate) values: Vec<u64>,
}

/// How many characters the course of a quantity takes.
const COURSE: usize = 24;

impl Timeline {
    /// Draws the course as a line of blocks, from zero to the highest value.
    pub(crate) fn course(&self) -> String {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let columns = self.columns(COURSE);
        let highest = columns.iter().copied().fold(1.0, f64::max);
        let block = |value: &f64| {
            // Between 0 and 8.
            let height = (value / highest * 8.0).round() as usize;
            BLOCKS[height.min(8)]
        };
        columns.iter().map(block).collect()
    }

    /// Returns the means of at most `count` stretches of equal length.
    fn columns(&self, count: usize) -> Vec<f64> {
        let width = self.values.len().div_ceil(count).max(1);
        let mean = |values: &[u64]| values.iter().sum::<u64>() as f64 / values.len() as f64;
        self.values.chunks(width).map(mean).collect()
    }
}

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 36.0;
/// How many points a line has.
const POINTS: usize = 60;

/// Draws the quantities as SVG, two in a row.
pub(crate) fn timelines(all: &[impl AsRef<Timeline>]) -> String {
    let rows = u16::try_from(all.len().div_ceil(2)).unwrap_or(u16::MAX);
    let height = HEIGHT * f64::from(rows.max(1));
    let mut picture = Picture::new(2.0 * WIDTH, height, "What a server holds over time");
    for (place, timeline) in (0u16..).zip(all) {
        let x = f64::from(place % 2) * WIDTH;
        let y = f64::from(place / 2) * HEIGHT;
        draw(&mut picture, timeline.as_ref(), x, y);
    }
    picture.to_string()
}

fn draw(picture: &mut Picture, timeline: &Timeline, x: f64, y: f64) {
    picture.text((x + 16.0, y + 22.0), Anchor::Start, true, &timeline.title);
    let (left, right) = (x + LEFT, x + WIDTH - RIGHT);
    let (top, bottom) = (y + TOP, y + HEIGHT - BOTTOM);
    let columns = timeline.columns(POINTS);
    let highest = columns.iter().copied().fold(1.0, f64::max);
    for value in [0.0, highest / 2.0, highest] {
        let at = bottom - value / highest * (bottom - top);
        picture.line((left, at), (right, at), FAINT);
        picture.text((left - 6.0, at + 4.0), Anchor::End, false, &number(value));
    }
    picture.line((left, top), (left, bottom), INK);
    picture.line((left, bottom), (right, bottom), INK);
    let seconds = format!("{} s", timeline.values.len());
    picture.text((right, bottom + 16.0), Anchor::End, false, &seconds);
    let step = (right - left) / (columns.len().saturating_sub(1).max(1)) as f64;
    let place = |(index, value): (usize, &f64)| {
        let at = left + step * index as f64;
        (at, bottom - value / highest * (bottom - top))
    };
    let points: Vec<_> = columns.iter().enumerate().map(place).collect();
    picture.path(&points, ACCENT);
}

#[cfg(test)]
mod tests {
    use super::{COURSE, Timeline, timelines};
    use crate::report::svg::tests::well_formed;

    impl AsRef<Timeline> for Timeline {
        fn as_ref(&self) -> &Timeline {
            self
        }
    }

    fn timeline(values: Vec<u64>) -> Timeline {
        Timeline {
            title: "tasks & more".to_owned(),
            values,
        }
    }

    #[test]
    fn a_course_begins_at_zero_and_ends_at_the_highest_value() {
        assert_eq!(timeline(vec![0, 4, 8]).course(), " ▄█");
        assert_eq!(timeline(vec![0, 0]).course(), "  ");
        let long = timeline((0..600).collect()).course();
        assert_eq!(long.chars().count(), COURSE);
        assert!(long.ends_with('█'), "{long}");
    }

    #[test]
    fn each_quantity_is_a_line() {
        let all = [
            timeline((0..600).collect()),
            timeline(vec![3]),
            timeline(vec![]),
        ];
        let text = timelines(&all);
        assert!(well_formed(&text), "{text}");
        assert_eq!(text.matches("<polyline").count(), 3);
        assert!(text.contains("600 s"), "{text}");
    }
}
