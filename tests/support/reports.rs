//! What a runtime says on standard error.

use std::process::Output;

/// What the runtime of a process reported, line by line.
pub(crate) fn reports(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().filter(|line| line.starts_with("quintet: "));
    lines.map(str::to_owned).collect()
}
