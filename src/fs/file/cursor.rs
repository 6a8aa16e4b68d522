//! The cursor of a file: what is read ahead, what is requested, and the outcome of the last
//! operation.
//!
//! The OS keeps the cursor itself; while something is unread here it is that much ahead of the
//! user's. Jobs work on this under the lock of its [`InFlight`](crate::fs::in_flight::InFlight). In
//! between the file takes the outcome from here.

use std::io::{self, IoSlice, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use rustix::io::{read, retry_on_intr, write};

use super::open_file::OpenFile;
use crate::fs::in_flight::Operate;
use crate::fs::{CHUNK_MAX, cached};

/// How much is read where less is asked for. A worker's reading it takes about as long as the trip
/// there and back.
const READ_AHEAD: usize = 64 << 10;

/// The same for what is read from memory, on the loop. It is less, for the loop's sake.
const READ_AHEAD_CACHED: usize = 16 << 10;

/// From this size on a system call is no more than a second copy would be.
const READ_AT_ONCE: usize = 4 << 10;

/// Who asks for an operation: a call of a method, each with a number of its own, or the I/O traits.
///
/// Only the call that asked for an operation takes its outcome. The traits cannot say whether they
/// poll for the same operation again or for a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallId(u64);

impl CallId {
    pub(super) const TRAITS: CallId = CallId(0);

    pub(super) fn next(&mut self) -> CallId {
        self.0 += 1;
        *self
    }
}

pub(super) struct Cursor {
    open: Arc<OpenFile>,
    /// Memory for reading. All of it is initialised, once.
    buf: Vec<u8>,
    /// Where in `buf` there is something that was read and no call has had.
    unread: Range<usize>,
    /// How the last read ended that found no data, and the call that it is for: of a stream it is
    /// for any, because the stream does not tell it twice.
    read_end: Option<(Option<CallId>, io::Result<()>)>,
    /// What the last write was to write.
    write_buf: Vec<u8>,
    request: Option<(CallId, Request)>,
    outcome: Option<(CallId, CallOutcome)>,
    reads_ahead: bool,
    /// The stamp of the changes by offset that are known here.
    stamp: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    /// To read, for a call that wants so many bytes.
    Read(usize),
    /// To write what was put down.
    Write,
    Seek(SeekFrom),
    /// To put the OS's cursor where the user's is, for others.
    Release,
}

/// The outcome of the last write or seek, until its call takes it.
enum CallOutcome {
    Written(io::Result<usize>),
    Sought(SeekFrom, io::Result<u64>),
}

impl Cursor {
    pub(super) fn new(open: Arc<OpenFile>) -> Self {
        Cursor {
            stamp: open.changes.stamp(),
            open,
            buf: Vec::new(),
            unread: 0..0,
            read_end: None,
            write_buf: Vec::new(),
            request: None,
            outcome: None,
            reads_ahead: true,
        }
    }

    /// For one that others move too.
    pub(super) fn without_read_ahead(open: Arc<OpenFile>) -> Self {
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

    /// Whether the contents are what they were when this was last looked at.
    fn is_current(&self) -> bool {
        self.stamp == self.open.changes.stamp()
    }

    /// Puts down what the next job is to do.
    pub(super) fn request(&mut self, call: CallId, request: Request) {
        match (&self.outcome, request) {
            // The traits may be polled by turns, from two halves of the file.
            (Some((CallId::TRAITS, CallOutcome::Written(_))), Request::Read(_)) => {}
            _ => self.discard_outcome(),
        }
        if !matches!(request, Request::Read(_)) {
            self.clear_read_end();
        }
        self.request = Some((call, request));
    }

    /// Puts down what the next job is to write, up to its limit.
    pub(super) fn request_write(&mut self, call: CallId, bufs: &[IoSlice<'_>]) {
        self.request(call, Request::Write);
        self.write_buf.clear();
        for buf in bufs {
            let room = CHUNK_MAX - self.write_buf.len();
            self.write_buf
                .extend_from_slice(&buf[..buf.len().min(room)]);
        }
    }

    /// Resolves a read from what is here: the data, the end, or the error of its job.
    pub(super) fn take_read(&mut self, call: CallId, out: &mut [u8]) -> Option<io::Result<usize>> {
        if self.unread.is_empty() {
            let (to, end) = self.read_end.take()?;
            return (to.is_none() || to == Some(call)).then_some(end.map(|()| 0));
        }
        if !self.is_current() {
            return None;
        }
        let n = out.len().min(self.unread.len());
        let start = self.unread.start;
        out[..n].copy_from_slice(&self.buf[start..start + n]);
        self.unread.start += n;
        Some(Ok(n))
    }

    /// Reads what is in the kernel's memory, after [`take_read`](Cursor::take_read) found nothing
    /// here.
    pub(super) fn read_cached(&mut self, call: CallId, out: &mut [u8]) -> Option<usize> {
        // Where the cursor is shared, another reader may hold it and wait for the disk.
        if !self.reads_ahead || self.is_ahead() || self.open.changes.are_abandoned() {
            return None;
        }
        let file = self.open.as_cached();
        if out.len() >= READ_AT_ONCE {
            return cached::read_at_cursor(file, out);
        }
        if !cached::may_read(file, READ_AHEAD_CACHED) {
            return None;
        }
        self.reserve_buf(READ_AHEAD_CACHED);
        let buf = &mut self.buf[..READ_AHEAD_CACHED];
        // Before it is read: what is changed meanwhile counts as not seen.
        self.stamp = self.open.changes.stamp();
        let n = cached::read_at_cursor(self.open.as_cached(), buf)?;
        self.note_read(Some(call), n);
        self.take_read(call, out)?.ok()
    }

    /// Resolves a write of `bufs`, if that is what the last job has done.
    ///
    /// Of the traits all that is known is the data. A call that dropped the future of one write,
    /// and writes something else now, must not be told that it is written. So what was written must
    /// be what is to be written now; for an error, or for nothing, all of it must be the same.
    pub(super) fn take_write(
        &mut self,
        call: CallId,
        bufs: &[IoSlice<'_>],
    ) -> Option<io::Result<usize>> {
        if let Some((by, CallOutcome::Written(result))) = &self.outcome {
            let same = match result {
                Ok(n) if *n > 0 => &self.write_buf[..*n],
                _ => &self.write_buf[..],
            };
            if *by == call && (call != CallId::TRAITS || starts_with(bufs, same)) {
                return match self.outcome.take() {
                    Some((_, CallOutcome::Written(result))) => Some(result),
                    _ => None,
                };
            }
        }
        None
    }

    /// Resolves a seek to `position`, if that is what the last job has done.
    pub(super) fn take_seek(
        &mut self,
        call: CallId,
        position: SeekFrom,
    ) -> Option<io::Result<u64>> {
        match self.outcome.take_if(|(by, outcome)| {
            *by == call && matches!(outcome, CallOutcome::Sought(to, _) if *to == position)
        }) {
            Some((_, CallOutcome::Sought(_, result))) => Some(result),
            _ => None,
        }
    }

    /// The error with which the job of a call failed that reads nothing and has no outcome.
    pub(super) fn take_failure(&mut self, call: CallId) -> io::Result<()> {
        match self.read_end.take_if(|(to, _)| *to == Some(call)) {
            Some((_, Err(error))) => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps the error of the last write for the next flush, if its call has not had it.
    pub(super) fn store_write_error(&mut self) {
        if matches!(self.outcome, Some((_, CallOutcome::Written(Err(_))))) {
            self.discard_outcome();
        }
    }

    /// Discards the outcome of the last operation: no call takes it. The error of a write is kept
    /// for the next flush.
    pub(super) fn discard_outcome(&mut self) {
        if let Some((_, CallOutcome::Written(Err(error)))) = self.outcome.take() {
            self.open.changes.store_write_error(error);
        }
    }

    /// The end of a file, and its error, are looked for again; those of a stream were its last word.
    fn clear_read_end(&mut self) {
        self.read_end.take_if(|(to, _)| to.is_some());
    }

    fn reserve_buf(&mut self, len: usize) {
        if self.buf.len() < len {
            // In two steps, so that there are never two buffers.
            self.buf = Vec::new();
            self.buf = vec![0; len];
        }
    }

    fn note_read(&mut self, to: Option<CallId>, n: usize) {
        if n == 0 {
            // Files are often kept open at their end. A growing one gets its memory again.
            self.buf = Vec::new();
            self.read_end = Some((to, Ok(())));
        }
        self.unread = 0..n;
    }
}

/// For jobs.
impl Operate for Cursor {
    fn operate(&mut self) {
        let Some((call, request)) = self.request else {
            return;
        };
        self.refresh();
        match request {
            Request::Read(len) => self.read(call, len),
            Request::Write => {
                let result = self.write();
                self.outcome = Some((call, CallOutcome::Written(result)));
            }
            Request::Seek(position) => {
                let result = self.seek(position);
                self.outcome = Some((call, CallOutcome::Sought(position, result)));
            }
            Request::Release => self.release(),
        }
        self.request = None;
    }

    fn has_request(&self) -> bool {
        self.request.is_some()
    }

    fn fail(&mut self, error: io::Error) {
        match self.request.take() {
            Some((call, Request::Read(_) | Request::Release)) => {
                self.read_end = Some((Some(call), Err(error)));
            }
            Some((call, Request::Write)) => {
                self.outcome = Some((call, CallOutcome::Written(Err(error))));
            }
            Some((call, Request::Seek(position))) => {
                self.outcome = Some((call, CallOutcome::Sought(position, Err(error))));
            }
            None => {}
        }
    }
}

impl Cursor {
    /// Looks whether the contents were changed behind the cursor. What was read ahead, and how the
    /// last read ended, are of the time before.
    fn refresh(&mut self) {
        let stamp = self.open.changes.settled_stamp();
        if stamp != self.stamp {
            self.stamp = stamp;
            // What cannot be given back came from a stream, and is as good as ever.
            let _not_seekable = self.discard_read_ahead();
            self.clear_read_end();
        }
    }

    /// Reads, for a call that wants `len` bytes.
    fn read(&mut self, call: CallId, len: usize) {
        if self.is_ahead() {
            return;
        }
        let is_regular = self.open.is_regular();
        let len = if self.reads_ahead && is_regular {
            len.max(READ_AHEAD)
        } else {
            len
        };
        let len = len.min(CHUNK_MAX);
        self.reserve_buf(len);
        let to = is_regular.then_some(call);
        let buf = &mut self.buf[..len];
        match retry_on_intr(|| read(&self.open.file, &mut *buf)) {
            Ok(n) => self.note_read(to, n),
            Err(error) => self.read_end = Some((to, Err(error.into()))),
        }
    }

    /// Writes what was put down.
    fn write(&mut self) -> io::Result<usize> {
        match self.discard_read_ahead() {
            // The two directions of a terminal have nothing to do with each other.
            Err(error) if error.kind() != io::ErrorKind::NotSeekable => Err(error),
            _ => Ok(retry_on_intr(|| write(&self.open.file, &self.write_buf))?),
        }
    }

    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.discard_read_ahead()?;
        (&self.open.file).seek(position)
    }

    /// Puts the OS's cursor back to where the user is. The next read reads anew.
    fn discard_read_ahead(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let back = i64::try_from(self.unread.len()).expect("a chunk is not as long as that");
        (&self.open.file).seek(SeekFrom::Current(-back))?;
        self.unread = 0..0;
        Ok(())
    }

    /// Another owner is to have the OS's cursor, and no more of this one.
    fn release(&mut self) {
        let _not_seekable = self.discard_read_ahead();
        self.unread = 0..0;
    }

    /// Another owner is to have the OS's cursor too.
    pub(super) fn stop_reading_ahead(&mut self) {
        let _not_seekable = self.discard_read_ahead();
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
