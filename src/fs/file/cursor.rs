//! The cursor of a file: data that was read ahead, the current request, and the outcome of the last
//! operation.
//!
//! The OS has the position of the cursor. It is ahead of the user's position by the length of the
//! unread data. Jobs use this state under the lock of its
//! [`InFlight`](crate::fs::in_flight::InFlight), and between jobs the file takes outcomes from it.

use std::io::{self, IoSlice, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use rustix::io::{read, retry_on_intr, write};

use super::open_file::OpenFile;
use super::vectored::gather;
use crate::fs::in_flight::Operate;
use crate::fs::{CHUNK_MAX, cached};

/// The number of bytes that a worker reads if a call asks for less. Reading that many takes about
/// as long as the way to the worker and back.
const READ_AHEAD: usize = 64 << 10;

/// The number of bytes that the loop reads from the page cache if a call asks for less. It is
/// smaller than [`READ_AHEAD`], because it takes time of the loop.
const READ_AHEAD_CACHED: usize = 16 << 10;

/// Cached reads of at least this size do not read ahead: a system call for each costs no more than
/// a second copy of the data.
const READ_AT_ONCE: usize = 4 << 10;

/// The origin of an operation: the number of a method call, or the I/O traits.
///
/// Only the call that requested an operation takes its outcome. All operations of the traits have
/// the same id, because a poll does not say whether it continues an operation or begins a new one.
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
    /// The read buffer. All of it is initialized, once.
    buf: Vec<u8>,
    /// The part of `buf` that was read and that no call has returned.
    unread: Range<usize>,
    /// The end of the file or the error at which the last read ended, and the call that takes it.
    /// For a stream any call takes it (`None`), because the OS may report it only once.
    read_end: Option<(Option<CallId>, io::Result<()>)>,
    /// The data of the last write.
    write_buf: Vec<u8>,
    request: Option<(CallId, Request)>,
    outcome: Option<(CallId, CallOutcome)>,
    reads_ahead: bool,
    /// The stamp of [`Changes`](super::changes::Changes) when `buf` was read.
    stamp: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    /// Read for a call that asks for this many bytes.
    Read(usize),
    /// Write the data in `write_buf`.
    Write,
    Seek(SeekFrom),
    /// Move the cursor of the OS to the position of the user, for another owner.
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

    /// For a cursor that is shared with another handle.
    pub(super) fn without_read_ahead(open: Arc<OpenFile>) -> Self {
        Cursor {
            reads_ahead: false,
            ..Cursor::new(open)
        }
    }
}

/// Called by the file, between jobs.
impl Cursor {
    /// Returns whether the cursor of the OS is ahead of the position of the user.
    pub(super) fn is_ahead(&self) -> bool {
        !self.unread.is_empty()
    }

    pub(super) fn reads_ahead(&self) -> bool {
        self.reads_ahead
    }

    /// Returns whether the contents have not changed since `buf` was read.
    fn is_current(&self) -> bool {
        self.stamp == self.open.changes.stamp()
    }

    /// Returns whether the request is a read.
    pub(super) fn has_read_request(&self) -> bool {
        matches!(self.request, Some((_, Request::Read(_))))
    }

    /// Stores the request for the next job.
    pub(super) fn request(&mut self, call: CallId, request: Request) {
        match (&self.outcome, request) {
            // The two halves of a split file may read and write in turn through the traits. A read
            // must not discard the outcome that the writing half has not taken yet.
            (Some((CallId::TRAITS, CallOutcome::Written(_))), Request::Read(_)) => {}
            _ => self.discard_outcome(),
        }
        if !matches!(request, Request::Read(_)) {
            self.clear_read_end();
        }
        self.request = Some((call, request));
    }

