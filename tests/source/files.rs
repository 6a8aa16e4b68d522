//! The files of the repository, and Rust code without its comments and strings.

use std::fs;
use std::path::Path;

/// A text file of the repository.
pub(crate) struct TextFile {
    /// Relative to the root of the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    /// Whether the file has nothing but unit tests.
    pub(crate) fn is_of_unit_tests(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The text up to the unit tests at its end.
    pub(crate) fn without_unit_tests(&self) -> &str {
        let tests = "#[cfg(test)]\nmod tests {";
        self.text.split(tests).next().unwrap_or_default()
    }
}

/// Returns the files below `directory` whose names have one of `extensions`, sorted by path.
pub(crate) fn files_in(directory: &str, extensions: &[&str]) -> Vec<TextFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    visit(root, &root.join(directory), extensions, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn visit(root: &Path, path: &Path, extensions: &[&str], files: &mut Vec<TextFile>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).expect("the directory can be read");
        for entry in entries {
            let path = entry.expect("the directory can be read").path();
            if !path.ends_with("target") {
                visit(root, &path, extensions, files);
            }
        }
        return;
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| extensions.contains(&extension)) {
        let relative = path.strip_prefix(root).expect("the path is below the root");
        files.push(TextFile {
            path: relative.to_string_lossy().into_owned(),
            text: fs::read_to_string(path).expect("the file is UTF-8"),
        });
    }
}

/// Returns `code` with spaces in place of comments, strings and characters. Lines stay where they
/// are.
pub(crate) fn code_only(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let len = skipped_len(rest);
        if len == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let blank = |c| if c == '\n' { '\n' } else { ' ' };
            out.extend(rest[..len].chars().map(blank));
            rest = &rest[len..];
        }
    }
    out
}

/// The length of the comment, string or character that `code` begins with; 0 if there is none.
fn skipped_len(code: &str) -> usize {
    if code.starts_with("//") {
        return code.find('\n').unwrap_or(code.len());
    }
    if code.starts_with("/*") {
        return block_comment_len(code);
    }
    if code.starts_with("r\"") || code.starts_with("r#\"") || code.starts_with("r##\"") {
        let hashes = code[1..].bytes().take_while(|&byte| byte == b'#').count();
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = hashes + 2;
        return code[begin..]
            .find(&end)
            .map_or(code.len(), |at| begin + at + end.len());
    }
    match code.as_bytes().first() {
        Some(b'"') => quoted_len(code, '"'),
        // Not the quote of a lifetime.
        Some(b'\'') if code[1..].starts_with('\\') => quoted_len(code, '\''),
        Some(b'\'') => {
            let mut chars = code.chars().skip(1);
            let (character, quote) = (chars.next(), chars.next());
            match (character, quote) {
                (Some(character), Some('\'')) => character.len_utf8() + 2,
                _ => 0,
            }
        }
        _ => 0,
    }
}

fn block_comment_len(code: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < code.len() {
        if code[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if code[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += code[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    code.len()
}

fn quoted_len(code: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in code.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    code.len()
}

#[test]
fn comments_strings_and_characters_are_left_out_of_code() {
    let code = "a /* b /* c */ d */ e // f\n'x' 'y: '\\'' \"g\\\"h\" r#\"i\"j\"# k";
    let only = code_only(code);
    let words: Vec<&str> = only.split_whitespace().collect();
    assert_eq!(words, ["a", "e", "'y:", "k"]);
    assert_eq!(only.lines().count(), 2);
}
