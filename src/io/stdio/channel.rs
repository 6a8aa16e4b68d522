//! A standard stream as a loop uses it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, Weak};

use super::descriptor::{StandardFd, is_closed};
use crate::context;
use crate::io::Interest;
use crate::io::source::{RemoteSource, Source};
use crate::phase::poll::Direction;
use crate::primitive::lock;
use crate::ready::LoopId;
use crate::sync::{Mutex as AsyncMutex, MutexGuard};

/// A standard stream as one loop uses it. All handles of the loop share it.
#[derive(Debug)]
pub(super) struct LoopChannel {
    loop_id: LoopId,
    pub(super) access: ChannelAccess,
    /// Held by the task that writes.
    turn: AsyncMutex<()>,
}

/// How a stream is used.
#[derive(Debug)]
pub(super) enum ChannelAccess {
    /// The poller says when it is ready.
    Polled(Source<StandardFd>),
    /// By jobs.
    Jobs(Arc<StandardFd>),
    /// The process has no such stream.
    Closed,
}

impl LoopChannel {
    /// Opens a stream for the current loop, `loop_id`.
    ///
    /// # Errors
    ///
    /// Returns an error if descriptors or memory have run out.
    #[inline]
    fn open(
        loop_id: LoopId,
        stream: io::Result<OwnedFd>,
        direction: Direction,
    ) -> io::Result<Self> {
        let access = match stream {
            Ok(fd) => ChannelAccess::open(StandardFd::new(fd)?, direction)?,
            Err(error) if is_closed(&error) => ChannelAccess::Closed,
            Err(error) => return Err(error),
        };
        Ok(LoopChannel {
            loop_id,
            access,
            turn: AsyncMutex::new(()),
        })
    }

    /// Waits until no other task of the loop is writing.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        match self.turn.try_lock() {
            Ok(guard) => guard,
            Err(_) => self.turn.lock().await,
        }
    }

    fn is_current(&self) -> bool {
        context::with(|event_loop| event_loop.id()) == Some(self.loop_id)
    }

    /// # Errors
    ///
    /// Returns an error on another loop, to which a future was moved.
    pub(super) fn check_current(&self) -> io::Result<()> {
        if self.is_current() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "this operation on a standard stream was begun on {}, but {}; await it on its own loop",
            context::describe(self.loop_id),
            context::describe_current()
        )))
    }
}

impl ChannelAccess {
    #[inline]
    fn open(fd: StandardFd, direction: Direction) -> io::Result<Self> {
        if fd.is_plain() {
            return Ok(ChannelAccess::Jobs(Arc::new(fd)));
        }
        let interest = match direction {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        };
        let source = Source::with_interest(fd, interest);
        // At once, so that other loops can wake those that wait here.
        match source.register() {
            Ok(()) => Ok(ChannelAccess::Polled(source)),
            // Always ready, such as `/dev/null`.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(ChannelAccess::Jobs(Arc::new(source.into_inner())))
            }
            Err(error) => Err(error),
        }
    }
}

/// The channels of a stream.
#[derive(Debug)]
pub(super) struct Channels {
    list: Mutex<ChannelList>,
}

#[derive(Debug)]
struct ChannelList {
    open: Vec<OpenChannel>,
    /// Whether operations on the stream keep their loops alive.
    is_ref: bool,
}

#[derive(Debug)]
struct OpenChannel {
    /// It lives as long as a handle uses it.
    channel: Weak<LoopChannel>,
    /// Whether and how its loop is told that there is something in the buffer of the process.
    source: Option<RemoteSource>,
}

impl Channels {
    pub(super) const fn new() -> Self {
        Channels {
            list: Mutex::new(ChannelList {
                open: Vec::new(),
                is_ref: true,
            }),
        }
    }

    /// Returns the channel of the current loop: `known` if it is that, or else another one, which
    /// `known` becomes.
    ///
    /// # Errors
    ///
    /// Returns an error if no loop is current, or if descriptors or memory have run out.
    pub(super) fn current(
        &self,
        known: &mut Option<Arc<LoopChannel>>,
        stream: impl FnOnce() -> io::Result<OwnedFd>,
        direction: Direction,
    ) -> io::Result<Arc<LoopChannel>> {
        let Some(loop_id) = context::with(|event_loop| event_loop.id()) else {
            return Err(io::Error::other(context::no_loop()));
        };
        if let Some(known) = known
            && known.loop_id == loop_id
        {
            return Ok(Arc::clone(known));
        }
        let mut list = lock(&self.list);
        list.open.retain(|open| open.channel.strong_count() > 0);
        let mut channels = list.open.iter().filter_map(|open| open.channel.upgrade());
        let channel = match channels.find(|channel| channel.loop_id == loop_id) {
            Some(channel) => channel,
            None => {
                let channel = Arc::new(LoopChannel::open(loop_id, stream(), direction)?);
                channel.set_ref(list.is_ref);
                list.open.push(OpenChannel {
                    channel: Arc::downgrade(&channel),
                    source: channel.source().and_then(Source::remote),
                });
                channel
            }
        };
        *known = Some(Arc::clone(&channel));
        Ok(channel)
    }

    /// Wakes all that wait for `direction`, on all loops, so that they try again.
    pub(super) fn wake_all(&self, direction: Direction) {
        for index in 0.. {
            // Not under the lock, because wakers run. Not by the channel itself: on another thread
            // this might be the last reference to it for a moment.
            let source = match lock(&self.list).open.get(index) {
                Some(open) => open.source.clone(),
                None => return,
            };
            if let Some(source) = source {
                source.set_ready(direction);
            }
        }
    }

    pub(super) fn set_ref(&self, is_ref: bool) {
        let mut list = lock(&self.list);
        list.is_ref = is_ref;
        let channels = list.open.iter().filter_map(|open| open.channel.upgrade());
        let channels: Vec<Arc<LoopChannel>> = channels.collect();
        for channel in &channels {
            channel.set_ref(is_ref);
        }
        // Before the channels: the last reference to one may be among them.
        drop(list);
    }

    pub(super) fn is_ref(&self) -> bool {
        lock(&self.list).is_ref
    }
}

impl LoopChannel {
    fn source(&self) -> Option<&Source<StandardFd>> {
        match &self.access {
            ChannelAccess::Polled(source) => Some(source),
            ChannelAccess::Jobs(_) | ChannelAccess::Closed => None,
        }
    }

    fn set_ref(&self, is_ref: bool) {
        if let Some(source) = self.source() {
            source.set_ref(is_ref);
        }
    }
}
