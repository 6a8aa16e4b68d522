//! Tests that a machine cannot run: an old kernel, a closed sandbox, a file system that is not
//! there.

use std::fmt::Display;
use std::io::{self, Write};
use std::thread;

/// Says that this test, or a part of it, is skipped, and why.
pub(crate) fn skip(why: impl Display) {
    let test = thread::current();
    let test = test.name().unwrap_or("a test");
    // Not `eprintln!`, which the harness captures and does not show where the test passes.
    let _closed = writeln!(io::stderr(), "skipped: {test}: {why}");
}
