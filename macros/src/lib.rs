//! The attribute macros of the quintet runtime: `#[quintet::main]` and `#[quintet::test]`.
//!
//! The `quintet` crate re-exports both. Do not depend on this crate directly. It has no
//! dependencies, so that programs build fast.
//!
//! `args` parses the arguments of the attribute, `parse` parses the function under it, and `expand`
//! generates the function that replaces it.

mod args;
mod expand;
mod located;
mod parse;
mod pattern;

use proc_macro::TokenStream;

use crate::expand::Entry;

/// Turns an `async fn` into a function that builds a runtime and runs on it; usually `main`.
///
/// ```text
/// #[quintet::main]
/// async fn main() -> std::io::Result<()> {
///     let text = quintet::fs::read_to_string("greeting.txt").await?;
///     println!("{text}");
///     Ok(())
/// }
/// ```
///
/// The program ends when the function returns. It does not wait for other tasks, unless
/// `keep_alive` is set. The function may return any type that `main` may return.
///
/// # Arguments
///
/// All arguments are optional, and their order does not matter.
///
/// | argument | value | effect |
/// |---|---|---|
/// | `workers = 4` | a positive integer | sets the maximum number of worker threads; overrides `QUINTET_WORKERS` |
/// | `name = "server"` | a string | sets the name of the runtime, which reports and dumps contain |
/// | `tokio` | none, `true` or `false` | runs within the loop of a runtime of tokio, see the module `compat`; needs the feature `tokio` |
/// | `keep_alive` | none | continues after the function has returned, until nothing keeps the loop alive, as Node does |
/// | `start_paused` | none, `true` or `false` | starts with time paused |
/// | `seed = 7` | an integer | sets the seed that decides what the order of events leaves open, so that a run can be repeated |
/// | `crate = my::quintet` | a path | sets the path of the crate, for a renamed dependency or for use in another macro; the default is `::quintet` |
/// | `flavor = "current_thread"` | `"current_thread"` or `"local"` | nothing: it is always so; for code that is ported from tokio |
/// | `unhandled_panic = "shutdown_runtime"` | `"ignore"`, `"report"` or `"shutdown_runtime"` | sets what happens after a panic of a task without a join handle, see `Builder::unhandled_panic` |
///
/// ```text
/// #[quintet::main(workers = 2, name = "server")]
/// async fn main() {
///     serve().await;
/// }
/// ```
///
/// # What it expands to
///
/// The attribute generates a function with the same name, visibility, attributes and return type
/// that is not `async`. The original function is inside it. The outer function configures a
/// `Builder`, builds the `Runtime`, and passes the future of the inner function to
/// `Runtime::block_on`. The example above expands to about this:
///
/// ```text
/// fn main() {
///     async fn main() {
///         serve().await;
///     }
///
///     Builder::new().worker_threads(2).name("server").build()?.block_on(main())
/// }
/// ```
///
/// [Failure](#failure) describes what happens in place of the `?`.
///
/// The function must be `async` and have a body. It cannot have parameters, generics or a `where`
/// clause, and it cannot be `const`, `unsafe` or `extern`. It can have any name; each call then
/// runs on a new runtime. In an `impl`, it cannot use `Self`, because the inner function is a
/// separate item.
///
/// # Failure
///
/// If the runtime cannot be built, a function called `main` prints one line to standard error and
/// exits the process with code 1. This happens if the process has no descriptors left, or if
/// `QUINTET_WORKERS` is not a number between 1 and 1024.
///
/// With `keep_alive`, if a task is left that nothing can wake, a function called `main` prints the
/// task and where it was spawned, and exits the process with code 13, as Node does.
///
/// # Panics
///
/// Any function panics if its body panics, with the same payload, and if a runtime is already
/// running on this thread. A function that is not called `main` also panics in the cases described
/// under [Failure](#failure).
///
/// # Examples
///
/// A function that is not `main`, in a program that is mostly not `async`:
///
/// ```text
/// #[quintet::main]
/// async fn fetch() -> std::io::Result<Vec<u8>> {
///     let mut stream = quintet::net::TcpStream::connect("127.0.0.1:8000").await?;
///     let mut page = Vec::new();
///     stream.read_to_end(&mut page).await?;
///     Ok(page)
/// }
///
/// fn main() {
///     match fetch() {
///         Ok(page) => println!("{} bytes", page.len()),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Main, args, item)
}

