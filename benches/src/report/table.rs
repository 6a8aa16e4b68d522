//! Markdown tables with aligned columns.

use std::fmt;

/// A table. The columns of text come first.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// The number of columns with text. The others contain numbers.
    text_columns: usize,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Table {
            head: head.map(str::to_owned).to_vec(),
            rows: Vec::new(),
            text_columns: N,
        }
    }

    /// Adds a column of numbers.
    pub(crate) fn column(&mut self, name: &str) {
        self.head.push(name.to_owned());
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.head.len());
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.head.len())
            .map(|column| {
                let all = self.rows.iter().chain([&self.head]);
                all.map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let write_row = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column < self.text_columns {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")
        };
        write_row(f, &self.head)?;
        for (column, width) in widths.iter().enumerate() {
            let line = "-".repeat(width + 1);
            let (left, right) = if column < self.text_columns {
                (":", "")
            } else {
                ("", ":")
            };
            write!(f, "|{left}{line}{right}")?;
        }
        writeln!(f, "|")?;
        self.rows.iter().try_for_each(|row| write_row(f, row))
    }
}

/// Formats a number with at least two significant digits, and with `k` or `M` if it is large.
pub(crate) fn number(value: f64) -> String {
    match value {
        ..0.05 => "0".to_owned(),
        ..9.95 => format!("{value:.1}"),
        ..99_999.5 => format!("{value:.0}"),
        ..999_950.0 => format!("{:.0}k", value / 1e3),
        _ => format!("{:.1}M", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, number};

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(["what"]);
        table.column("µs");
        table.row(vec!["a".to_owned(), "1.5".to_owned()]);
        table.row(vec!["longer".to_owned(), "12345".to_owned()]);

        let expected = "\
| what   |    µs |
|:-------|------:|
| a      |   1.5 |
| longer | 12345 |
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.24, "0.2"),
            (8.44, "8.4"),
            (9.96, "10"),
            (6310.4, "6310"),
            (123_456.0, "123k"),
            (999_960.0, "1.0M"),
            (2_300_000.0, "2.3M"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }
}
