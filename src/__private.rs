//! What the macros expand to. Not for direct use: it may change at any time.

use std::{io, process};

use crate::runtime::{Builder, Runtime};

/// For a `main` that is called `main`: a runtime that cannot be built is one line, and exit code 1.
#[track_caller]
pub fn run_or_exit<F: Future>(
    build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
    body: F,
) -> F::Output {
    match build(&mut Builder::new()) {
        Ok(runtime) => runtime.block_on(body),
        Err(error) => {
            eprintln!("quintet: the runtime could not be built: {error}");
            process::exit(1);
        }
    }
}

/// For tests, and for functions under `main` with another name.
///
/// # Panics
///
/// If the runtime cannot be built, and as `block_on` does.
#[track_caller]
pub fn run_or_panic<F: Future>(
    build: impl FnOnce(&mut Builder) -> io::Result<Runtime>,
    body: F,
) -> F::Output {
    match build(&mut Builder::new()) {
        Ok(runtime) => runtime.block_on(body),
        Err(error) => panic!("quintet: the runtime could not be built: {error}"),
    }
}
