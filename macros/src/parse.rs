//! Parses the function under the attribute, and defines the error type of the parsers.
//!
//! The compiler has parsed the item before it calls a macro, so the order of the parts is known,
//! and only their presence is checked. Parts that the function must not have are kept too: for the
//! error message, and for the stub that replaces the function.

use std::{
    iter::{self, Peekable},
    vec,
};

use proc_macro::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};

/// An error about the tokens from `first` to `last`.
pub(crate) struct Error {
    pub(crate) first: Span,
    pub(crate) last: Span,
    pub(crate) message: String,
}

impl Error {
    pub(crate) fn at(place: Span, message: String) -> Self {
        Self {
            first: place,
            last: place,
            message,
        }
    }

    /// An error about `tokens`, or about the attribute if there are none.
    pub(crate) fn about(tokens: &[TokenTree], message: String) -> Self {
        Self {
            first: tokens.first().map_or_else(Span::call_site, TokenTree::span),
            last: tokens.last().map_or_else(Span::call_site, TokenTree::span),
            message,
        }
    }
}

/// A function. Its parts are in source order.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Vec<TokenTree>,
    /// `const`, `async`, `unsafe`, `extern` and the ABI.
    pub(crate) qualifiers: Vec<TokenTree>,
    pub(crate) fn_token: Ident,
    pub(crate) name: Ident,
    /// `<T>`, with the brackets.
    pub(crate) generics: Vec<TokenTree>,
    pub(crate) parameters: Group,
    /// `-> T`, with the arrow.
    pub(crate) output: Vec<TokenTree>,
    /// `where T: Copy`, with the keyword.
    pub(crate) where_clause: Vec<TokenTree>,
    /// The block, or the `;` of a function without one.
    pub(crate) body: TokenTree,
}

/// An attribute of the function, other than the one that is being expanded.
pub(crate) struct Attribute {
    /// `#` and the brackets.
    pub(crate) tokens: [TokenTree; 2],
    /// The last name in its path: `test` in `#[core::prelude::v1::test]`.
    pub(crate) name: Option<String>,
}

impl Function {
    /// Parses `item`. If it is not a function, returns the position of its keyword.
    pub(crate) fn parse(item: TokenStream) -> Result<Self, Span> {
        let mut tokens = flat(item).into_iter().peekable();
        let attributes = attributes(&mut tokens);
        let visibility = visibility(&mut tokens);
        let start = tokens.peek().map_or_else(Span::call_site, TokenTree::span);
        let qualifiers = qualifiers(&mut tokens);
        let (Some(TokenTree::Ident(fn_token)), Some(TokenTree::Ident(name))) =
            (tokens.next_if(|token| is_word(token, "fn")), tokens.next())
        else {
            return Err(start);
        };
        let generics = generics(&mut tokens);
        let Some(TokenTree::Group(parameters)) = tokens.next() else {
            return Err(start);
        };
        // The body is the last token. Only its position distinguishes it from the braces in
        // `-> Buffer<{ SIZE }>`.
        let body = tokens.next_back().ok_or(start)?;
        let mut output = Vec::from_iter(tokens);
        let where_index = output.iter().position(|token| is_word(token, "where"));
        let where_clause = output.split_off(where_index.unwrap_or(output.len()));
        Ok(Self {
            attributes,
            visibility,
            qualifiers,
            fn_token,
            name,
            generics,
            parameters,
            output,
            where_clause,
            body,
        })
    }

    pub(crate) fn is_main(&self) -> bool {
        self.name.to_string() == "main"
    }

