//! Standard input: what has been read belongs to the process, not to a handle or a future.
//!
//! An operation takes its result from the buffer, and reads into the buffer until that is possible.
//! So an operation that is dropped loses nothing, and what it has left is there for the next one.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use super::channel::{ChannelAccess, Channels, LoopChannel};
use super::descriptor::{StandardFd, is_closed};
use super::read_ahead::ReadAhead;
use super::reader_thread::ReaderThread;
use crate::blocking::{IoJob, Purpose};
use crate::coop;
use crate::io::source::OpOutput;
use crate::phase::poll::Direction;
use crate::primitive::lock;

/// So many bytes are read at once for a line: as many as the standard library reads.
pub(super) const LINE_READ: usize = 8 * 1024;

/// Standard input. There is only one.
pub(super) static INPUT: Input = Input::new();

/// See [`INPUT`].
#[derive(Debug)]
pub(super) struct Input {
    pub(super) channels: Channels,
    state: Mutex<InputState>,
    /// Held by the job that reads.
    job: Mutex<()>,
    pub(super) thread: ReaderThread,
}

/// What has been read.
#[derive(Debug)]
struct InputState {
    data: ReadAhead,
    /// How often something was added to it.
    additions: u64,
    /// Whether something was added to it since waiting tasks were woken for that.
    is_new: bool,
}

/// An operation on the buffer.
pub(super) trait Demand {
    type Output;

    /// Takes the result from the buffer, if that contains enough. Returns also how many bytes it
    /// has taken.
    fn take(&mut self, data: &mut ReadAhead) -> Option<(Self::Output, usize)>;

    /// Takes the result at the end of the input.
    fn end(&mut self, data: &mut ReadAhead) -> (Self::Output, usize);

    /// How many bytes to read at most, if the buffer does not contain enough.
    fn limit(&self) -> usize;
}

/// What a read has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputEvent {
    /// There may be more in the buffer.
    Data,
    End,
}

impl Input {
    const fn new() -> Self {
        Input {
            channels: Channels::new(),
            state: Mutex::new(InputState {
                data: ReadAhead::new(),
                additions: 0,
                is_new: false,
            }),
            job: Mutex::new(()),
            thread: ReaderThread::new(),
        }
    }

    /// Returns the channel of the current loop; see [`Channels::current`].
    #[inline]
    pub(super) fn channel(
        &self,
        known: &mut Option<Arc<LoopChannel>>,
    ) -> io::Result<Arc<LoopChannel>> {
        let duplicate = || io::stdin().as_fd().try_clone_to_owned();
        self.channels.current(known, duplicate, Direction::Read)
    }

    /// Puts back what a handle has taken and not consumed.
    pub(super) fn put_back(&self, front: &mut ReadAhead) {
        if !front.is_empty() {
            lock(&self.state).add(|data| data.put_back(front));
            self.wake_for_news();
        }
    }

    fn take<D: Demand>(&self, demand: &mut D) -> Option<(D::Output, usize)> {
        demand.take(&mut lock(&self.state).data)
    }

    /// Wakes all that wait, if something was added and not taken by the operation that added it:
    /// there may be no event for it. On other loops the event is lost if it has been handled here.
    fn wake_for_news(&self) {
        let mut state = lock(&self.state);
        let is_new = std::mem::take(&mut state.is_new) && !state.data.is_empty();
        drop(state);
        if is_new {
            self.channels.wake_all(Direction::Read);
        }
    }

    /// Reads without blocking.
    #[inline]
    fn read_now(&'static self, fd: &StandardFd, limit: usize) -> io::Result<OpOutput<InputEvent>> {
        let mut state = lock(&self.state);
        let moved = |event, bytes| OpOutput {
            bytes,
            ..OpOutput::new(event)
        };
        match fd.try_read(state.data.room(limit)) {
            Ok(Some(0)) => Ok(moved(InputEvent::End, 0)),
            Ok(Some(len)) => {
                state.add(|data| data.fill(len));
                Ok(moved(InputEvent::Data, len))
            }
            Ok(None) => {
                let read = self.thread.ask(limit, || fd.duplicate())?;
                if read.is_empty() {
                    return Ok(moved(InputEvent::End, 0));
                }
                state.add(|data| data.append(&read));
                Ok(moved(InputEvent::Data, read.len()))
            }
            Err(error) if is_closed(&error) => Ok(moved(InputEvent::End, 0)),
            Err(error) => Err(error),
        }
    }