/// Turns an `async fn` into a test that runs on its own runtime.
///
/// ```text
/// #[quintet::test]
/// async fn a_task_returns_its_output() {
///     let task = quintet::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// }
/// ```
///
/// Other attributes, such as `#[ignore]`, `#[should_panic]` and `#[cfg(…)]`, keep their meaning.
/// Do not add `#[test]`. The function may return any type that a test may return, so a test that
/// returns a `Result` can use `?`.
///
/// # Arguments
///
/// All arguments are optional, and their order does not matter.
///
/// | argument | value | effect |
/// |---|---|---|
/// | `workers = 4` | a positive integer | sets the maximum number of worker threads; overrides `QUINTET_WORKERS` |
/// | `name = "server"` | a string | sets the name of the runtime, which reports and dumps contain |
/// | `tokio` | none, `true` or `false` | runs within the loop of a runtime of tokio, see the module `compat`; needs the feature `tokio` |
/// | `start_paused` | none, `true` or `false` | starts with time paused; the clock advances by itself to the next deadline, or by `time::advance` |
/// | `seed = 7` | an integer | sets the seed that decides what the order of events leaves open, and runs blocking jobs on the test's thread, so that a run can be repeated |
/// | `seeds = 500` | a positive integer | runs the test with this number of seeds, starting from `seed` or zero, and prints the one that fails |
/// | `timeout = "5s"` | a string: a number and `ms`, `s` or `m` | fails the test after this time by the loop's clock; it cannot stop code that blocks the thread |
/// | `leaks = "deny"` | `"deny"` or `"allow"` | fails the test if it leaves a task, socket, timer or job behind; see the module `testing` |
/// | `blocked = "50ms"` | a string: a number and `ms`, `s` or `m` | fails the test if one poll of a task takes more CPU time than this, and names the task |
/// | `crate = my::quintet` | a path | sets the path of the crate, for a renamed dependency or for use in another macro; the default is `::quintet` |
/// | `flavor = "current_thread"` | `"current_thread"` or `"local"` | nothing: it is always so; for code that is ported from tokio |
/// | `unhandled_panic = "shutdown_runtime"` | `"ignore"`, `"report"` or `"shutdown_runtime"` | sets what happens after a panic of a task without a join handle, see `Builder::unhandled_panic` |
///
/// The page `guide::testing` has an example of each.
///
/// # What it expands to
///
/// It expands like `#[quintet::main]`, with `#[test]` on the outer function, and has the same
/// requirements. With `seeds`, the function runs once for each seed, each time on a new runtime.
///
/// # Seeds
///
/// The environment variable `QUINTET_SEED` overrides `seed` and `seeds`. Use it to repeat a run
/// that failed.
///
/// With `seeds`, `leaks` or `blocked`, the function must return `()` or a `Result`.
///
/// # Panics
///
/// The test fails
///
/// - if its body panics;
/// - if `timeout` expires;
/// - if time is paused and nothing can ever happen;
/// - with `leaks = "deny"`, if the body succeeds and something is left;
/// - with `blocked`, if the body succeeds and a poll has taken more CPU time;
/// - if the runtime cannot be built, because the process has no descriptors left or because
///   `QUINTET_WORKERS` is not a number between 1 and 1024.
///
/// # Examples
///
/// ```text
/// #[quintet::test(workers = 1)]
/// async fn a_missing_file_is_an_error() -> std::io::Result<()> {
///     let directory = tempfile::tempdir()?;
///     let error = quintet::fs::read(directory.path().join("missing")).await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
///     Ok(())
/// }
///
/// #[quintet::test]
/// #[should_panic(expected = "out of range")]
/// async fn a_negative_index_panics() {
///     lookup(-1).await;
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Entry::Test, args, item)
}

/// Removes `ref`, `mut` and `&` from a pattern, so that it matches a reference to the same value.
///
/// `select!` checks whether an output matches before it moves the output.
#[doc(hidden)]
#[proc_macro]
pub fn borrowed_pattern(pattern: TokenStream) -> TokenStream {
    pattern::borrowed(pattern)
}

/// Gives tokens the location of the user's code, so that compiler messages about them refer to it:
/// `located_at!({ place } tokens…)`.
#[doc(hidden)]
#[proc_macro]
pub fn located_at(input: TokenStream) -> TokenStream {
    located::at(input)
}

/// Reports an error at a place in the user's code: `error_at!("message", place…)`.
#[doc(hidden)]
#[proc_macro]
pub fn error_at(input: TokenStream) -> TokenStream {
    located::error(input)
}
