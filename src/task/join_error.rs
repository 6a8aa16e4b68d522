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

/// Why a task has no output: it was cancelled, it panicked, or no thread could be started for it.
pub struct JoinError {
    id: Id,
    cause: JoinErrorKind,
}

enum JoinErrorKind {
    Cancelled,
    // The mutex makes the error `Sync`, which a payload need not be.
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

    /// Returns the payload of the task's panic, for [`resume_unwind`](std::panic::resume_unwind).
    ///
    /// # Panics
    ///
    /// If the task did not panic; see [`is_panic`](JoinError::is_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`into_panic` called on an error that is no panic: {error}"),
        }
    }

    /// Returns the payload of the task's panic.
    ///
    /// # Errors
    ///
    /// Returns this error if the task did not panic.
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
                // The formatter may run user code that formats this error too.
                let message = {
                    let payload = primitive::lock(payload);
                    panics::message(&**payload).to_owned()
                };
                write!(f, "task {id} panicked: {message}")
            }
            JoinErrorKind::NoWorker(error) => {
                write!(f, "no worker thread for task {id}: {error}")
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
                    // The OS reports so that there are too many threads. Code that polls for I/O
                    // would take it for "not ready".
                    io::ErrorKind::WouldBlock => io::ErrorKind::Other,
                    kind => kind,
                };
                io::Error::new(kind, error)
            }
            JoinErrorKind::Cancelled | JoinErrorKind::Panicked(_) => io::Error::other(error),
        }
    }
}
