//! Rules for the text of the repository: the names of types, the words, and the sizes of files,
//! functions and lines. The rules for paths between modules are in `layering.rs`.

mod files;
mod names;
mod sizes;
mod words;

use std::fmt::Display;

/// An offence against a rule.
struct Complaint {
    path: String,
    text: String,
}

/// Panics with `complaints`, one a line, if there are any.
#[track_caller]
fn assert_none(rule: &str, complaints: impl IntoIterator<Item: Display>) {
    let lines: String = complaints
        .into_iter()
        .map(|complaint| format!("\n  {complaint}"))
        .collect();
    assert!(lines.is_empty(), "{rule}:{lines}");
}

/// Like [`assert_none`], except that some areas may have complaints until they are rewritten: as
/// many as `ceilings` says. An area is a directory, a file, or a module with its submodules.
/// Elsewhere there are none.
#[track_caller]
fn assert_none_above(ceilings: &[(&str, usize)], rule: &str, complaints: &[Complaint]) {
    let area_of = |path: &str| ceilings.iter().find(|(area, _)| is_in(path, area));
    let count = |area: &str| {
        complaints
            .iter()
            .filter(|found| is_in(&found.path, area))
            .count()
    };
    let too_many = complaints
        .iter()
        .filter(|found| match area_of(&found.path) {
            Some(&(area, ceiling)) => count(area) > ceiling,
            None => true,
        });
    assert_none(rule, too_many.map(|complaint| &complaint.text));
}

fn is_in(path: &str, area: &str) -> bool {
    path.strip_prefix(area)
        .is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
}
