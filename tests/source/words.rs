//! Words and phrases that the text of the repository does not use, in comments, documentation,
//! strings and names.

use crate::files::{TextFile, files_in};
use crate::{Complaint, assert_none_above};

/// Phrases to avoid, and what to write instead. Words are matched whole; `…` matches up to
/// [`GAP_MAX`] words. A phrase with a capital letter is matched as it is, others in any case.
const PHRASES: &[(&str, &str)] = &[
    ("answer", "return, resolve to, report"),
    ("answers", "returns, resolves to, reports"),
    ("answered", "returned, resolved, reported"),
    ("answering", "returning, resolving, reporting"),
    ("who", "the task, thread or caller that"),
    ("whoever", "the task, thread or caller that"),
    ("whom", "the task, thread or caller that"),
    ("nobody", "no task, no thread, no caller"),
    ("somebody", "a task, a thread, a caller"),
    ("any more", "no longer"),
    ("The OS's.", "name the conditions and kinds"),
    ("goes round", "runs, iterates"),
    ("going round", "running, iterating"),
    ("Alive are", "keep the loop alive"),
    ("though", "although, even while, but"),
    ("Has its", "name what does it"),
    ("Has `", "name what does it"),
    ("Lets it", "name what does it"),
    ("lets … keep", "name what does it"),
    ("as you like", "say what is allowed"),
    ("of its own mind", "say what it does"),
    ("what the program likes", "say what is allowed"),
    ("None at present", "say what is there"),
    ("hands that", "name the reader"),
];

/// Names in which a phrase may occur: the example that is called so.
const NAMES: &[&str] = &["who_blocks"];

/// How many words `…` matches at most.
const GAP_MAX: usize = 4;

/// What is searched: directories and files.
const SEARCHED: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "README.md",
    "benches",
    "adapters",
    "examples",
    "macros",
    "src",
    "tests",
];

/// This file names the phrases.
const EXEMPT: &str = "tests/source/words.rs";

/// How many phrases are left in an area, until it has been rewritten. Each number only falls.
const LEFT: &[(&str, usize)] = &[];

/// A word of a text, or a punctuation character.
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Returns the words and the punctuation characters of `text`, without the marks of comments, so
/// that a phrase is found where it is wrapped. `_` separates words.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let marks: &[char] = &['/', '!', '#', '>', '*', ' ', '\t'];
        let mut rest = line.trim_start_matches(marks);
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
            let len = match rest.find(|c| !is_word(c)) {
                Some(0) => first.len_utf8(),
                Some(len) => len,
                None => rest.len(),
            };
            let (text, after) = rest.split_at(len);
            if !text.trim().is_empty() && text != "_" && text != "\\" {
                let line = index + 1;
                tokens.push(Token { text, line });
            }
            rest = after;
        }
    }
    tokens
}

/// Whether `tokens` begins with the words of `phrase`.
fn begins_with(tokens: &[Token<'_>], phrase: &[Token<'_>], is_exact: bool) -> bool {
    let Some((word, rest)) = phrase.split_first() else {
        return true;
    };
    if word.text == "…" {
        let words = tokens.iter().take_while(|token| token.text != ".");
        return (0..=words.count().min(GAP_MAX))
            .any(|gap| begins_with(&tokens[gap..], rest, is_exact));
    }
    let Some((first, after)) = tokens.split_first() else {
        return false;
    };
    let is_same = if is_exact {
        first.text == word.text
    } else {
        first.text.eq_ignore_ascii_case(word.text)
    };
    is_same && begins_with(after, rest, is_exact)
}

/// Returns the phrases of `text`, each with its line and what to write instead.
fn phrases_in(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut text = text.to_owned();
    for name in NAMES {
        text = text.replace(name, "");
    }
    let tokens = tokens(&text);
    let mut found = Vec::new();
    for &(phrase, instead) in PHRASES {
        let is_exact = phrase.contains(char::is_uppercase);
        let words = self::tokens(phrase);
        for (at, token) in tokens.iter().enumerate() {
            if begins_with(&tokens[at..], &words, is_exact) {
                found.push((token.line, phrase, instead));
            }
        }
    }
    found.sort_unstable();
    found
}

fn complaints_of(file: &TextFile) -> Vec<Complaint> {
    let path = &file.path;
    let complaint = |(line, phrase, instead)| Complaint {
        path: path.clone(),
        text: format!("{path}:{line}: {phrase:?}; instead: {instead}"),
    };
    phrases_in(&file.text).into_iter().map(complaint).collect()
}

#[test]
fn phrases_to_avoid_are_not_used() {
    let complaints: Vec<Complaint> = SEARCHED
        .iter()
        .flat_map(|path| files_in(path, &["md", "rs", "toml"]))
        .filter(|file| file.path != EXEMPT)
        .flat_map(|file| complaints_of(&file))
        .collect();

    assert_none_above(LEFT, "phrases to avoid", &complaints);
}

#[test]
fn phrases_are_found_across_lines_and_in_names() {
    let text = "\
/// Is there any
/// more? Whoknows, the answer_is not here, although thoughtful.
// Has its place; but has its time.
fn who_waits() {} // lets the loop keep it. lets go. And they keep
";
    let found: Vec<(usize, &str)> = phrases_in(text)
        .into_iter()
        .map(|(line, phrase, _)| (line, phrase))
        .collect();
    assert_eq!(
        found,
        [
            (1, "any more"),
            (2, "answer"),
            (3, "Has its"),
            (4, "lets … keep"),
            (4, "who"),
        ]
    );
}
