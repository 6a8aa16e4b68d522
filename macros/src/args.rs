//! The arguments of the attributes: `workers = 4, name = "server"`.
//!
//! `expand` calls in here. This module knows which arguments there are, what each of them takes
//! and which method of the runtime's builder it stands for; it does not know what that method
//! does.

use proc_macro::{TokenStream, TokenTree};

use crate::parse::{Error, flat, is_joint, is_punct, is_word};

/// The arguments there are. The last column is a method of the builder; `crate` has none, for it
/// says where the builder is found.
const ARGUMENTS: &[Argument] = &[
    Argument::new("workers", Value::POSITIVE, Some("worker_threads")),
    Argument::new("name", Value::TEXT, Some("name")),
    Argument::new("crate", Value::PATH, None),
];

/// What the arguments of one attribute come to.
#[derive(Default)]
pub(crate) struct Args {
    /// The calls on the builder: a method and what it is given.
    pub(crate) calls: Vec<(&'static str, TokenStream)>,
    /// The path of the runtime's crate, unless it is the usual one.
    pub(crate) krate: Option<TokenStream>,
}

impl Args {
    /// Reads the arguments of `attribute`, and adds what is wrong with them to `errors`.
    pub(crate) fn parse(stream: TokenStream, attribute: &str, errors: &mut Vec<Error>) -> Self {
        let mut args = Self::default();
        let mut seen = Vec::new();
        for tokens in flat(stream).split_inclusive(|token| is_punct(token, ',')) {
            match Argument::parse(tokens, attribute) {
                Ok((argument, _)) if seen.contains(&argument.key) => {
                    let message = format!("`{}` is given twice", argument.key);
                    errors.push(Error::about(&tokens[..1], message));
                }
                Ok((argument, value)) => {
                    seen.push(argument.key);
                    match argument.method {
                        Some(method) => args.calls.push((method, value)),
                        None => args.krate = Some(value),
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        args
    }
}

/// An argument that may be given.
struct Argument {
    key: &'static str,
    value: Value,
    method: Option<&'static str>,
}

impl Argument {
    const fn new(key: &'static str, value: Value, method: Option<&'static str>) -> Self {
        Self { key, value, method }
    }

    /// Reads `key = value`, with the comma behind it if there is one.
    fn parse(tokens: &[TokenTree], attribute: &str) -> Result<(&'static Self, TokenStream), Error> {
        let tokens = match tokens {
            [tokens @ .., comma] if !tokens.is_empty() && is_punct(comma, ',') => tokens,
            tokens => tokens,
        };
        let (key, rest) = tokens
            .split_first()
            .expect("a piece of a split is not empty");
        let Some(argument) = ARGUMENTS.iter().find(|known| is_word(key, known.key)) else {
            let known: Vec<String> = ARGUMENTS.iter().map(Self::example).collect();
            let known = known.join(", ");
            let message = format!("unknown argument `{key}`: `{attribute}` takes {known}");
            return Err(Error::at(key.span(), message));
        };
        let value = match rest {
            [equals, value @ ..] if is_punct(equals, '=') => value,
            _ => &[],
        };
        match (argument.value.take)(value) {
            Some((value, [])) => Ok((argument, value)),
            Some((_, behind)) => {
                let message = "a comma is missing before this".to_owned();
                Err(Error::about(behind, message))
            }
            None => {
                let (description, example) = (argument.value.description, argument.example());
                let message = format!("`{key}` takes {description}, as in {example}");
                let place = if value.is_empty() { tokens } else { value };
                Err(Error::about(place, message))
            }
        }
    }

    /// How the argument is written.
    fn example(&self) -> String {
        format!("`{} = {}`", self.key, self.value.example)
    }
}

/// A kind of value.
struct Value {
    description: &'static str,
    example: &'static str,
    take: fn(&[TokenTree]) -> Taken<'_>,
}

/// A value from the front of some tokens, and what is behind it.
type Taken<'a> = Option<(TokenStream, &'a [TokenTree])>;

impl Value {
    const POSITIVE: Self = Self {
        description: "a positive integer",
        example: "4",
        take: |tokens| take_token(tokens, |token| integer(token) > Some(0)),
    };

    const TEXT: Self = Self {
        description: "a string",
        example: "\"server\"",
        take: |tokens| take_token(tokens, |token| unquoted(token).is_some()),
    };

    const PATH: Self = Self {
        description: "a path",
        example: "my::quintet",
        take: |tokens| take_path(tokens).or_else(|| take_quoted_path(tokens)),
    };
}

/// Takes one token, if its source is accepted.
fn take_token(tokens: &[TokenTree], accepts: fn(&str) -> bool) -> Taken<'_> {
    let (token, behind) = tokens.split_first()?;
    accepts(&token.to_string()).then(|| (token.clone().into(), behind))
}

/// Takes `my::quintet`.
fn take_path(tokens: &[TokenTree]) -> Taken<'_> {
    let mut length = 0;
    loop {
        let colons = match &tokens[length..] {
            [first, second, ..] if is_joint(first, ':') && is_punct(second, ':') => 2,
            _ if length == 0 => 0,
            behind => return Some((tokens[..length].iter().cloned().collect(), behind)),
        };
        let TokenTree::Ident(_) = tokens.get(length + colons)? else {
            return None;
        };
        length += colons + 1;
    }
}

/// Takes `"my::quintet"`, which is how the macros of other runtimes have it.
fn take_quoted_path(tokens: &[TokenTree]) -> Taken<'_> {
    let (literal, behind) = tokens.split_first()?;
    let inside = flat(unquoted(&literal.to_string())?.parse().ok()?);
    let (path, []) = take_path(&inside)? else {
        return None;
    };
    let placed = path.into_iter().map(|mut token| {
        token.set_span(literal.span());
        token
    });
    Some((placed.collect(), behind))
}

/// The value of an integer literal that has no suffix.
fn integer(literal: &str) -> Option<u64> {
    let (digits, radix) = match literal.split_at_checked(2) {
        Some(("0x", digits)) => (digits, 16),
        Some(("0o", digits)) => (digits, 8),
        Some(("0b", digits)) => (digits, 2),
        _ => (literal, 10),
    };
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// What is between the quotes of a string literal, be it raw or not.
fn unquoted(literal: &str) -> Option<&str> {
    let quoted = match literal.strip_prefix('r') {
        Some(raw) => raw.trim_matches('#'),
        None => literal,
    };
    quoted.strip_prefix('"')?.strip_suffix('"')
}
