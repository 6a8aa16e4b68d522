//! Parses the arguments of the attributes, such as `workers = 4, name = "server"`.
//!
//! This module knows the arguments, their values, and the method that each argument calls.

use proc_macro::{Ident, Literal, Span, TokenStream, TokenTree};

use crate::expand::Entry;
use crate::parse::{Error, flat, is_joint, is_punct, is_word};

/// All arguments, and the attributes that accept them.
const ARGUMENTS: &[Argument] = &[
    Argument::new(
        "workers",
        Value::POSITIVE,
        Purpose::Build("worker_threads"),
        BOTH,
    ),
    Argument::new("name", Value::TEXT, Purpose::Build("name"), BOTH),
    Argument::new(
        "start_paused",
        Value::FLAG,
        Purpose::Build("start_paused"),
        BOTH,
    ),
    Argument::new("tokio", Value::FLAG, Purpose::Build("tokio"), BOTH),
    Argument::new(
        "keep_alive",
        Value::FLAG,
        Purpose::KeepAlive,
        &[Entry::Main],
    ),
    Argument::new(
        "seed",
        Value::NUMBER,
        Purpose::Build("seed"),
        &[Entry::Main],
    ),
    Argument::new("seed", Value::NUMBER, Purpose::Test("seed"), &[Entry::Test]),
    Argument::new("seeds", Value::POSITIVE, Purpose::Seeds, &[Entry::Test]),
    Argument::new(
        "timeout",
        Value::DURATION,
        Purpose::Test("timeout"),
        &[Entry::Test],
    ),
    Argument::new(
        "leaks",
        Value::LEVEL,
        Purpose::Check("leaks"),
        &[Entry::Test],
    ),
    Argument::new(
        "blocked",
        Value::DURATION,
        Purpose::Check("blocked"),
        &[Entry::Test],
    ),
    Argument::new("crate", Value::PATH, Purpose::Crate, BOTH),
    // tokio's arguments.
    Argument::new("flavor", Value::FLAVOR, Purpose::Ignore, BOTH),
    Argument::new(
        "unhandled_panic",
        Value::PANIC_POLICY,
        Purpose::Build("unhandled_panic_by_name"),
        BOTH,
    ),
    Argument::new(
        "worker_threads",
        Value::POSITIVE,
        Purpose::Refuse(
            "`worker_threads` sets the threads that run tasks, and quintet runs all tasks on one \
             thread: for the threads of `spawn_blocking` write `workers = 4`",
        ),
        BOTH,
    ),
];

const BOTH: &[Entry] = &[Entry::Main, Entry::Test];

