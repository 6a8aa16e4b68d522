//! The SVG shapes and the scale that the charts are made of.
//!
//! A picture has its own background, so that it is legible on a dark page too.

use std::fmt::{self, Write};

pub(super) const BACKGROUND: &str = "#ffffff";
pub(super) const INK: &str = "#1f2328";
pub(super) const FAINT: &str = "#d1d9e0";
pub(super) const ACCENT: &str = "#c2410c";

/// The alignment of a text relative to its position.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An SVG picture.
#[derive(Debug)]
pub(super) struct Picture {
    body: String,
    width: f64,
    height: f64,
}

impl Picture {
    /// Makes an empty picture. `title` is its text alternative.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut picture = Picture {
            body: format!("<title>{}</title>\n", escaped(title)),
            width,
            height,
        };
        picture.rectangle(0.0, 0.0, width, height, BACKGROUND);
        picture
    }

    pub(super) fn rectangle(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        self.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{fill}\"/>"
        ));
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str) {
        self.add(format_args!(
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{stroke}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    /// Draws a line through the points, and a dot at each.
    pub(super) fn path(&mut self, points: &[(f64, f64)], stroke: &str) {
        let list: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let list = list.join(" ");
        self.add(format_args!(
            "<polyline points=\"{list}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"2\"/>"
        ));
        for (x, y) in points {
            self.add(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{stroke}\"/>"
            ));
        }
    }

    pub(super) fn text(&mut self, at: (f64, f64), anchor: Anchor, bold: bool, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let bold = if bold { " font-weight=\"bold\"" } else { "" };
        self.add(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\"{anchor}{bold}>{}</text>",
            at.0,
            at.1,
            escaped(text)
        ));
    }

    fn add(&mut self, shape: fmt::Arguments<'_>) {
        writeln!(self.body, "{shape}").expect("writing to a string does not fail");
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Picture {
            body,
            width,
            height,
        } = self;
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
             width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
             font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"{INK}\">"
        )?;
        writeln!(f, "{body}</svg>")
    }
}

/// Escapes text for use between tags.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A logarithmic scale from a range of values to a range of coordinates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Makes a scale from a power of ten to a power of ten that covers the positive values. Returns
    /// `None` if there are none.
    pub(super) fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for value in values.filter(|value| *value > 0.0 && value.is_finite()) {
            low = low.min(value.log10());
            high = high.max(value.log10());
        }
        let (low, high) = (low.floor(), high.ceil());
        (low <= high).then_some(Scale {
            low,
            high: high.max(low + 1.0),
            from,
            to,
        })
    }

    /// Returns the coordinate of a value. A value that is not positive is at the low end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = (value.log10() - self.low) / (self.high - self.low);
        let share = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.from + share * (self.to - self.from)
    }

    /// Returns the powers of ten on the scale.
    pub(super) fn marks(&self) -> impl Iterator<Item = f64> {
        let (low, high) = (self.low, self.high);
        (0..)
            .map(f64::from)
            .map(move |n| low + n)
            .take_while(move |n| *n <= high)
            .map(|n| 10f64.powf(n))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Anchor, Picture, Scale};

    /// Returns whether the tags are balanced and each `&` begins an entity.
    pub(crate) fn well_formed(text: &str) -> bool {
        let mut open = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('<') {
            let entities = rest[..at].split('&').skip(1);
            let known = ["amp;", "lt;", "gt;"];
            if !entities
                .clone()
                .all(|after| known.iter().any(|name| after.starts_with(name)))
            {
                return false;
            }
            let Some(end) = rest[at..].find('>') else {
                return false;
            };
            let tag = &rest[at + 1..at + end];
            let name = tag
                .trim_start_matches('/')
                .split_whitespace()
                .next()
                .unwrap_or("");
            if tag.matches('"').count() % 2 == 1 || tag.contains('<') {
                return false;
            }
            if tag.starts_with('/') {
                if open.pop() != Some(name) {
                    return false;
                }
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            rest = &rest[at + end + 1..];
        }
        open.is_empty() && rest.trim().is_empty()
    }

    #[test]
    fn text_is_escaped() {
        let mut picture = Picture::new(10.0, 10.0, "a < b & c");
        picture.text((1.0, 2.0), Anchor::End, true, "</svg><b>");
        picture.line((0.0, 0.0), (1.0, 1.0), "#000");
        picture.path(&[(0.0, 0.0), (1.0, 1.0)], "#000");

        let text = picture.to_string();

        assert!(well_formed(&text), "{text}");
        assert!(text.contains("&lt;/svg&gt;&lt;b&gt;"), "{text}");
    }

    #[test]
    fn the_check_finds_errors() {
        assert!(!well_formed("<a><b></a></b>"));
        assert!(!well_formed("<a>"));
        assert!(!well_formed("<a>&x</a>"));
        assert!(!well_formed("<a b=\"></a>"));
        assert!(well_formed("<a b=\"\">&amp;<c/></a>"));
    }

    #[test]
    fn a_scale_is_logarithmic_and_starts_at_a_power_of_ten() {
        let scale = Scale::around([30.0, 2000.0].into_iter(), 0.0, 300.0).unwrap();

        assert_eq!(
            scale.marks().collect::<Vec<_>>(),
            [10.0, 100.0, 1000.0, 10_000.0]
        );
        assert!((scale.place(100.0) - 100.0).abs() < 1e-9);
        assert!(scale.place(0.0).abs() < 1e-9);
        assert!((scale.place(1e9) - 300.0).abs() < 1e-9);
        assert!(Scale::around([0.0].into_iter(), 0.0, 1.0).is_none());
    }
}
