//! What becomes of the function, and of the errors.
//!
//! The entry points call in here. The user's function stays a function, inside the one that
//! takes its place: so the compiler checks it as it was written, and speaks of it in the words
//! and at the places of its author.
//!
//! Tokens that come from here have the place of the attribute and mixed-site hygiene. The lints
//! leave such code alone, and an item is such code as soon as its first or its last token is.
//! The outer function therefore begins and ends at places of the user's, for it is the one that
//! may be unused or undocumented; the inner one does not, for it may well await nothing.

use proc_macro::{Delimiter, Group, Literal, Span, TokenStream, TokenTree};

use crate::{
    args::Args,
    parse::{Error, Function, is_punct, is_word},
};

/// What makes a function a test. The path is a full one: `test` alone may be our own.
const TEST: &str = "#[::core::prelude::v1::test]";

/// The function that takes the place of the user's.
const OUTER: &str = "$attributes $visibility $fn $name $parameters $output $block";

/// The block of [`OUTER`].
///
/// The runtime's crate is named once, so that a wrong name is one error. The future stays on its
/// thread, so it need not be `Send`. The closure's parameter is hygienic as a
/// variable is, but not as a pattern is: a constant of its name would be taken for it.
const BLOCK: &str = "
    #[allow(clippy::future_not_send)]
    async fn $name $parameters $output $body
    $crate::__private::$run(|__quintet_builder| __quintet_builder $calls.build(), $future)
";

/// How a test is run: by what is planned for it.
const TEST_CONFIG: &str = "TestConfig::new() $config.$run";

/// One of the `$calls`.
const CALL: &str = ".$method($value)";

/// Stands in for a function that has errors, so that its callers find it and what it uses is
/// used. It is `async` even if the function is not, or each `await` would be one more error.
const STUB: &str = "$visibility async $fn $name $generics $parameters $output $where $body";

/// Where [`STUB`] goes if it is `main`: the compiler takes none that is `async` or has parameters.
const STUB_OF_MAIN: &str = "fn main() { $stub }";

/// What stands for a `$name` in a template.
type Part = (&'static str, TokenStream);

/// Which attribute is expanded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Main,
    Test,
}

/// Expands the attribute `entry(args)` on `item`.
pub(crate) fn expand(entry: Entry, args: TokenStream, item: TokenStream) -> TokenStream {
    let name = match entry {
        Entry::Main => "main",
        Entry::Test => "test",
    };
    let attribute = format!("#[quintet::{name}]");
    let function = match Function::parse(item.clone()) {
        Ok(function) => function,
        Err(place) => {
            let message = format!("`{attribute}` goes on an `async fn`, not on this");
            let error = compile_error(&Error::at(place, message));
            return [error, item].into_iter().collect();
        }
    };
    let mut errors = Vec::new();
    let args = Args::parse(args, entry, &attribute, &mut errors);
    errors.extend(function.errors(&attribute, name));
    if errors.is_empty() {
        outer(entry, function, args)
    } else {
        let errors = errors.iter().map(compile_error);
        errors.chain([stub(function)]).collect()
    }
}

/// The function that runs the user's.
fn outer(entry: Entry, function: Function, args: Args) -> TokenStream {
    let name = TokenTree::from(function.name.clone()).into();
    let (header, run, future) = match entry {
        Entry::Main => {
            let run = match (args.keep_alive, function.is_main()) {
                (false, true) => "run_or_exit",
                (false, false) => "run_or_panic",
                (true, true) => "keep_alive_or_exit",
                (true, false) => "keep_alive_or_panic",
            };
            ("", render(run, &[]), render("$name()", &[("name", name)]))
        }
        Entry::Test => {
            let run = match (args.has_seeds, args.has_leaks) {
                (true, _) => "run_seeds",
                (false, true) => "run_checked",
                (false, false) => "run",
            };
            let parts = [("config", calls(args.config)), ("run", render(run, &[]))];
            (TEST, render(TEST_CONFIG, &parts), name)
        }
    };
    let krate = args.krate.unwrap_or_else(|| render("::quintet", &[]));
    let calls = calls(args.calls);
    let braces = function.body.span();
    let mut parts = parts(function);
    parts.extend([
        ("crate", krate),
        ("run", run),
        ("calls", calls),
        ("future", future),
    ]);
    let mut block = Group::new(Delimiter::Brace, render(BLOCK, &parts));
    block.set_span(braces);
    parts.push(("block", TokenTree::from(block).into()));
    render(&format!("{header} {OUTER}"), &parts)
}

/// One call after the other.
fn calls(calls: Vec<(&'static str, TokenStream)>) -> TokenStream {
    let calls = calls.into_iter().map(|(method, value)| {
        let method = render(method, &[]);
        render(CALL, &[("method", method), ("value", value)])
    });
    calls.collect()
}

/// What is left of a function that has errors.
fn stub(mut function: Function) -> TokenStream {
    if !matches!(function.body, TokenTree::Group(_)) {
        let diverges = render("loop {}", &[]);
        function.body = Group::new(Delimiter::Brace, diverges).into();
    }
    let is_main = function.is_main();
    let stub = render(STUB, &parts(function));
    if is_main {
        render(STUB_OF_MAIN, &[("stub", stub)])
    } else {
        stub
    }
}

/// What of the function may be asked for in a template.
fn parts(function: Function) -> Vec<Part> {
    let attributes = function.attributes.into_iter();
    let attributes = attributes.flat_map(|attribute| attribute.tokens);
    vec![
        ("attributes", attributes.collect()),
        ("visibility", function.visibility.into_iter().collect()),
        ("fn", TokenTree::from(function.fn_token).into()),
        ("name", TokenTree::from(function.name).into()),
        ("generics", function.generics.into_iter().collect()),
        ("parameters", TokenTree::from(function.parameters).into()),
        ("output", function.output.into_iter().collect()),
        ("where", function.where_clause.into_iter().collect()),
        ("body", function.body.into()),
    ]
}

/// The invocation that makes the compiler report `error`, from its first place to its last.
fn compile_error(error: &Error) -> TokenStream {
    let message = TokenTree::from(Literal::string(&error.message));
    let mut braces = Group::new(Delimiter::Brace, message.into());
    braces.set_span(error.last);
    let mut invocation = render_at(error.first, "::core::compile_error!", &[]);
    invocation.extend([TokenTree::from(braces)]);
    invocation
}

/// The tokens of `template`, with the parts in their places.
fn render(template: &str, parts: &[Part]) -> TokenStream {
    render_at(Span::mixed_site(), template, parts)
}

fn render_at(span: Span, template: &str, parts: &[Part]) -> TokenStream {
    let template = template.parse().expect("templates are made of tokens");
    fill(span, template, parts)
}

fn fill(span: Span, template: TokenStream, parts: &[Part]) -> TokenStream {
    let mut output = TokenStream::new();
    let mut template = template.into_iter();
    while let Some(mut token) = template.next() {
        if is_punct(&token, '$') {
            let name = template.next().expect("a part has a name");
            let part = parts.iter().find(|(known, _)| is_word(&name, known));
            output.extend(part.expect("each part is given").1.clone());
            continue;
        }
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), fill(span, group.stream(), parts)).into();
        }
        token.set_span(span);
        output.extend([token]);
    }
    output
}
