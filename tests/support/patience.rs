//! A bound against hanging.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{io, process, thread};

/// How long a test may take. All are through in a small part of it; one that hangs is to be named.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test`. If it hangs, its name is said, and the process ends.
pub(crate) fn in_time<R>(test: impl FnOnce() -> R) -> R {
    let _running = expect_end();
    test()
}

/// Ends the process unless the result is dropped in time.
fn expect_end() -> mpsc::Sender<()> {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (running, has_ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        if has_ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // Not `eprintln!`, which the harness would capture and lose.
            let _closed = writeln!(io::stderr(), "{name} hangs");
            process::abort();
        }
    });
    running
}
