//! A buffer in memory that one side writes and the other side reads.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker, ready};

use crate::coop;
use crate::primitive::lock;
use crate::sync::{LeafPoll, PollWaker, WakeList, poll_leaf};

/// See the [module](self).
pub(super) struct Pipe {
    state: Mutex<PipeState>,
}

struct PipeState {
    data: VecDeque<u8>,
    /// How many bytes `data` holds at most.
    max_buf_size: usize,
    /// Whether a side has closed the pipe. What is in the buffer can still be read.
    is_closed: bool,
    /// The task that waits for data.
    reader: Option<Waker>,
    /// The task that waits for room.
    writer: Option<Waker>,
}

impl Pipe {
    #[track_caller]
    pub(super) fn new(max_buf_size: usize) -> Self {
        assert!(
            max_buf_size > 0,
            "`max_buf_size` is 0: no byte could be written; pass at least 1"
        );
        Pipe {
            state: Mutex::new(PipeState {
                data: VecDeque::new(),
                max_buf_size,
                is_closed: false,
                reader: None,
                writer: None,
            }),
        }
    }

    /// Reads what is there. Resolves to 0 if the pipe is closed and empty.
    pub(super) fn poll_read(
        &self,
        cx: &Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_move(cx, &"data in a pipe (duplex)", |state, waker, wakes| {
            state.read(bufs, waker, wakes)
        })
    }

    /// Writes as much as there is room for.
    pub(super) fn poll_write(
        &self,
        cx: &Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_move(cx, &"room in a pipe (duplex)", |state, waker, wakes| {
            state.write(bufs, waker, wakes)
        })
    }

    /// Moves bytes by `attempt`, which is called with the pipe locked, charges them, and wakes the
    /// other side.
    fn poll_move(
        &self,
        cx: &Context<'_>,
        what: &'static &'static str,
        mut attempt: impl FnMut(
            &mut PipeState,
            &mut PollWaker<'_>,
            &mut WakeList,
        ) -> LeafPoll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut wakes = WakeList::default();
        let moved = poll_leaf(
            cx,
            what,
            &mut (),
            |()| (),
            |(), waker| attempt(&mut lock(&self.state), waker, &mut wakes),
        );
        wakes.wake();
        let moved = ready!(moved)?;
        coop::charge_bytes(moved);
        Poll::Ready(Ok(moved))
    }

    /// Closes the pipe on behalf of its writer: the reader finds the end after what was written.
    pub(super) fn close_writer(&self) {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        state.is_closed = true;
        wakes.add(state.reader.take());
        drop(state);
        wakes.wake();
    }

    /// Closes the pipe on behalf of its reader: what was written is lost, and writes fail.
    pub(super) fn close_reader(&self) {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        state.is_closed = true;
        state.data = VecDeque::new();
        wakes.add(state.writer.take());
        drop(state);
        wakes.wake();
    }
}

impl PipeState {
    fn read(
        &mut self,
        bufs: &mut [IoSliceMut<'_>],
        waker: &mut PollWaker<'_>,
        wakes: &mut WakeList,
    ) -> LeafPoll<io::Result<usize>> {
        let is_waiting = self.data.is_empty() && !self.is_closed;
        if is_waiting && bufs.iter().any(|buf| !buf.is_empty()) {
            return LeafPoll::waiting(waker.register(&mut self.reader));
        }
        let mut n = 0;
        for buf in bufs {
            // A read of memory does not fail.
            n += self.data.read(buf).unwrap_or(0);
        }
        if n > 0 {
            wakes.add(self.writer.take());
        }
        LeafPoll::Ready(Ok(n))
    }

    fn write(
        &mut self,
        bufs: &[IoSlice<'_>],
        waker: &mut PollWaker<'_>,
        wakes: &mut WakeList,
    ) -> LeafPoll<io::Result<usize>> {
        if self.is_closed {
            return LeafPoll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.max_buf_size - self.data.len();
        if room == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
            return LeafPoll::waiting(waker.register(&mut self.writer));
        }
        let mut left = room;
        for buf in bufs {
            let n = buf.len().min(left);
            self.data.extend(&buf[..n]);
            left -= n;
        }
        let n = room - left;
        if n > 0 {
            wakes.add(self.reader.take());
        }
        LeafPoll::Ready(Ok(n))
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Pipe")
            .field("len", &state.data.len())
            .field("max_buf_size", &state.max_buf_size)
            .field("is_closed", &state.is_closed)
            .finish_non_exhaustive()
    }
}
