//! Tokens and errors at a place that the user wrote, for the macros of `macro_rules!`, which cannot do this.

use proc_macro::{Group, Span, TokenStream, TokenTree};

/// `{ place } tokens…`: the tokens, located at the place. Names mean what they meant.
pub(crate) fn at(input: TokenStream) -> TokenStream {
    let mut input = input.into_iter();
    let place = input
        .next()
        .map_or_else(Span::call_site, |place| span_of(&place));
    relocated(input, place)
}

/// `"message", place…`: a compile error with this message, at the place.
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

/// The first place in a group, as the group itself may be made by a macro.
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
