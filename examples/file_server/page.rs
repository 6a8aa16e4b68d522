//! The layout of the pages that the server creates: listings and errors.

use std::fmt::{self, Write};

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 3rem auto; padding: 0 1rem; \
color: #1d2733; background: #fbfcfd }
a { color: #0b62a8; text-decoration: none } a:hover { text-decoration: underline }
code { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #e3e8ee }
td + td, th + th { white-space: nowrap; color: #5b6876; font-variant-numeric: tabular-nums }
@media (prefers-color-scheme: dark) { body { color: #d8dee6; background: #12171d } \
a { color: #6cb6ff } th, td { border-color: #2a323c } }
";

/// An HTML page with a heading.
pub(crate) struct Page<'a, B> {
    /// Plain text, which is escaped.
    pub(crate) title: &'a str,
    /// HTML.
    pub(crate) body: B,
}

impl<B: fmt::Display> fmt::Display for Page<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = Escaped(self.title);
        f.write_str("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n")?;
        f.write_str("<meta name=\"viewport\" content=\"width=device-width\">\n")?;
        f.write_str("<meta name=\"color-scheme\" content=\"light dark\">\n")?;
        writeln!(f, "<title>{title}</title>\n<style>\n{STYLE}</style>")?;
        writeln!(f, "<h1>{title}</h1>\n{}", self.body)
    }
}

/// Displays text escaped for HTML.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
