//! How long files, functions and lines may be.

use crate::files::{TextFile, code_only, files_in};
use crate::{Complaint, assert_none, assert_none_above};

/// The most lines of a file of `src`, without its unit tests.
const FILE_LINES_MAX: usize = 500;

/// The most lines of a function of `src`, from its signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 50;

/// The most characters of a line with a comment. `rustfmt` breaks the other ones.
const COLUMNS_MAX: usize = 100;

/// How many wider comments are left in an area, until it has been rewritten. Each number only
/// falls.
const WIDE_LEFT: &[(&str, usize)] = &[];

fn source_files() -> impl Iterator<Item = TextFile> {
    let files = files_in("src", &["rs"]);
    files.into_iter().filter(|file| !file.is_of_unit_tests())
}

#[test]
fn no_file_is_too_long() {
    let complaints: Vec<String> = source_files()
        .map(|file| (file.without_unit_tests().lines().count(), file.path))
        .filter(|(lines, _)| *lines > FILE_LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();

    assert_none("divide these files", complaints);
}

#[test]
fn no_function_is_too_long() {
    let complaints: Vec<String> = source_files()
        .flat_map(|file| {
            let path = file.path.clone();
            let functions = functions_in(file.without_unit_tests());
            functions
                .into_iter()
                .map(move |function| (path.clone(), function))
        })
        .filter(|(_, (_, lines))| *lines > FUNCTION_LINES_MAX)
        .map(|(path, (line, lines))| format!("{path}:{line}: {lines} lines"))
        .collect();

    assert_none("divide these functions", complaints);
}

/// Returns the first line of each function of `code` that has a body, and how many lines it has.
/// `code` is formatted by `rustfmt`: the closing brace is indented as the signature is.
fn functions_in(code: &str) -> Vec<(usize, usize)> {
    let code = code_only(code);
    let lines: Vec<&str> = code.lines().map(str::trim_end).collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let is_function = line.split_whitespace().any(|word| word == "fn");
        let is_one_line = line.ends_with('}') || line.ends_with(';');
        if !is_function || is_one_line || !has_body(&lines[index..]) {
            continue;
        }
        let indentation = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indentation}}}");
        let len = lines[index..].iter().position(|line| *line == end);
        found.extend(len.map(|len| (index + 1, len + 1)));
    }
    found
}

/// Whether the signature that `lines` begin with is followed by a body and not by `;`.
fn has_body(lines: &[&str]) -> bool {
    let mut depth = 0_usize;
    for c in lines.iter().flat_map(|line| line.chars()) {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' | ';' if depth == 0 => return c == '{',
            _ => {}
        }
    }
    false
}

#[test]
fn functions_are_found_with_their_lines() {
    let code = "\
trait Trait {
    fn declared(
        array: [u8; 4],
    );
    fn one_line() {}
    fn short(array: [u8; 4]) {
        array;
    }
}
fn long()
where
    T: Copy,
{
}
";
    assert_eq!(functions_in(code), [(6, 3), (10, 5)]);
}

#[test]
fn no_comment_is_too_wide() {
    let is_wide = |line: &str| {
        let comment = line.trim_start().trim_start_matches(['/', '!', ' ']);
        // The rows of tables and the targets of links cannot be broken.
        let can_be_broken = !comment.starts_with(['|', '[', '<']);
        let is_comment = line.trim_start().starts_with("//") || line.contains(" // ");
        is_comment && can_be_broken && line.chars().count() > COLUMNS_MAX
    };
    let mut complaints = Vec::new();
    for directory in ["adapters", "benches", "examples", "macros", "src", "tests"] {
        for file in files_in(directory, &["rs"]) {
            let lines = file.text.lines().enumerate();
            let wide = lines.filter(|(_, line)| is_wide(line));
            complaints.extend(wide.map(|(index, _)| Complaint {
                path: file.path.clone(),
                text: format!("{}:{}", file.path, index + 1),
            }));
        }
    }

    assert_none_above(WIDE_LEFT, "break these lines", &complaints);
}