    /// Stores a write request, with a copy of up to `CHUNK_MAX` bytes of `bufs`.
    pub(super) fn request_write(&mut self, call: CallId, bufs: &[IoSlice<'_>]) {
        self.request(call, Request::Write);
        self.write_buf.clear();
        gather(&mut self.write_buf, bufs);
    }

    /// Takes the result of a read: unread data, the end of the file, or the error of the job.
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

    /// Reads from the page cache, after [`take_read`](Cursor::take_read) has returned `None`.
    pub(super) fn read_cached(&mut self, call: CallId, out: &mut [u8]) -> Option<usize> {
        // If the cursor is shared, a worker may hold the kernel's lock of the position while it
        // waits for the disk.
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
        // Before the read, so that a change during the read makes the data stale.
        self.stamp = self.open.changes.stamp();
        let n = cached::read_at_cursor(self.open.as_cached(), buf)?;
        self.note_read(Some(call), n);
        self.take_read(call, out)?.ok()
    }

    /// Takes the result of a write of `bufs`, if that is what the last job has done.
    ///
    /// An operation of the traits is identified by its data. A caller that has dropped one write
    /// and now writes other data must not get the result of the dropped one. So `bufs` must begin
    /// with the bytes that were written. After an error, or a write of 0 bytes, `bufs` must begin
    /// with all data of that write.
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

    /// Takes the result of a seek to `position`, if that is what the last job has done.
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

    /// Takes the result of a seek to any position, if that is what the last job has done.
    #[cfg(feature = "tokio-io")]
    pub(super) fn take_any_seek(&mut self, call: CallId) -> Option<io::Result<u64>> {
        match &self.outcome {
            Some((_, CallOutcome::Sought(position, _))) => self.take_seek(call, *position),
            _ => None,
        }
    }

    /// Takes the error of the job of a [`Release`](Request::Release) request, which has no outcome.
    pub(super) fn take_failure(&mut self, call: CallId) -> io::Result<()> {
        match self.read_end.take_if(|(to, _)| *to == Some(call)) {
            Some((_, Err(error))) => Err(error),
            _ => Ok(()),
        }
    }

    /// Stores the error of the last write for the next flush, if its call has not taken it.
    pub(super) fn store_write_error(&mut self) {
        if matches!(self.outcome, Some((_, CallOutcome::Written(Err(_))))) {
            self.discard_outcome();
        }
    }

    /// Discards the outcome of the last operation. The error of a write is stored for the next
    /// flush.
    pub(super) fn discard_outcome(&mut self) {
        if let Some((_, CallOutcome::Written(Err(error)))) = self.outcome.take() {
            self.open.changes.store_write_error(error);
        }
    }

    /// Discards how the last read ended, so that the next one tries again. For a stream it is kept,
    /// because the OS may report it only once.
    fn clear_read_end(&mut self) {
        self.read_end.take_if(|(to, _)| to.is_some());
    }

    fn reserve_buf(&mut self, len: usize) {
        if self.buf.len() < len {
            // In two steps, so that two buffers never exist at once.
            self.buf = Vec::new();
            self.buf = vec![0; len];
        }
    }

    fn note_read(&mut self, to: Option<CallId>, n: usize) {
        if n == 0 {
            // Files often stay open at their end, so free the buffer. A read of new data allocates
            // it again.
            self.buf = Vec::new();
            self.read_end = Some((to, Ok(())));
        }
        self.unread = 0..n;
    }
}

/// Called by jobs.
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
    /// Discards data that was read ahead, and how the last read ended, if the contents were changed
    /// since by an operation at an offset.
    fn refresh(&mut self) {
        let stamp = self.open.changes.settled_stamp();
        if stamp != self.stamp {
            self.stamp = stamp;
            // Data of a stream stays: it cannot be read again, and is not changed by such
            // operations.
            let _not_seekable = self.discard_read_ahead();
            self.clear_read_end();
        }
    }

    /// Reads for a call that asks for `len` bytes.
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

    /// Writes the data in `write_buf`.
    fn write(&mut self) -> io::Result<usize> {
        match self.discard_read_ahead() {
            // The two directions of a terminal are independent, so unread data does not matter.
            Err(error) if error.kind() != io::ErrorKind::NotSeekable => Err(error),
            _ => Ok(retry_on_intr(|| write(&self.open.file, &self.write_buf))?),
        }
    }

    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.discard_read_ahead()?;
        (&self.open.file).seek(position)
    }

    /// Moves the cursor of the OS back to the position of the user, and discards the unread data.
    pub(super) fn discard_read_ahead(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            return Ok(());
        }
        let back = i64::try_from(self.unread.len()).expect("a chunk is shorter than that");
        (&self.open.file).seek(SeekFrom::Current(-back))?;
        self.unread = 0..0;
        Ok(())
    }

    /// Prepares the cursor of the OS for a new owner, which replaces this one.
    fn release(&mut self) {
        let _not_seekable = self.discard_read_ahead();
        self.unread = 0..0;
    }

    /// Prepares the cursor of the OS for a second owner.
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
