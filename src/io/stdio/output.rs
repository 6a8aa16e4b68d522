//! Standard output and standard error. Nothing is buffered in this process: a write completes when
//! the OS has the bytes.
//!
//! Where a job or a thread writes, writes wait in a queue of the process, so they are in the order
//! of the calls. One that is dropped leaves the queue, unless it has begun.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::thread;

use rustix::event::PollFlags;

use super::channel::{ChannelAccess, Channels, LoopChannel};
use super::descriptor::{PollLimit, StandardFd, is_closed, wait};
use crate::blocking::{IoJob, Purpose};
use crate::coop;
use crate::io::source::OpOutput;
use crate::phase::poll::Direction;
use crate::primitive::lock;

/// One job writes at most so many bytes, as those of files do.
const JOB_MAX: usize = 1 << 20;

/// The thread writes at most so many bytes at once: as many as a pipe of Linux has room for when it
/// is writable.
const THREAD_MAX: usize = 4096;

/// Standard output.
pub(super) static STDOUT: OutputStream = OutputStream::new(StandardOutput::Stdout);

/// Standard error.
pub(super) static STDERR: OutputStream = OutputStream::new(StandardOutput::Stderr);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StandardOutput {
    Stdout,
    Stderr,
}

/// See [`STDOUT`].
#[derive(Debug)]
pub(super) struct OutputStream {
    which: StandardOutput,
    pub(super) channels: Channels,
    queue: Mutex<WriteQueue>,
    /// Held by the job that writes.
    job: Mutex<()>,
}

/// What jobs, or the thread, have to write.
#[derive(Debug)]
struct WriteQueue {
    entries: VecDeque<Arc<WriteEntry>>,
    has_thread: bool,
}

#[derive(Debug)]
struct WriteEntry {
    data: Vec<u8>,
    result: Mutex<Option<io::Result<usize>>>,
}

/// A write in the queue. It leaves the queue when this is dropped.
#[derive(Debug)]
pub(super) struct QueuedWrite {
    output: &'static OutputStream,
    entry: Arc<WriteEntry>,
    job: Option<IoJob<()>>,
}

impl OutputStream {
    const fn new(which: StandardOutput) -> Self {
        OutputStream {
            which,
            channels: Channels::new(),
            queue: Mutex::new(WriteQueue {
                entries: VecDeque::new(),
                has_thread: false,
            }),
            job: Mutex::new(()),
        }
    }

    /// Returns the channel of the current loop; see [`Channels::current`].
    #[inline]
    pub(super) fn channel(
        &self,
        known: &mut Option<Arc<LoopChannel>>,
    ) -> io::Result<Arc<LoopChannel>> {
        let duplicate = || match self.which {
            StandardOutput::Stdout => io::stdout().as_fd().try_clone_to_owned(),
            StandardOutput::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        };
        self.channels.current(known, duplicate, Direction::Write)
    }

    /// Writes some bytes.
    pub(super) async fn write(
        &'static self,
        channel: &LoopChannel,
        buf: &[u8],
    ) -> io::Result<usize> {
        let mut queued = None;
        match &channel.access {
            ChannelAccess::Polled(source) => {
                let write = |fd: &StandardFd| self.write_now(fd, buf, &mut queued);
                source.operate(Direction::Write, write).await
            }
            ChannelAccess::Jobs(fd) => {
                poll_fn(|cx| self.poll_job(cx, channel, fd, buf, &mut queued)).await
            }
            ChannelAccess::Closed => {
                coop::operate().await;
                Ok(buf.len())
            }
        }
    }

    /// Polls a write for a trait caller. `queued` is what an earlier poll has left.
    #[inline]
    pub(super) fn poll_write(
        &'static self,
        cx: &mut Context<'_>,
        channel: &LoopChannel,
        buf: &[u8],
        queued: &mut Option<QueuedWrite>,
    ) -> Poll<io::Result<usize>> {
        // The caller has given up that write.
        if queued
            .as_ref()
            .is_some_and(|queued| !buf.starts_with(&queued.entry.data))
        {
            *queued = None;
        }
        match &channel.access {
            ChannelAccess::Polled(source) => {
                source.poll_operate(cx, Direction::Write, |fd| self.write_now(fd, buf, queued))
            }
            ChannelAccess::Jobs(fd) => self.poll_job(cx, channel, fd, buf, queued),
            ChannelAccess::Closed => coop::poll_operate(cx).map(|()| Ok(buf.len())),
        }
    }

