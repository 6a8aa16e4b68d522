//! The cursor of a file: what is read ahead, and what the last operation came to.
//!
//! The OS keeps the cursor itself; while something is unread here it is that much ahead of where
//! the user is. Jobs work on this under the lock of its [`Desk`](crate::fs::desk::Desk); in between
//! the file looks what they came to.

use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::Arc;

use super::Open;
use crate::fs::{CHUNK_MAX, cached, retry};

/// How much is read where less is asked for. A worker's reading it takes about as long as the trip
/// there and back.
const READ_AHEAD: usize = 64 << 10;

/// The same for what is read from memory, on the loop. It is less, for the loop's sake.
const READ_AHEAD_CACHED: usize = 16 << 10;

/// From this size on a system call is no more than a second copy would be.
const READ_AT_ONCE: usize = 4 << 10;

pub(super) struct Cursor {
    open: Arc<Open>,
    /// Memory for reading. All of it is initialised, once.
    buf: Vec<u8>,
    /// Where in `buf` there is something that was read and nobody has had.
    unread: Range<usize>,
    /// What the last write was to write.
    sent: Vec<u8>,
    outcome: Option<Outcome>,
    reads_ahead: bool,
}

/// What the last job came to, until somebody asks for it. What it has read is in the buffer.
enum Outcome {
    End,
    ReadFailed(io::Error),
    Written(io::Result<usize>),
    Sought(SeekFrom, io::Result<u64>),
}

impl Cursor {
    pub(super) fn new(open: Arc<Open>) -> Self {
        Cursor {
            open,
            buf: Vec::new(),
            unread: 0..0,
            sent: Vec::new(),
            outcome: None,
            reads_ahead: true,
        }
    }

    /// For one that others move too.
    pub(super) fn without_read_ahead(open: Arc<Open>) -> Self {
        Cursor {
            reads_ahead: false,
            ..Cursor::new(open)
        }
    }
}

