//! The file `counts.toml`.

use std::collections::BTreeMap;
use std::fmt;

use super::tools::Tool;

const HEAD: &str = "\
# Instructions (callgrind) and system calls (strace) per operation of quintet, release profile:
# (count of 3 n operations - count of n operations) / 2 n. Rows that end in `-tokio-sync` are
# tokio's `sync` on quintet's loop, those in `-tokio` tokio's runtime, those in `-guest` quintet as
# its guest, and those in `-watched` a loop with `QUINTET_BLOCKED`, without the thread that watches
# it. Made by
#     cargo run --release -p quintet-benches --no-default-features --features adapters -- counts --write
#     cargo run --release -p quintet-benches --no-default-features -- counts --write
# of which the second keeps the rows that it cannot count, those of tokio's runtime and of the
# servers, and makes ours again without those in the same program.
# `counts --check` fails if a count of quintet is more than 10 % higher. The counts depend on the
# compiler.
";

/// The relative difference from which a count is reported.
const TOLERANCE: f64 = 0.10;

/// The counts of the file, or of one run of the command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// The compiler that the counted program was built with.
    pub(super) rustc: String,
    counts: BTreeMap<(Tool, String), f64>,
}

impl Counts {
    /// Returns an empty set of counts for the compiler `rustc`.
    pub(super) fn of(rustc: &str) -> Self {
        Counts {
            rustc: rustc.to_owned(),
            ..Counts::default()
        }
    }

    pub(super) fn insert(&mut self, tool: Tool, id: &str, value: f64) {
        self.counts.insert((tool, id.to_owned()), value);
    }

    pub(super) fn get(&self, tool: Tool, id: &str) -> Option<f64> {
        self.counts.get(&(tool, id.to_owned())).copied()
    }

    /// Returns all counts, sorted by tool and name.
    pub(super) fn all(&self) -> impl Iterator<Item = (Tool, &str, f64)> {
        self.counts
            .iter()
            .map(|((tool, id), value)| (*tool, &**id, *value))
    }

    /// Parses the file. Only the subset of TOML that [`Display`](fmt::Display) writes is accepted.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut counts = Counts::default();
        let mut tool = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            let wrong = || format!("counts.toml:{number}: `{line}` is not valid");
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(section) = line
                .strip_prefix('[')
                .and_then(|line| line.strip_suffix(']'))
            {
                tool = Some(Tool::of_section(section).ok_or_else(wrong)?);
                continue;
            }
            let (name, value) = line.split_once('=').ok_or_else(wrong)?;
            let (name, value) = (name.trim(), value.trim());
            match tool {
                None if name == "rustc" => value.trim_matches('"').clone_into(&mut counts.rustc),
                None => return Err(wrong()),
                Some(tool) => counts.insert(tool, name, value.parse().map_err(|_| wrong())?),
            }
        }
        Ok(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEAD}\nrustc = \"{}\"\n", self.rustc)?;
        for tool in [Tool::Callgrind, Tool::Strace] {
            writeln!(f, "\n[{}]", tool.section())?;
            for (_, id, value) in self.all().filter(|(of, ..)| *of == tool) {
                writeln!(f, "{id} = {}", tool.shown(value))?;
            }
        }
        Ok(())
    }
}

/// How a measured count compares with the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    More,
    Fewer,
    /// There is no stored count.
    New,
}

/// Compares each measured count with the stored one.
pub(super) fn compare(stored: &Counts, measured: &Counts) -> Vec<(Tool, String, Verdict)> {
    let verdict = |tool, id: &str, value: f64| match stored.get(tool, id) {
        None => Verdict::New,
        Some(before) => {
            let slack = (before * TOLERANCE).max(tool.slack());
            if value > before + slack {
                Verdict::More
            } else if value < before - slack {
                Verdict::Fewer
            } else {
                Verdict::Same
            }
        }
    };
    measured
        .all()
        .map(|(tool, id, value)| (tool, id.to_owned(), verdict(tool, id, value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Counts, Tool, Verdict, compare};

    fn counts_of(figures: &[(Tool, &str, f64)]) -> Counts {
        let mut counts = Counts::of("rustc 1.0 (x)");
        for (tool, id, value) in figures {
            counts.insert(*tool, id, *value);
        }
        counts
    }

    #[test]
    fn writing_and_parsing_preserve_the_counts() {
        let counts = counts_of(&[
            (Tool::Strace, "echo-loop", 5.5),
            (Tool::Callgrind, "ring", 260.0),
            (Tool::Callgrind, "echo-loop", 1700.0),
        ]);

        let text = counts.to_string();

        assert_eq!(Counts::parse(&text), Ok(counts));
        assert!(text.find("echo-loop = 1700").unwrap() < text.find("ring = 260").unwrap());
    }

    #[test]
    fn a_parse_error_names_the_line() {
        let cases = [
            "[cycles]",
            "ring = 3",
            "[instructions]\nring = many",
            "nonsense",
        ];
        for text in cases {
            let message = Counts::parse(text).unwrap_err();
            assert!(message.contains("counts.toml:"), "{message}");
        }
    }

    #[test]
    fn a_difference_of_less_than_ten_per_cent_is_tolerated() {
        let stored = counts_of(&[
            (Tool::Callgrind, "ring", 1000.0),
            (Tool::Strace, "idle", 0.0),
        ]);
        let verdicts = |ring, idle| {
            let measured = counts_of(&[
                (Tool::Callgrind, "ring", ring),
                (Tool::Strace, "idle", idle),
            ]);
            let verdicts = compare(&stored, &measured);
            (verdicts[0].2, verdicts[1].2)
        };

        assert_eq!(verdicts(1099.0, 0.04), (Verdict::Same, Verdict::Same));
        assert_eq!(verdicts(1101.0, 0.06), (Verdict::More, Verdict::More));
        assert_eq!(verdicts(899.0, 0.0), (Verdict::Fewer, Verdict::Same));
        let new = counts_of(&[(Tool::Callgrind, "other", 1.0)]);
        assert_eq!(compare(&stored, &new)[0].2, Verdict::New);
    }
}
