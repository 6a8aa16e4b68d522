//! What is said of an operation that failed.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The OS's error, and what it prevented.
struct PathError {
    /// "cannot …".
    what: &'static str,
    path: PathBuf,
    /// What stands between the two paths, and the other one.
    other: Option<(&'static str, PathBuf)>,
    error: io::Error,
}

impl PathError {
    /// The kind stays, as users match on it.
    fn into_error(self) -> io::Error {
        io::Error::new(self.error.kind(), self)
    }
}

/// Adds to an error what was to be done to `path`.
pub(super) fn cannot(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        let error = PathError {
            what,
            path: path.to_owned(),
            other: None,
            error,
        };
        error.into_error()
    }
}

/// The same for an operation on two paths.
pub(super) fn cannot_both(
    what: &'static str,
    path: &Path,
    between: &'static str,
    other: &Path,
) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        let error = PathError {
            what,
            path: path.to_owned(),
            other: Some((between, other.to_owned())),
            error,
        };
        error.into_error()
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {:?}", self.what, self.path)?;
        if let Some((between, other)) = &self.other {
            write!(f, " {between} {other:?}")?;
        }
        write!(f, ": {}", self.error)
    }
}

/// The text, for it is what a `main` prints that returns the error.
impl fmt::Debug for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