    /// The errors of this function under `attribute`, whose last name is `name`.
    pub(crate) fn errors(&self, attribute: &str, name: &str) -> Vec<Error> {
        let mut errors = Vec::new();
        for other in &self.attributes {
            if other.name.as_deref() == Some(name) {
                let message = format!("this function has `{attribute}` already: remove this one");
                errors.push(Error::about(&other.tokens, message));
            }
        }
        let cannot = |what: &str| format!("a function under `{attribute}` cannot {what}");
        for token in &self.qualifiers {
            if ["const", "unsafe", "extern"]
                .iter()
                .any(|word| is_word(token, word))
            {
                errors.push(Error::at(token.span(), cannot(&format!("be `{token}`"))));
            }
        }
        if !self.qualifiers.iter().any(|token| is_word(token, "async")) {
            errors.push(Error {
                first: self.fn_token.span(),
                last: self.name.span(),
                message: format!("`{attribute}` needs an `async fn`: put `async` before `fn`"),
            });
        }
        if !self.generics.is_empty() {
            errors.push(Error::about(&self.generics, cannot("be generic")));
        }
        if !self.parameters.stream().is_empty() {
            let place = self.parameters.span();
            errors.push(Error::at(place, cannot("have parameters")));
        }
        if !self.where_clause.is_empty() {
            let message = cannot("have a `where` clause");
            errors.push(Error::about(&self.where_clause, message));
        }
        if !matches!(self.body, TokenTree::Group(_)) {
            let place = self.body.span();
            errors.push(Error::at(place, cannot("be without a body")));
        }
        errors
    }
}

type Tokens = Peekable<vec::IntoIter<TokenTree>>;

fn attributes(tokens: &mut Tokens) -> Vec<Attribute> {
    let next = || {
        let hash = tokens.next_if(|token| is_punct(token, '#'))?;
        let Some(TokenTree::Group(brackets)) = tokens.next() else {
            return None;
        };
        let path = flat(brackets.stream())
            .into_iter()
            .take_while(|token| matches!(token, TokenTree::Ident(_)) || is_punct(token, ':'));
        let name = path.last().map(|word| word.to_string());
        let tokens = [hash, brackets.into()];
        Some(Attribute { tokens, name })
    };
    iter::from_fn(next).collect()
}

fn visibility(tokens: &mut Tokens) -> Vec<TokenTree> {
    let Some(word) = tokens.next_if(|token| is_word(token, "pub")) else {
        return Vec::new();
    };
    let scope = tokens.next_if(|token| matches!(token, TokenTree::Group(_)));
    iter::once(word).chain(scope).collect()
}

fn qualifiers(tokens: &mut Tokens) -> Vec<TokenTree> {
    let is_qualifier = |token: &TokenTree| match token {
        TokenTree::Literal(_abi) => true,
        token => ["const", "async", "unsafe", "extern"]
            .iter()
            .any(|word| is_word(token, word)),
    };
    iter::from_fn(|| tokens.next_if(is_qualifier)).collect()
}

/// The tokens from `<` to the matching `>`. The `>` of an arrow `->` does not count.
fn generics(tokens: &mut Tokens) -> Vec<TokenTree> {
    let mut depth = 0_usize;
    let mut after_minus = false;
    let next = || {
        let token = tokens.next_if(|token| depth > 0 || is_punct(token, '<'))?;
        if is_punct(&token, '<') {
            depth += 1;
        } else if is_punct(&token, '>') && !after_minus {
            depth -= 1;
        }
        after_minus = is_joint(&token, '-');
        Some(token)
    };
    iter::from_fn(next).collect()
}

/// The tokens of `stream`, without the invisible groups in which a `macro_rules!` macro passes on
/// its fragments (`$vis`, `$body:block`).
pub(crate) fn flat(stream: TokenStream) -> Vec<TokenTree> {
    let open = |token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => flat(group.stream()),
        token => vec![token],
    };
    stream.into_iter().flat_map(open).collect()
}

pub(crate) fn is_word(token: &TokenTree, expected: &str) -> bool {
    matches!(token, TokenTree::Ident(word) if word.to_string() == expected)
}

pub(crate) fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

/// Whether `token` is `expected` and the first half of something like `->` or `::`.
pub(crate) fn is_joint(token: &TokenTree, expected: char) -> bool {
    is_punct(token, expected)
        && matches!(token, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint)
}
