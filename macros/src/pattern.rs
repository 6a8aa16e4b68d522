//! Converts the patterns of `select!`.

use proc_macro::{Group, TokenStream, TokenTree};

/// Returns a pattern that matches a reference to a value if `pattern` matches the value.
///
/// Without `ref`, `mut` and `&`, the default binding modes bind all names by reference.
pub(crate) fn borrowed(pattern: TokenStream) -> TokenStream {
    pattern
        .into_iter()
        .filter_map(|token| match token {
            TokenTree::Ident(word) if matches!(&*word.to_string(), "ref" | "mut") => None,
            TokenTree::Punct(punct) if punct.as_char() == '&' => None,
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), borrowed(group.stream()));
                inner.set_span(group.span());
                Some(TokenTree::Group(inner))
            }
            token => Some(token),
        })
        .collect()
}
