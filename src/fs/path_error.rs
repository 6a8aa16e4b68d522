//! Errors that name the path of the operation that failed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::io_error;

/// An operation on one or two paths.
struct PathOperation {
    /// The verb, and what else precedes the path.
    what: &'static str,
    path: PathBuf,
    /// The words between the two paths, and the second path.
    other: Option<(&'static str, PathBuf)>,
}

/// Returns a function that adds the operation and `path` to an error.
pub(super) fn cannot(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        let operation = PathOperation {
            what,
            path: path.to_owned(),
            other: None,
        };
        io_error::cannot(operation, error)
    }
}

/// As [`cannot`], for an operation on two paths.
pub(super) fn cannot_both(
    what: &'static str,
    path: &Path,
    between: &'static str,
    other: &Path,
) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        let operation = PathOperation {
            what,
            path: path.to_owned(),
            other: Some((between, other.to_owned())),
        };
        io_error::cannot(operation, error)
    }
}

impl fmt::Display for PathOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.what, self.path)?;
        if let Some((between, other)) = &self.other {
            write!(f, " {between} {other:?}")?;
        }
        Ok(())
    }
}
