//! How a task can fail.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Mutex;

use super::Id;
use crate::panics;
use crate::primitive;
use crate::tasks::Failure;

/// Why a task has no output: it was cancelled, or it panicked, or there was no thread to run it.
pub struct JoinError {
    id: Id,
    cause: JoinErrorKind,
}

enum JoinErrorKind {
    Cancelled,
    // The lock makes the error `Sync`, which a payload need not be.
    Panicked(Mutex<Box<dyn Any + Send>>),
    NoWorker(io::Error),
}

impl JoinError {
    pub(crate) fn new(id: u64, failure: Failure) -> Self {
        let cause = match failure {
            Failure::Cancelled => JoinErrorKind::Cancelled,
            Failure::Panicked(payload) => JoinErrorKind::Panicked(Mutex::new(payload)),
            Failure::NoWorker(error) => JoinErrorKind::NoWorker(error),
        };
        JoinError { id: Id(id), cause }
    }

    /// Returns whether the task was aborted, or its runtime ended first.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, JoinErrorKind::Cancelled)
    }

    /// Returns whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, JoinErrorKind::Panicked(_))
    }

    /// Returns what the task panicked with, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If the task did not panic; see [`is_panic`](JoinError::is_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`into_panic` needs a task that panicked, but {error}"),
        }
    }

    /// Returns what the task panicked with.
    ///
    /// # Errors
    ///
    /// This error itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self.cause {
            JoinErrorKind::Panicked(payload) => Ok(primitive::ignore_poison(payload.into_inner())),
            cause => Err(JoinError { cause, ..self }),
        }
    }

    /// Returns the id of the task.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match &self.cause {
            JoinErrorKind::Cancelled => write!(f, "task {id} was cancelled"),
            JoinErrorKind::Panicked(payload) => {
                // What is written to may be users' code, and show this error as well.
                let message = {
                    let payload = primitive::lock(payload);
                    panics::message(&**payload).to_owned()
                };
                write!(f, "task {id} panicked: {message}")
            }
            JoinErrorKind::NoWorker(error) => {
                write!(f, "task {id} found no worker thread: {error}")
            }
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            JoinErrorKind::NoWorker(error) => Some(error),
            _ => None,
        }
    }
}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        match error.cause {
            JoinErrorKind::NoWorker(ref cause) => {
                let kind = match cause.kind() {
                    // That is what the OS says of a thread too many. But who polls for I/O takes it
                    // for a reason to wait.
                    io::ErrorKind::WouldBlock => io::ErrorKind::Other,
                    kind => kind,
                };
                io::Error::new(kind, error)
            }
            JoinErrorKind::Cancelled | JoinErrorKind::Panicked(_) => io::Error::other(error),
        }
    }
}
