//! The attribute macros of the quintet runtime: `#[quintet::main]` and `#[quintet::test]`.
//!
//! Programs use them by way of the `quintet` crate, which exports both again; this crate is of no
//! use without it. It depends on nothing, so that a small program builds fast: the compiler's
//! own tokens are enough to take a function apart.
//!
//! `args` reads the arguments of the attribute, `parse` the function under it, `expand` writes
//! what takes the function's place. None of them knows what a runtime is.

mod args;
mod expand;
mod located;
mod parse;
mod pattern;

use proc_macro::TokenStream;

use crate::expand::Entry;

/// Makes an `async fn` the `main` of a program: builds a runtime and runs the function on it.
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
/// The program ends when the function does, as a `main` without a runtime would: its tasks are
/// not waited for, unless `keep_alive` says so. What the function may return is what a `main` may
/// return.
///
/// # Arguments
///
/// All of them are optional, and any order will do.
///
/// | argument | what it takes | what it does |
/// |---|---|---|
/// | `workers = 4` | a positive integer | sets how many threads may run blocking work, in place of `QUINTET_WORKERS` and the default |
/// | `name = "server"` | a string | names the runtime, in what it reports about itself |
/// | `keep_alive` | nothing | goes on after the function has ended, until nothing is alive: Node's rule |
/// | `start_paused = true` | `true` or `false` | starts with time paused |
/// | `seed = 7` | an integer | lets a seed decide what the order of events leaves open, so that a run repeats |
/// | `crate = my::quintet` | a path | says where `quintet` is found, if not at `::quintet`: for a renamed dependency, or for a macro of yours that writes this attribute |
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
/// A function of the same name, visibility, attributes and return type which is not `async`. The
/// function as it was written is inside, where nothing else is in its sight. The outer function
/// sets up a `Builder` by the arguments, builds the `Runtime` and hands the inner one's future to
/// `Runtime::block_on`. So the example above is about
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
/// where the `?` stands for what is said under [Failure](#failure). The function has to be `async`
/// and to have a body; it cannot have parameters, generics or a `where` clause, and it cannot be
/// `const`, `unsafe` or `extern`. Any function may have the attribute, whatever it is called: it
/// then runs on a new runtime each time it is called. As the inner function is an item of its own,
/// one in an `impl` cannot say `Self`.
///
/// # Failure
///
/// If the runtime cannot be built, because the system refuses it a descriptor or because
/// `QUINTET_WORKERS` is not a number, a function called `main` writes one line that says so to
/// the standard error and exits the process with code 1.
///
/// With `keep_alive`: if a task is left that nothing can wake any more, a function called `main`
/// says which, and where it was spawned, and exits the process with code 13, as Node does.
///
/// # Panics
///
/// A function that is not called `main` panics in these cases, for its caller may want to go on.
/// All of them panic with what the body panics with, and if a runtime runs on this thread already.
///
/// # Examples
///
/// A function that is not `main`, as part of a program that is mostly not `async`:
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

/// Makes an `async fn` a test: `#[test]` for a function that runs on a runtime of its own.
///
/// ```text
/// #[quintet::test]
/// async fn a_task_answers() {
///     let task = quintet::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// }
/// ```
///
/// The other attributes stay where they are and mean what they always mean: `#[ignore]`,
/// `#[should_panic]`, `#[cfg(…)]`. What the function may return is what a test may return, so
/// `?` can be used in a test that answers a `Result`. `#[test]` itself is not to be added.
///
/// # Arguments
///
/// All of them are optional, and any order will do.
///
/// | argument | what it takes | what it does |
/// |---|---|---|
/// | `workers = 4` | a positive integer | sets how many threads may run blocking work, in place of `QUINTET_WORKERS` and the default |
/// | `name = "server"` | a string | names the runtime, in what it reports about itself |
/// | `start_paused = true` | `true` or `false` | starts with time paused: the test takes no time, and moves it on by itself or by hand |
/// | `seed = 7` | an integer | lets a seed decide what the order of events leaves open, and runs blocking jobs on the test's thread, so that the run repeats |
/// | `seeds = 500` | a positive integer | runs the test with so many seeds, from zero or from `seed` on, and says which one failed |
/// | `timeout = "5s"` | a string: a number and `ms`, `s` or `m` | lets the test fail when its loop's clock has gone on so far; what blocks the thread it cannot end |
/// | `leaks = "deny"` | `"deny"` or `"allow"` | lets the test fail if it leaves a task, socket, timer or job behind; see the module `testing` |
/// | `crate = my::quintet` | a path | says where `quintet` is found, if not at `::quintet`: for a renamed dependency, or for a macro of yours that writes this attribute |
///
/// # What it expands to
///
/// The same as under `#[quintet::main]`, with `#[test]` on the outer function, and with the same
/// demands on the function. With `seeds` the function is called once for each, on a runtime of its
/// own.
///
/// # Seeds
///
/// The environment variable `QUINTET_SEED` takes the place of the seed or seeds that are given: that
/// is how a run which failed is repeated.
///
/// With `seeds` and with `leaks`, what the function returns is `()` or a `Result`.
///
/// # Panics
///
/// The test fails if its body panics, if its time is up, and if the runtime cannot be built: because
/// the system refuses it a descriptor, or because `QUINTET_WORKERS` is not a number. It also fails if
/// time is paused and nothing can ever happen again; and, with `leaks = "deny"`, if something is left
/// when it has ended well.
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

/// Turns a pattern into one that matches a reference to the same value: takes away `ref`, `mut` and `&`.
///
/// For `select!`, which looks whether an output matches before it moves the output.
#[doc(hidden)]
#[proc_macro]
pub fn borrowed_pattern(pattern: TokenStream) -> TokenStream {
    pattern::borrowed(pattern)
}

/// Places tokens where the user wrote something: `located_at!({ place } tokens…)`. What the compiler says about
/// the tokens then points there.
#[doc(hidden)]
#[proc_macro]
pub fn located_at(input: TokenStream) -> TokenStream {
    located::at(input)
}

/// An error where the user wrote something: `error_at!("message", place…)`.
#[doc(hidden)]
#[proc_macro]
pub fn error_at(input: TokenStream) -> TokenStream {
    located::error(input)
}