/// What an argument does.
#[derive(Clone, Copy)]
enum Purpose {
    /// Calls a method of the runtime's builder.
    Build(&'static str),
    /// Calls a method of the test's config.
    Test(&'static str),
    /// Runs the test with many seeds. Calls a method of the test's config too.
    Seeds,
    /// Checks a test that has succeeded. Calls a method of the test's config too.
    Check(&'static str),
    /// Runs until nothing keeps the loop alive.
    KeepAlive,
    /// Sets the path of the runtime's crate.
    Crate,
    /// Does nothing, because it is the default.
    Ignore,
    /// Is an error with this message.
    Refuse(&'static str),
}

/// The parsed arguments of one attribute.
#[derive(Default)]
pub(crate) struct Args {
    /// The calls on the builder, each a method and its argument.
    pub(crate) calls: Vec<(&'static str, TokenStream)>,
    /// The calls on a test's config.
    pub(crate) config: Vec<(&'static str, TokenStream)>,
    pub(crate) has_seeds: bool,
    pub(crate) has_checks: bool,
    pub(crate) keep_alive: bool,
    /// The path of the runtime's crate, if it is not the default one.
    pub(crate) krate: Option<TokenStream>,
}

impl Args {
    /// Parses the arguments of `entry`, and adds any errors to `errors`. `attribute` is the
    /// attribute as the user wrote it.
    pub(crate) fn parse(
        stream: TokenStream,
        entry: Entry,
        attribute: &str,
        errors: &mut Vec<Error>,
    ) -> Self {
        let mut args = Self::default();
        let mut seen = Vec::new();
        for tokens in flat(stream).split_inclusive(|token| is_punct(token, ',')) {
            match Argument::parse(tokens, entry, attribute) {
                Ok((argument, _)) if seen.contains(&argument.key) => {
                    let message = format!("`{}` is given twice", argument.key);
                    errors.push(Error::about(&tokens[..1], message));
                }
                Ok((argument, value)) => {
                    seen.push(argument.key);
                    args.add(argument.purpose, value);
                }
                Err(error) => errors.push(error),
            }
        }
        args
    }

    fn add(&mut self, purpose: Purpose, value: TokenStream) {
        match purpose {
            Purpose::Build(method) => self.calls.push((method, value)),
            Purpose::Test(method) => self.config.push((method, value)),
            Purpose::Seeds => {
                self.has_seeds = true;
                self.config.push(("seeds", value));
            }
            Purpose::Check(method) => {
                self.has_checks = true;
                self.config.push((method, value));
            }
            Purpose::KeepAlive => self.keep_alive = value.to_string() == "true",
            Purpose::Crate => self.krate = Some(value),
            Purpose::Ignore | Purpose::Refuse(_) => {}
        }
    }
}

/// An argument that an attribute accepts.
struct Argument {
    key: &'static str,
    value: Value,
    purpose: Purpose,
    entries: &'static [Entry],
}

impl Argument {
    const fn new(
        key: &'static str,
        value: Value,
        purpose: Purpose,
        entries: &'static [Entry],
    ) -> Self {
        Self {
            key,
            value,
            purpose,
            entries,
        }
    }

    /// Parses `key = value` and an optional comma.
    fn parse(
        tokens: &[TokenTree],
        entry: Entry,
        attribute: &str,
    ) -> Result<(&'static Self, TokenStream), Error> {
        let tokens = match tokens {
            [tokens @ .., comma] if !tokens.is_empty() && is_punct(comma, ',') => tokens,
            tokens => tokens,
        };
        let (key, rest) = tokens
            .split_first()
            .expect("a part of a split is not empty");
        let mut accepted = ARGUMENTS
            .iter()
            .filter(|known| known.entries.contains(&entry));
        let Some(argument) = accepted.clone().find(|known| is_word(key, known.key)) else {
            let known: Vec<String> = accepted
                .by_ref()
                .filter(|known| !matches!(known.purpose, Purpose::Refuse(_)))
                .map(Self::example)
                .collect();
            let known = known.join(", ");
            let message = format!("unknown argument `{key}`: `{attribute}` takes {known}");
            return Err(Error::at(key.span(), message));
        };
        if let Purpose::Refuse(message) = argument.purpose {
            return Err(Error::at(key.span(), message.to_owned()));
        }
        let value = match rest {
            [] if argument.value.is_flag => {
                return Ok((argument, render_word("true", key.span())));
            }
            [equals, value @ ..] if is_punct(equals, '=') => value,
            _ => &[],
        };
        match (argument.value.parse)(value) {
            Some((value, [])) => Ok((argument, value)),
            Some((_, remainder)) => {
                let message = "a comma is missing before this".to_owned();
                Err(Error::about(remainder, message))
            }
            None => {
                let (description, example) = (argument.value.description, argument.example());
                let message = format!("`{key}` takes {description}, as in {example}");
                let place = if value.is_empty() { tokens } else { value };
                Err(Error::about(place, message))
            }
        }
    }

    /// An example of the argument, for error messages.
    fn example(&self) -> String {
        if self.value.is_flag {
            return format!("`{}`", self.key);
        }
        format!("`{} = {}`", self.key, self.value.example)
    }
}

/// A kind of value.
struct Value {
    description: &'static str,
    example: &'static str,
    /// Whether the key is valid without a value.
    is_flag: bool,
    parse: fn(&[TokenTree]) -> ParsedValue<'_>,
}

/// A value, and the tokens after it.
type ParsedValue<'a> = Option<(TokenStream, &'a [TokenTree])>;

impl Value {
    const POSITIVE: Self = Self {
        description: "a positive integer",
        example: "4",
        is_flag: false,
        parse: |tokens| parse_token(tokens, |token| integer(token) > Some(0)),
    };

    const TEXT: Self = Self {
        description: "a string",
        example: "\"server\"",
        is_flag: false,
        parse: |tokens| parse_token(tokens, |token| unquoted(token).is_some()),
    };

    const NUMBER: Self = Self {
        description: "an integer",
        example: "7",
        is_flag: false,
        parse: |tokens| parse_token(tokens, |token| integer(token).is_some()),
    };

    /// The default value is `true`.
    const FLAG: Self = Self {
        description: "`true` or `false`",
        example: "true",
        is_flag: true,
        parse: |tokens| parse_token(tokens, |token| matches!(token, "true" | "false")),
    };

    const LEVEL: Self = Self {
        description: "`\"deny\"` or `\"allow\"`",
        example: "\"deny\"",
        is_flag: false,
        parse: |tokens| {
            parse_token(tokens, |token| {
                matches!(unquoted(token), Some("deny" | "allow"))
            })
        },
    };

    const FLAVOR: Self = Self {
        description: "`\"current_thread\"` or `\"local\"`, because a runtime runs all tasks on one \
                      thread (for more threads, start a runtime on each)",
        example: "\"current_thread\"",
        is_flag: false,
        parse: |tokens| {
            parse_token(tokens, |token| {
                matches!(unquoted(token), Some("current_thread" | "local"))
            })
        },
    };

    const PANIC_POLICY: Self = Self {
        description: "`\"ignore\"`, `\"report\"` or `\"shutdown_runtime\"`",
        example: "\"shutdown_runtime\"",
        is_flag: false,
        parse: |tokens| {
            parse_token(tokens, |token| {
                matches!(
                    unquoted(token),
                    Some("ignore" | "report" | "shutdown_runtime")
                )
            })
        },
    };

    const DURATION: Self = Self {
        description: "a duration in `ms`, `s` or `m`",
        example: "\"5s\"",
        is_flag: false,
        parse: parse_duration,
    };

    const PATH: Self = Self {
        description: "a path",
        example: "my::quintet",
        is_flag: false,
        parse: |tokens| parse_path(tokens).or_else(|| parse_quoted_path(tokens)),
    };
}

/// Parses one token whose text is accepted.
fn parse_token(tokens: &[TokenTree], accepts: fn(&str) -> bool) -> ParsedValue<'_> {
    let (token, remainder) = tokens.split_first()?;
    accepts(&token.to_string()).then(|| (token.clone().into(), remainder))
}

/// Parses `my::quintet`.
fn parse_path(tokens: &[TokenTree]) -> ParsedValue<'_> {
    let mut length = 0;
    loop {
        let colons = match &tokens[length..] {
            [first, second, ..] if is_joint(first, ':') && is_punct(second, ':') => 2,
            _ if length == 0 => 0,
            remainder => return Some((tokens[..length].iter().cloned().collect(), remainder)),
        };
        match tokens.get(length + colons)? {
            TokenTree::Ident(name) if !KEYWORDS.contains(&&*name.to_string()) => {}
            _ => return None,
        }
        length += colons + 1;
    }
}

/// The keywords that cannot be a name in a path. Without this check, the compiler would report an
/// error at the token after the keyword.
#[rustfmt::skip]
const KEYWORDS: &[&str] = &[
    "_", "Self", "as", "async", "await", "break", "const", "continue", "dyn", "else", "enum",
    "extern", "false", "fn", "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut",
    "pub", "ref", "return", "static", "struct", "trait", "true", "type", "unsafe", "use", "where",
    "while",
];

/// Parses `"my::quintet"`, the syntax of other runtimes' macros.
fn parse_quoted_path(tokens: &[TokenTree]) -> ParsedValue<'_> {
    let (literal, remainder) = tokens.split_first()?;
    let text = literal.to_string();
    let text = unquoted(&text)?;
    // The characters are checked first, because the lexer panics on a quote or comment without an
    // end.
    if !is_path(text) {
        return None;
    }
    let inside = flat(text.parse().ok()?);
    let (path, []) = parse_path(&inside)? else {
        return None;
    };
    let placed = path.into_iter().map(|mut token| {
        token.set_span(literal.span());
        token
    });
    Some((placed.collect(), remainder))
}

/// Whether `text` consists of names with `::` between them.
fn is_path(text: &str) -> bool {
    let text = text.trim();
    let names = text.strip_prefix("::").unwrap_or(text).split("::");
    names.map(str::trim).all(is_name)
}

/// Whether `text` may be a name. It accepts some letters that no name contains; the lexer rejects
/// these.
fn is_name(text: &str) -> bool {
    let name = match text.strip_prefix("r#") {
        Some("_" | "crate" | "self" | "super" | "Self") => return false,
        Some(name) => name,
        None => text,
    };
    let is_letter = |c: char| c == '_' || c.is_alphabetic();
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// Parses `"5s"`. The result is in nanoseconds.
fn parse_duration(tokens: &[TokenTree]) -> ParsedValue<'_> {
    const UNITS: [(&str, u64); 3] = [
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
    ];
    let (literal, remainder) = tokens.split_first()?;
    let text = literal.to_string();
    let text = unquoted(&text)?;
    let nanos = UNITS.iter().find_map(|(unit, nanos)| {
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*nanos)
    });
    let mut nanos = Literal::u64_unsuffixed(nanos.filter(|nanos| *nanos > 0)?);
    nanos.set_span(literal.span());
    Some((TokenTree::from(nanos).into(), remainder))
}

fn render_word(word: &str, span: Span) -> TokenStream {
    TokenTree::from(Ident::new(word, span)).into()
}

/// The value of an integer literal without a suffix.
fn integer(literal: &str) -> Option<u64> {
    let (digits, radix) = match literal.split_at_checked(2) {
        Some(("0x", digits)) => (digits, 16),
        Some(("0o", digits)) => (digits, 8),
        Some(("0b", digits)) => (digits, 2),
        _ => (literal, 10),
    };
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// The text between the quotes of a string literal, raw or not.
fn unquoted(literal: &str) -> Option<&str> {
    let quoted = match literal.strip_prefix('r') {
        Some(raw) => raw.trim_matches('#'),
        None => literal,
    };
    quoted.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_recognized_by_their_characters() {
        for text in [
            "a",
            "_a",
            "a1",
            "quintet",
            "::quintet",
            "my::quintet",
            "self::x",
            "crate",
            "super::a",
            "r#type",
            "r#type::r#a",
            " my :: quintet ",
            "\u{e9}",
            "_",
        ] {
            assert!(is_path(text), "{text}");
        }
        for text in [
            "",
            ":",
            "::",
            "a::",
            "a:b",
            "a:::b",
            "::::a",
            "a b",
            "1a",
            "a-b",
            "$crate",
            "(",
            "\"",
            "'",
            "a'",
            "a'b",
            "\"a\"",
            "/*",
            "/* a */",
            "a/**/",
            "//",
            "r#",
            "r#\"",
            "r##a",
            "b'",
            "c\"",
            "#",
            "\\",
            "\\\"",
            "a\\",
            "\u{0}",
            "a\u{200b}b",
            "r#crate",
            "r#_",
            "\u{b2}",
        ] {
            assert!(!is_path(text), "{text}");
        }
    }

    /// Checks with random texts that no accepted path contains the start of a literal or a comment.
    #[test]
    fn no_path_begins_a_literal_or_a_comment() {
        const PIECES: &[&str] = &[
            "a", "r", "br", "c", "_", "1", "::", ":", " ", "\t", "#", "r#", "\"", "'", "/", "/*",
            "*/", "\\", "\\n", "\\x41", "\\u{41}", "(", ")", "{", "}", "$", "-", ".", "\u{e9}",
            "\u{2028}",
        ];
        let mut state = 1_u64;
        let mut next = |bound: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as usize % bound
        };
        let mut paths = 0;
        for _ in 0..100_000 {
            let length = 1 + next(5);
            let text: String = (0..length).map(|_| PIECES[next(PIECES.len())]).collect();
            if is_path(&text) {
                paths += 1;
                let odd = ["\"", "'", "/", "\\", "(", "$", "##"];
                assert!(!odd.iter().any(|odd| text.contains(odd)), "{text:?}");
                let hashes = text.matches('#').count();
                assert_eq!(hashes, text.matches("r#").count(), "{text:?}");
            }
        }
        assert!(paths > 1000, "{paths}");
    }
}
