//! A seek in two steps, for tokio's `AsyncSeek`.

use std::io::{self, SeekFrom};
use std::task::{Context, Poll, ready};

use super::File;
use super::cursor::{CallId, Request};
use crate::blocking::Purpose;
use crate::coop;
use crate::fs::in_flight::{self, Operate};

impl File {
    /// Starts a seek.
    ///
    /// # Errors
    ///
    /// Returns an error if an operation at the cursor runs, or outside of a runtime.
    pub(crate) fn start_seek_cursor(&mut self, position: SeekFrom) -> io::Result<()> {
        let busy = || io::Error::other("an operation runs at the cursor; wait for its end first");
        in_flight::check_loop()?;
        let mut cursor = self.cursor.try_lock().ok_or_else(busy)?;
        if cursor.has_request() {
            return Err(busy());
        }
        cursor.request(CallId::TRAITS, Request::Seek(position));
        drop(cursor);
        self.is_writing = false;
        self.cursor.start(Purpose::Change);
        Ok(())
    }

    /// Waits for the end of the operation at the cursor. Resolves to the new position if it was a
    /// seek through a trait, and otherwise to 0.
    pub(crate) fn poll_started_seek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let mut cursor = ready!(self.cursor.poll_lock(cx))?;
        if let Some(result) = cursor.take_any_seek(CallId::TRAITS) {
            return Poll::Ready(result);
        }
        drop(cursor);
        coop::charge(0);
        Poll::Ready(Ok(0))
    }
}
