//! I/O errors that name the operation that failed.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io;

/// Wraps `error` in one whose message is `cannot <operation>: <error>`.
///
/// The [`kind`](io::Error::kind) stays the same, and `error` becomes the
/// [`source`](Error::source).
pub(crate) fn cannot(
    operation: impl Display + Send + Sync + 'static,
    error: io::Error,
) -> io::Error {
    io::Error::new(error.kind(), FailedOperation { operation, error })
}

/// An operation, and the error that it returned.
struct FailedOperation<O> {
    operation: O,
    error: io::Error,
}

impl<O: Display> Display for FailedOperation<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation, self.error)
    }
}

/// The message, because that is what a `main` prints that returns the error.
impl<O: Display> Debug for FailedOperation<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl<O: Display> Error for FailedOperation<O> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// The inner error of an operation whose runtime has ended.
#[derive(Debug)]
pub(crate) struct RuntimeEnded(pub(crate) String);

impl Display for RuntimeEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for RuntimeEnded {}