    /// Reads in a job, unless another one has read since there were `additions`.
    #[inline]
    fn read_in_job(&self, fd: &StandardFd, limit: usize, additions: u64) -> io::Result<InputEvent> {
        let _one_at_a_time = lock(&self.job);
        if lock(&self.state).additions != additions {
            return Ok(InputEvent::Data);
        }
        // Not under the lock of the buffer, which loops take.
        let mut chunk = vec![0; limit];
        match fd.read(&mut chunk) {
            Ok(0) => Ok(InputEvent::End),
            Ok(len) => {
                lock(&self.state).add(|data| data.append(&chunk[..len]));
                Ok(InputEvent::Data)
            }
            Err(error) if is_closed(&error) => Ok(InputEvent::End),
            Err(error) => Err(error),
        }
    }
}

impl InputState {
    fn add(&mut self, add: impl FnOnce(&mut ReadAhead)) {
        add(&mut self.data);
        self.additions += 1;
        self.is_new = true;
    }
}

/// The job that a caller waits for, where jobs read.
pub(super) type ReadJob = Option<IoJob<InputEvent>>;

/// Runs an operation.
pub(super) async fn run<D: Demand>(channel: &LoopChannel, mut demand: D) -> io::Result<D::Output> {
    let limit = demand.limit();
    match &channel.access {
        ChannelAccess::Polled(source) => {
            // One for all tries, so that it keeps its place in the line while it is woken in vain.
            let mut read = source.operate(Direction::Read, |fd| INPUT.read_now(fd, limit));
            let read = |cx: &mut Context<'_>| Pin::new(&mut read).poll(cx);
            poll_with(channel, &mut demand, read).await
        }
        ChannelAccess::Jobs(fd) => {
            let mut job = None;
            let read = |cx: &mut Context<'_>| poll_job(cx, &mut job, fd, limit);
            poll_with(channel, &mut demand, read).await
        }
        ChannelAccess::Closed => {
            let read = |_: &mut Context<'_>| Poll::Ready(Ok(InputEvent::End));
            poll_with(channel, &mut demand, read).await
        }
    }
}

async fn poll_with<D: Demand>(
    channel: &LoopChannel,
    demand: &mut D,
    mut read: impl FnMut(&mut Context<'_>) -> Poll<io::Result<InputEvent>>,
) -> io::Result<D::Output> {
    poll_fn(|cx| poll_demand(cx, channel, demand, &mut read)).await
}

/// Polls an operation for a trait caller.
pub(super) fn poll<D: Demand>(
    cx: &mut Context<'_>,
    channel: &LoopChannel,
    job: &mut ReadJob,
    demand: &mut D,
) -> Poll<io::Result<D::Output>> {
    let limit = demand.limit();
    poll_demand(cx, channel, demand, |cx| match &channel.access {
        ChannelAccess::Polled(source) => {
            source.poll_operate(cx, Direction::Read, |fd| INPUT.read_now(fd, limit))
        }
        ChannelAccess::Jobs(fd) => poll_job(cx, job, fd, limit),
        ChannelAccess::Closed => Poll::Ready(Ok(InputEvent::End)),
    })
}

fn poll_demand<D: Demand>(
    cx: &mut Context<'_>,
    channel: &LoopChannel,
    demand: &mut D,
    mut read: impl FnMut(&mut Context<'_>) -> Poll<io::Result<InputEvent>>,
) -> Poll<io::Result<D::Output>> {
    ready!(coop::poll_proceed(cx));
    channel.check_current()?;
    let left = coop::left();
    let polled = loop {
        if let Some((output, len)) = INPUT.take(demand) {
            coop::charge_unless_charged(left, len);
            break Poll::Ready(Ok(output));
        }
        match read(cx) {
            Poll::Ready(Ok(InputEvent::Data)) => {}
            Poll::Ready(Ok(InputEvent::End)) => {
                // Another loop may have read something before the end.
                let data = &mut lock(&INPUT.state).data;
                let taken = demand.take(data);
                let (output, len) = taken.unwrap_or_else(|| demand.end(data));
                coop::charge_unless_charged(left, len);
                break Poll::Ready(Ok(output));
            }
            Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
            Poll::Pending => break Poll::Pending,
        }
    };
    INPUT.wake_for_news();
    polled
}

/// Begins a job that reads, or waits for it.
#[inline]
fn poll_job(
    cx: &mut Context<'_>,
    job: &mut ReadJob,
    fd: &Arc<StandardFd>,
    limit: usize,
) -> Poll<io::Result<InputEvent>> {
    let running = match job {
        Some(running) => running,
        None => {
            let fd = Arc::clone(fd);
            let additions = lock(&INPUT.state).additions;
            let read = move || INPUT.read_in_job(&fd, limit, additions);
            let begun = IoJob::spawn(Purpose::Read, read)?;
            if !INPUT.channels.is_ref() {
                begun.unref();
            }
            job.insert(begun)
        }
    };
    let read = ready!(Pin::new(running).poll(cx));
    *job = None;
    Poll::Ready(read)
}
