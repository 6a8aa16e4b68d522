//! Moves tokens and errors to a span of the user's code, which `macro_rules!` cannot do.

use proc_macro::{Group, Span, TokenStream, TokenTree};

/// Expands `{ place } tokens…` to the tokens with the location of the place. Their hygiene stays.
pub(crate) fn at(input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    let place = input
        .next()
        .map_or_else(Span::call_site, |place| span_of(&place));
    relocated(input, place)
}

/// Expands `"message", place…` to a compile error with this message at the place.
pub(crate) fn error(input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    let message = input.next();
    let place = input
        .nth(1)
        .map_or_else(Span::call_site, |place| span_of(&place));
    let message: TokenStream = message.into_iter().collect();
    let error: TokenStream = "::core::compile_error!".parse().expect("a path and a `!`");
    let arguments = Group::new(proc_macro::Delimiter::Brace, message);
    let call = error.into_iter().chain([TokenTree::Group(arguments)]);
    call.map(|mut token| {
        token.set_span(place);
        token
    })
    .collect()
}

fn relocated(tokens: impl Iterator<Item = TokenTree>, place: Span) -> TokenStream {
    tokens
        .map(|token| match token {
            TokenTree::Group(group) => {
                let stream = relocated(group.stream().into_iter(), place);
                let mut inner = Group::new(group.delimiter(), stream);
                inner.set_span(group.span().located_at(place));
                TokenTree::Group(inner)
            }
            mut token => {
                token.set_span(token.span().located_at(place));
                token
            }
        })
        .collect()
}

/// The span of the first token in a group, because a macro may have made the group itself.
fn span_of(token: &TokenTree) -> Span {
    match token {
        TokenTree::Group(group) => group
            .stream()
            .into_iter()
            .next()
            .map_or_else(|| group.span(), |first| span_of(&first)),
        token => token.span(),
    }
}
