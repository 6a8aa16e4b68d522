//! A thread that reads standard input where each read may block: a terminal that belongs to another
//! user, and on other Unixes than Linux each terminal and pipe.
//!
//! A read that blocks would take the next line away from whatever reads after this program. So the
//! thread waits by `poll`, which takes nothing. It reads when an operation asks for that, in the
//! poll that follows the wake-up:
//!
//! ```text
//!           an operation asks         readable          an operation asks
//!    Idle ───────────────────> Watch ──────────> Ready ──────────────────> Read
//!       <──────────────────────────────────────────────────────────────────
//!                          there is data, an end or an error
//! ```

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Condvar, Mutex};
use std::thread;

use rustix::event::PollFlags;
use rustix::io::{read, retry_on_intr};

use super::descriptor::{PollLimit, is_closed, wait};
use super::input::INPUT;
use crate::phase::poll::Direction;
use crate::primitive::{ignore_poison, lock};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ReaderThread {
    state: Mutex<ReaderState>,
    /// Notified when the thread has something to do.
    work: Condvar,
}

#[derive(Debug)]
struct ReaderState {
    step: ReaderStep,
    has_started: bool,
    /// What the last read has returned, for one operation: nothing at the end of the input. It is
    /// put into the buffer by the operation that is first in the line, which is woken for that, and
    /// not by the thread, because then any other could take it.
    outcome: Option<io::Result<Vec<u8>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReaderStep {
    Idle,
    Watch,
    Ready,
    /// So many bytes at most.
    Read(usize),
}

impl ReaderThread {
    pub(super) const fn new() -> Self {
        ReaderThread {
            state: Mutex::new(ReaderState {
                step: ReaderStep::Idle,
                has_started: false,
                outcome: None,
            }),
            work: Condvar::new(),
        }
    }

    /// Asks for up to `limit` bytes. The thread starts with the descriptor that `duplicate`
    /// returns.
    ///
    /// # Errors
    ///
    /// Returns the error of the last read, or an error if descriptors or threads have run out.
    pub(super) fn ask(
        &'static self,
        limit: usize,
        duplicate: impl FnOnce() -> io::Result<OwnedFd>,
    ) -> io::Result<Vec<u8>> {
        let mut state = lock(&self.state);
        if let Some(outcome) = state.outcome.take() {
            return outcome;
        }
        if !state.has_started {
            let fd = duplicate()?;
            let builder = thread::Builder::new().name("quintet-stdin".to_owned());
            builder.spawn(move || self.run(&fd))?;
            state.has_started = true;
        }
        match state.step {
            ReaderStep::Idle => state.step = ReaderStep::Watch,
            ReaderStep::Ready => state.step = ReaderStep::Read(limit),
            ReaderStep::Watch | ReaderStep::Read(_) => {}
        }
        drop(state);
        self.work.notify_one();
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Runs until the process ends. No shutdown waits for it.
    #[inline]
    fn run(&self, fd: &OwnedFd) {
        let is_readable = |limit| wait(fd, PollFlags::IN, limit);
        loop {
            match self.next_work() {
                None => {
                    is_readable(PollLimit::Unlimited);
                    self.set_step(ReaderStep::Ready);
                }
                // Something else may have read meanwhile.
                Some(_) if !is_readable(PollLimit::Zero) => {
                    self.set_step(ReaderStep::Watch);
                    continue;
                }
                Some(limit) => self.read(fd, limit),
            }
            INPUT.channels.wake_all(Direction::Read);
        }
    }

    /// Waits for work: a number of bytes to read, or `None` to watch.
    fn next_work(&self) -> Option<usize> {
        let mut state = lock(&self.state);
        loop {
            match state.step {
                ReaderStep::Watch => return None,
                ReaderStep::Read(limit) => return Some(limit),
                ReaderStep::Idle | ReaderStep::Ready => {
                    state = ignore_poison(self.work.wait(state));
                }
            }
        }
    }

    fn set_step(&self, step: ReaderStep) {
        lock(&self.state).step = step;
    }

    #[inline]
    fn read(&self, fd: &OwnedFd, limit: usize) {
        let mut chunk = vec![0; limit];
        let outcome = match retry_on_intr(|| read(fd, &mut *chunk)).map_err(io::Error::from) {
            Ok(len) => {
                chunk.truncate(len);
                Ok(chunk)
            }
            // The description is non-blocking, and something else has read.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return self.set_step(ReaderStep::Watch);
            }
            Err(error) if is_closed(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let mut state = lock(&self.state);
        state.step = ReaderStep::Idle;
        state.outcome = Some(outcome);
    }
}
