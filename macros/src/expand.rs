//! Expands the attributes.
//!
//! The user's function is kept as an inner function of the one that replaces it. So the compiler
//! checks it as written, and its messages refer to the user's code.
//!
//! Generated tokens have the span of the attribute and mixed-site hygiene. Lints ignore an item if
//! its first or its last token is generated. The outer function starts and ends with spans of the
//! user's code, so lints such as `dead_code` and `missing_docs` apply to it. The inner function
//! does not, so lints such as `unused_async` do not apply.

use proc_macro::{Delimiter, Group, Literal, Span, TokenStream, TokenTree};

use crate::{
    args::Args,
    parse::{Error, Function, is_punct, is_word},
};

/// The attribute of a test. The path is absolute, because `test` may be this crate's macro.
const TEST: &str = "#[::core::prelude::v1::test]";

/// The template of the outer function.
const OUTER: &str = "$attributes $visibility $fn $name $parameters $output $block";

/// The block of [`OUTER`].
///
/// The path of the runtime's crate occurs once, so that a wrong path causes one error. The future
/// stays on its thread, so it need not be `Send`. The parameter of the closure has an unusual name,
/// because patterns are not hygienic: a constant of the same name would be matched instead.
const BLOCK: &str = "
    #[allow(clippy::future_not_send)]
    async fn $name $parameters $output $body
    $crate::__private::$run(|__quintet_builder| __quintet_builder $calls.build(), $future)
";

/// The call that runs a test.
const TEST_CONFIG: &str = "TestConfig::new() $config.$run";

/// One call of `$calls` or `$config`.
const CALL: &str = ".$method($value)";

/// Replaces a function with errors, so that its callers compile and lints see what it uses. It is
/// always `async`, because otherwise each `await` would be another error.
const STUB: &str = "$visibility async $fn $name $generics $parameters $output $where $body";

/// Contains [`STUB`] if the function is `main`, which must not be `async` or have parameters.
const STUB_OF_MAIN: &str = "fn main() { $stub }";

/// The name of a `$name` in a template, and its replacement.
type Part = (&'static str, TokenStream);

/// The attribute that is expanded.
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

/// The function that runs the user's function.
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
            let run = match (args.has_seeds, args.has_checks) {
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

/// A chain of method calls.
fn calls(calls: Vec<(&'static str, TokenStream)>) -> TokenStream {
    let calls = calls.into_iter().map(|(method, value)| {
        let method = render(method, &[]);
        render(CALL, &[("method", method), ("value", value)])
    });
    calls.collect()
}

/// The replacement of a function with errors.
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

/// The parts of the function that templates use.
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

/// The `compile_error!` that reports `error`, with its span.
fn compile_error(error: &Error) -> TokenStream {
    let message = TokenTree::from(Literal::string(&error.message));
    let mut braces = Group::new(Delimiter::Brace, message.into());
    braces.set_span(error.last);
    let mut invocation = render_at(error.first, "::core::compile_error!", &[]);
    invocation.extend([TokenTree::from(braces)]);
    invocation
}

/// The tokens of `template`, with each `$name` replaced.
fn render(template: &str, parts: &[Part]) -> TokenStream {
    render_at(Span::mixed_site(), template, parts)
}

fn render_at(span: Span, template: &str, parts: &[Part]) -> TokenStream {
    let template = template.parse().expect("a template consists of tokens");
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
