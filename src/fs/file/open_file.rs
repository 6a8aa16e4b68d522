//! What the jobs of an open file share.

use std::sync::{Mutex, OnceLock};

use super::changes::Changes;
use super::cursor::Cursor;
use crate::fs::in_flight::{self, Operate};
use crate::page_cache::Suitability;

/// What the jobs of a file share. The last of them closes it.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: std::fs::File,
    is_regular: OnceLock<bool>,
    /// Whether it is worth an attempt to read it without a worker.
    suitability: Suitability,
    pub(super) changes: Changes,
}

impl OpenFile {
    pub(super) fn new(file: std::fs::File) -> Self {
        OpenFile {
            file,
            is_regular: OnceLock::new(),
            suitability: Suitability::default(),
            changes: Changes::default(),
        }
    }

    /// One that was found to be a regular file.
    pub(super) fn new_regular(file: std::fs::File, suitability: Suitability) -> Self {
        OpenFile {
            file,
            is_regular: OnceLock::from(true),
            suitability,
            changes: Changes::default(),
        }
    }

    /// What need not wait is read from it by this, on the loop.
    pub(super) fn as_cached(&self) -> (&std::fs::File, &Suitability) {
        (&self.file, &self.suitability)
    }

    /// Whether it has contents of its own, which stay the same until somebody changes them, and a
    /// cursor that goes back. For workers.
    pub(super) fn is_regular(&self) -> bool {
        *self.is_regular.get_or_init(|| {
            let metadata = self.file.metadata();
            metadata.is_ok_and(|metadata| metadata.is_file())
        })
    }

    /// Ends what dropped futures have left under way, before something else begins. For workers.
    pub(super) fn settle(&self, cursor: Option<&Mutex<Cursor>>) {
        if let Some(cursor) = cursor {
            // Streams may have a read that waits long for data.
            let cursor = if self.is_regular() {
                Some(in_flight::lock(cursor))
            } else {
                in_flight::try_lock(cursor)
            };
            if let Some(mut cursor) = cursor {
                cursor.operate();
            }
        }
        self.changes.settle();
    }
}