    /// Writes without blocking.
    #[inline]
    fn write_now(
        &'static self,
        fd: &StandardFd,
        buf: &[u8],
        queued: &mut Option<QueuedWrite>,
    ) -> io::Result<OpOutput<usize>> {
        let moved = |len| OpOutput {
            bytes: len,
            ..OpOutput::new(len)
        };
        if let Some(write) = queued {
            let result = write.entry.take_result();
            let result = result.ok_or(io::ErrorKind::WouldBlock)?;
            *queued = None;
            return result.map(moved);
        }
        match fd.try_write(buf) {
            Ok(Some(len)) => Ok(moved(len)),
            Ok(None) => {
                let write = self.push(&buf[..buf.len().min(THREAD_MAX)]);
                self.start_thread(fd)?;
                *queued = Some(write);
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) if is_closed(&error) => Ok(moved(buf.len())),
            Err(error) => Err(error),
        }
    }

    /// Begins a job that writes, or waits for it.
    #[inline]
    fn poll_job(
        &'static self,
        cx: &mut Context<'_>,
        channel: &LoopChannel,
        fd: &Arc<StandardFd>,
        buf: &[u8],
        queued: &mut Option<QueuedWrite>,
    ) -> Poll<io::Result<usize>> {
        ready!(coop::poll_proceed(cx));
        channel.check_current()?;
        let write = match queued {
            Some(write) => write,
            None => queued.insert(self.push(&buf[..buf.len().min(JOB_MAX)])),
        };
        let job = match &mut write.job {
            Some(job) => job,
            None => {
                let (fd, entry) = (Arc::clone(fd), Arc::clone(&write.entry));
                let job = IoJob::spawn(Purpose::Change, move || {
                    self.write_in_job(&fd, &entry);
                    Ok(())
                })?;
                if !self.channels.is_ref() {
                    job.unref();
                }
                write.job.insert(job)
            }
        };
        let done = ready!(Pin::new(job).poll(cx));
        let result = write.entry.take_result();
        *queued = None;
        done?;
        let len = result.expect("the job has written it")?;
        coop::charge_bytes(len);
        Poll::Ready(Ok(len))
    }

    /// Writes what is in the queue before `entry`, and `entry`.
    #[inline]
    fn write_in_job(&self, fd: &StandardFd, entry: &Arc<WriteEntry>) {
        let _one_at_a_time = lock(&self.job);
        while !entry.is_done() {
            let next = lock(&self.queue).entries.pop_front();
            // If there is none, `entry` was dropped.
            let Some(next) = next else { return };
            next.set_result(fd.write(&next.data));
        }
    }

    fn push(&'static self, data: &[u8]) -> QueuedWrite {
        let entry = Arc::new(WriteEntry {
            data: data.to_vec(),
            result: Mutex::new(None),
        });
        lock(&self.queue).entries.push_back(Arc::clone(&entry));
        QueuedWrite {
            output: self,
            entry,
            job: None,
        }
    }

    /// Starts the thread that writes what is in the queue, unless it runs.
    #[inline]
    fn start_thread(&'static self, fd: &StandardFd) -> io::Result<()> {
        let mut queue = lock(&self.queue);
        if !queue.has_thread {
            let fd = fd.duplicate()?;
            let name = match self.which {
                StandardOutput::Stdout => "quintet-stdout",
                StandardOutput::Stderr => "quintet-stderr",
            };
            let builder = thread::Builder::new().name(name.to_owned());
            builder.spawn(move || self.write_in_thread(&fd))?;
            queue.has_thread = true;
        }
        Ok(())
    }

    /// Writes until the queue is empty. No shutdown waits for it.
    #[inline]
    fn write_in_thread(&self, fd: &OwnedFd) {
        loop {
            let mut queue = lock(&self.queue);
            if queue.entries.is_empty() {
                queue.has_thread = false;
                return;
            }
            drop(queue);
            wait(fd, PollFlags::OUT, PollLimit::Unlimited);
            let Some(entry) = lock(&self.queue).entries.pop_front() else {
                continue;
            };
            let written = rustix::io::retry_on_intr(|| rustix::io::write(fd, &entry.data));
            match written.map_err(io::Error::from) {
                // The description is non-blocking, and another process has filled the pipe.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    lock(&self.queue).entries.push_front(entry);
                    continue;
                }
                written => entry.set_result(written),
            }
            self.channels.wake_all(Direction::Write);
        }
    }
}

impl WriteEntry {
    fn is_done(&self) -> bool {
        lock(&self.result).is_some()
    }

    fn take_result(&self) -> Option<io::Result<usize>> {
        lock(&self.result).take()
    }

    /// What is written to a stream that is not open is discarded.
    fn set_result(&self, result: io::Result<usize>) {
        let result = match result {
            Err(error) if is_closed(&error) => Ok(self.data.len()),
            result => result,
        };
        *lock(&self.result) = Some(result);
    }
}

impl Drop for QueuedWrite {
    fn drop(&mut self) {
        let mut queue = lock(&self.output.queue);
        queue
            .entries
            .retain(|entry| !Arc::ptr_eq(entry, &self.entry));
    }
}
