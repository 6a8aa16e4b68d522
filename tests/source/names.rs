//! One name, one type: no two types of the crate have the same name.

use std::collections::BTreeMap;

use crate::assert_none;
use crate::files::{code_only, files_in};

/// Names that several types may have, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("Incoming", "each type of listeners has one, as in std"),
    (
        "Builder",
        "a module's type is built by its `Builder`, as in std and tokio",
    ),
    ("Id", "tasks and runtimes have ids, as in tokio"),
    (
        "ReadHalf",
        "`io::split` and each socket have one, as in tokio",
    ),
    (
        "OpenOptions",
        "files and FIFOs are opened by one, as in std and tokio",
    ),
    (
        "Receiver",
        "each channel and pipe has one, as in std and tokio",
    ),
    ("RecvError", "each channel has one, as in std and tokio"),
    ("SendError", "each channel has one, as in std and tokio"),
    (
        "Sender",
        "each channel and pipe has one, as in std and tokio",
    ),
    (
        "TryLockError",
        "files and locks in memory have one, as in std",
    ),
    ("TryRecvError", "each channel has one, as in std and tokio"),
    (
        "Versions",
        "the HTTP server has one with and one without the feature `hyper-http2`",
    ),
    ("WeakSender", "each channel has one, as in tokio"),
    (
        "WriteHalf",
        "`io::split` and each socket have one, as in tokio",
    ),
];

/// Returns the names of the types that `code` declares, each with its line. Associated types are
/// not types of their own, and are left out.
fn types_in(code: &str) -> Vec<(usize, String)> {
    let code = code_only(code);
    let mut found = Vec::new();
    // For each open brace: whether it is that of an `impl` or a `trait`.
    let mut open: Vec<bool> = Vec::new();
    // The words since the last `{`, `}` or `;`.
    let mut item: Vec<&str> = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for token in tokens(line) {
            match token {
                "{" => {
                    let has = |word| item.contains(&word);
                    open.push((has("impl") || has("trait")) && !has("fn"));
                    item.clear();
                }
                "}" => {
                    open.pop();
                    item.clear();
                }
                ";" => item.clear(),
                _ => {
                    if let Some(&keyword) = item.last()
                        && declares_type(keyword)
                        && is_name(token)
                        && !(keyword == "type" && open.last() == Some(&true))
                    {
                        found.push((index + 1, token.to_owned()));
                    }
                    item.push(token);
                }
            }
        }
    }
    found
}

fn declares_type(keyword: &str) -> bool {
    matches!(keyword, "struct" | "enum" | "trait" | "union" | "type")
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Splits `line` into words and single punctuation characters.
fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '\'';
        let first = rest.chars().next()?;
        let len = match rest.find(|c| !is_word(c)) {
            Some(0) => first.len_utf8(),
            Some(len) => len,
            None => rest.len(),
        };
        let (token, after) = rest.split_at(len);
        rest = after;
        Some(token)
    })
}

/// Returns where each name is declared, for names that several types have.
fn shared_names() -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files_in("src", &["rs"]) {
        // A file for other platforms takes the place of the one for Linux, and one for builds
        // without a feature the place of the one with it.
        let is_other = ["/portable.rs", "/off.rs"];
        if file.is_of_unit_tests() || is_other.iter().any(|end| file.path.ends_with(end)) {
            continue;
        }
        for (line, name) in types_in(file.without_unit_tests()) {
            let place = format!("{}:{line}", file.path);
            places.entry(name).or_default().push(place);
        }
    }
    places.retain(|_, places| places.len() > 1);
    places
}

#[test]
fn no_two_types_have_the_same_name() {
    let allowed = |name: &str| ALLOWED.iter().any(|(allowed, _)| *allowed == name);
    let complaints: Vec<String> = shared_names()
        .into_iter()
        .filter(|(name, _)| !allowed(name))
        .map(|(name, places)| format!("`{name}`: {}", places.join(", ")))
        .collect();

    assert_none("several types have the same name", complaints);
}

#[test]
fn every_name_that_may_be_shared_is_shared() {
    let shared = shared_names();
    let complaints: Vec<&str> = ALLOWED
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !shared.contains_key(*name))
        .collect();

    assert_none("remove these from `ALLOWED`", complaints);
}

#[test]
fn types_are_found_and_associated_types_are_not() {
    let code = "\
pub(crate) struct First<T>(T);
enum Second { struct_like { field: u8 } }
impl<T> Trait for First<T> {
    type Associated = u8;
    fn f() {
        struct Third;
        type Fourth = u8; // struct Comment
    }
}
pub trait Fifth {
    type AlsoAssociated: Copy;
}
";
    let names: Vec<String> = types_in(code).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["First", "Second", "Third", "Fourth", "Fifth"]);
}