/// For the file, between jobs.
impl Cursor {
    /// Whether the OS's cursor is ahead of the user's.
    pub(super) fn is_ahead(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Answers a read from what is here: the data, the end, or the error of the last job.
    pub(super) fn take_read(&mut self, out: &mut [u8]) -> Option<io::Result<usize>> {
        if self.unread.is_empty() {
            return match self.outcome.take() {
                Some(Outcome::End) => Some(Ok(0)),
                Some(Outcome::ReadFailed(error)) => Some(Err(error)),
                _ => None,
            };
        }
        let n = out.len().min(self.unread.len());
        let start = self.unread.start;
        out[..n].copy_from_slice(&self.buf[start..start + n]);
        self.unread.start += n;
        Some(Ok(n))
    }

    /// Reads what is in the kernel's memory, after [`take_read`](Cursor::take_read) said that there is
    /// nothing here.
    pub(super) fn read_cached(&mut self, out: &mut [u8]) -> Option<usize> {
        // Where the cursor is shared, another reader may hold it and wait for the disk.
        if !self.reads_ahead {
            return None;
        }
        let file = self.open.as_cached();
        if out.len() >= READ_AT_ONCE {
            return cached::read_at_cursor(file, out);
        }
        if !cached::may_read(file, READ_AHEAD_CACHED) {
            return None;
        }
        self.make_room(READ_AHEAD_CACHED);
        let buf = &mut self.buf[..READ_AHEAD_CACHED];
        let n = cached::read_at_cursor(self.open.as_cached(), buf)?;
        self.note_read(n);
        self.take_read(out)?.ok()
    }

    /// Answers a write of `bufs`, if that is what the last job has done.
    ///
    /// Whoever dropped its future, and writes something else now, must not be told that it is
    /// written. So what was written must be what is written now; for an error, or for nothing, all
    /// of it must be the same.
    pub(super) fn take_write(&mut self, bufs: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        let Some(Outcome::Written(result)) = self.outcome.take() else {
            return None;
        };
        let same = match &result {
            Ok(n) if *n > 0 => &self.sent[..*n],
            _ => &self.sent[..],
        };
        starts_with(bufs, same).then_some(result)
    }

    /// Puts down what the next job is to write, up to its limit.
    pub(super) fn put_write(&mut self, bufs: &[IoSlice<'_>]) {
        self.sent.clear();
        for buf in bufs {
            let room = CHUNK_MAX - self.sent.len();
            self.sent.extend_from_slice(&buf[..buf.len().min(room)]);
        }
    }

    /// Answers with the error of the last write. What it has written stays to be asked for.
    pub(super) fn take_write_error(&mut self) -> io::Result<()> {
        match self
            .outcome
            .take_if(|outcome| matches!(outcome, Outcome::Written(Err(_))))
        {
            Some(Outcome::Written(Err(error))) => Err(error),
            _ => Ok(()),
        }
    }

    /// Answers a seek to `position`, if that is what the last job has done.
    pub(super) fn take_seek(&mut self, position: SeekFrom) -> Option<io::Result<u64>> {
        match self.outcome.take() {
            Some(Outcome::Sought(sought, result)) if sought == position => Some(result),
            _ => None,
        }
    }
}

/// For jobs.
impl Cursor {
    /// Reads, for somebody who wants `len` bytes.
    pub(super) fn read(&mut self, len: usize) {
        debug_assert!(
            self.unread.is_empty(),
            "reading must not overwrite what is unread"
        );
        let ahead = self.reads_ahead && self.open.is_regular();
        let len = if ahead { len.max(READ_AHEAD) } else { len }.min(CHUNK_MAX);
        self.make_room(len);
        let buf = &mut self.buf[..len];
        match retry(|| (&self.open.file).read(buf)) {
            Ok(n) => self.note_read(n),
            Err(error) => self.outcome = Some(Outcome::ReadFailed(error)),
        }
    }

    fn make_room(&mut self, len: usize) {
        if self.buf.len() < len {
            // In two steps, so that there are never two buffers.
            self.buf = Vec::new();
            self.buf = vec![0; len];
        }
    }

    fn note_read(&mut self, n: usize) {
        if n == 0 {
            // Files are often kept open at their end. A growing one gets its memory again.
            self.buf = Vec::new();
            self.outcome = Some(Outcome::End);
        }
        self.unread = 0..n;
    }

    /// Writes what was put down.
    pub(super) fn write(&mut self) {
        let result = match self.give_back() {
            // The two directions of a terminal have nothing to do with each other.
            Err(error) if error.kind() != io::ErrorKind::NotSeekable => Err(error),
            _ => retry(|| (&self.open.file).write(&self.sent)),
        };
        self.outcome = Some(Outcome::Written(result));
    }

    pub(super) fn seek(&mut self, position: SeekFrom) {
        let result = self.give_back();
        let result = result.and_then(|()| (&self.open.file).seek(position));
        self.outcome = Some(Outcome::Sought(position, result));
    }

    /// Puts the OS's cursor back to where the user is. The next read reads anew.
    pub(super) fn give_back(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let back = i64::try_from(self.unread.len()).expect("a chunk is not as long as that");
        (&self.open.file).seek(SeekFrom::Current(-back))?;
        self.unread = 0..0;
        Ok(())
    }

    /// The contents were changed behind the cursor. What was read ahead, and what the last job came
    /// to, tell of the time before.
    pub(super) fn invalidate(&mut self) {
        // What cannot be given back came from a stream, and is as good as ever.
        let _not_seekable = self.give_back();
        self.outcome = None;
    }

    /// Somebody else is to have the OS's cursor, and no more of ours.
    pub(super) fn let_go(&mut self) {
        let _not_seekable = self.give_back();
        self.unread = 0..0;
    }

    /// Somebody else is to have the OS's cursor too.
    pub(super) fn stop_reading_ahead(&mut self) {
        let _not_seekable = self.give_back();
        self.reads_ahead = false;
    }
}

fn starts_with(bufs: &[IoSlice<'_>], mut prefix: &[u8]) -> bool {
    for buf in bufs {
        let (head, tail) = prefix.split_at(prefix.len().min(buf.len()));
        if buf[..head.len()] != *head {
            return false;
        }
        prefix = tail;
    }
    prefix.is_empty()
}
