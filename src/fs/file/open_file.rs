//! The state that the jobs of an open file share.

use std::sync::{Mutex, OnceLock};

use super::changes::Changes;
use super::cursor::Cursor;
use super::lock::Locking;
use crate::fs::in_flight::{self, Operate};
use crate::page_cache::Suitability;

/// The state that the jobs of a file share. The last owner closes the file.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: std::fs::File,
    is_regular: OnceLock<bool>,
    /// Whether reads on the loop are tried.
    suitability: Suitability,
    pub(super) changes: Changes,
    pub(super) locking: Locking,
}

impl OpenFile {
    pub(super) fn new(file: std::fs::File) -> Self {
        OpenFile {
            file,
            is_regular: OnceLock::new(),
            suitability: Suitability::default(),
            changes: Changes::default(),
            locking: Locking::default(),
        }
    }

    /// For a file that is known to be regular.
    pub(super) fn new_regular(file: std::fs::File, suitability: Suitability) -> Self {
        OpenFile {
            file,
            is_regular: OnceLock::from(true),
            suitability,
            changes: Changes::default(),
            locking: Locking::default(),
        }
    }

    /// Returns what reads on the loop need.
    pub(super) fn as_cached(&self) -> (&std::fs::File, &Suitability) {
        (&self.file, &self.suitability)
    }

    /// Returns whether this is a regular file: its contents can be read again, and its cursor can
    /// seek back. For workers, because it makes a system call.
    pub(super) fn is_regular(&self) -> bool {
        *self.is_regular.get_or_init(|| {
            let metadata = self.file.metadata();
            metadata.is_ok_and(|metadata| metadata.is_file())
        })
    }

    /// Waits for the operations whose futures were dropped, so that another one can begin. For
    /// workers.
    pub(super) fn settle(&self, cursor: Option<&Mutex<Cursor>>) {
        if let Some(cursor) = cursor {
            // The read of a stream may wait for data for as long as its other end likes. So if it
            // runs it is not waited for, and if it has not begun it is left to its own job.
            let cursor = if self.is_regular() {
                Some(in_flight::lock(cursor))
            } else {
                in_flight::try_lock(cursor).filter(|cursor| !cursor.has_read_request())
            };
            if let Some(mut cursor) = cursor {
                cursor.operate();
            }
        }
        self.changes.settle();
    }
}
