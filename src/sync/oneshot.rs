//! A channel for a single message.
//!
//! # Examples
//!
//! ```
//! use quintet::sync::oneshot;
//!
//! # quintet::block_on(async {
//! let (sender, receiver) = oneshot::channel();
//! quintet::spawn(async move { sender.send(42) });
//! assert_eq!(receiver.await, Ok(42));
//! # });
//! ```

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use self::error::{RecvError, TryRecvError};
use super::blocking::block_on;
use super::lock;
use super::wait_list::{LeafPoll, PollWaker, poll_leaf, wake};

/// Creates a channel for a single message.
#[inline]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Channel {
        state: Mutex::new(OneshotState {
            stage: Stage::Open,
            sender: None,
            receiver: None,
        }),
    });
    let sender = Sender {
        channel: Some(Arc::clone(&channel)),
    };
    let receiver = Receiver {
        channel: Some(channel),
    };
    (sender, receiver)
}

struct Channel<T> {
    state: Mutex<OneshotState<T>>,
}

struct OneshotState<T> {
    stage: Stage<T>,
    /// The task that waits for the receiver to be closed.
    sender: Option<Waker>,
    /// The task that waits for the message.
    receiver: Option<Waker>,
}

enum Stage<T> {
    /// Nothing has been sent.
    Open,
    Sent(T),
    /// Nothing more will be sent: the message was received, or the sender was dropped without one.
    Ended,
    /// Nothing can be sent: the receiver has closed the channel or was dropped.
    Closed,
}

impl<T> OneshotState<T> {
    /// Takes the message, if it was sent.
    fn take_message(&mut self) -> Option<T> {
        if !matches!(self.stage, Stage::Sent(_)) {
            return None;
        }
        match mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Sent(message) => Some(message),
            _ => None,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    fn is_closed(&self) -> bool {
        matches!(self.stage, Stage::Closed)
    }
}

/// Registers the waker of the receiver, unless no message will come.
#[inline(never)]
fn wait<T>(
    mut state: MutexGuard<'_, OneshotState<T>>,
    waker: &mut PollWaker<'_>,
) -> LeafPoll<Option<T>> {
    if !state.is_open() {
        return LeafPoll::Ready(None);
    }
    LeafPoll::waiting(waker.register(&mut state.receiver))
}

/// Wakes the receiver, since the sender has ended.
#[inline(always)]
fn end<T>(mut state: MutexGuard<'_, OneshotState<T>>) {
    let receiver = state.receiver.take();
    let unneeded = if state.sender.is_some() {
        state.sender.take()
    } else {
        None
    };
    drop(state);
    if let Some(receiver) = receiver {
        wake(receiver);
    }
    drop(unneeded);
}

impl<T> Channel<T> {
    /// Stores the message and wakes the receiver. Returns the message if the channel is closed.
    #[inline(always)]
    fn send(&self, message: T) -> Result<(), T> {
        let mut state = lock(&self.state);
        // Closed, since this is the only sender.
        if !state.is_open() {
            return Err(message);
        }
        state.stage = Stage::Sent(message);
        end(state);
        Ok(())
    }

    /// Closes the channel, and drops what only the receiver could use.
    #[inline(never)]
    fn abandon(&self) {
        self.close();
        let mut state = lock(&self.state);
        let rest = (state.take_message(), state.receiver.take());
        drop(state);
        drop(rest);
    }

    /// Closes the channel and wakes the sender.
    fn close(&self) {
        let mut state = lock(&self.state);
        if state.is_open() {
            state.stage = Stage::Closed;
        }
        let sender = state.sender.take();
        drop(state);
        if let Some(sender) = sender {
            wake(sender);
        }
    }
}

/// Sends the message.
pub struct Sender<T> {
    /// `Some` until the message is sent.
    channel: Option<Arc<Channel<T>>>,
}

impl<T> Sender<T> {
    /// Sends the message. It never waits.
    ///
    /// # Errors
    ///
    /// Returns the message if the receiver is closed or dropped. `Ok` does not mean that the
    /// message will be received.
    // Inlined, like what it calls: 25 instructions less a message.
    #[inline(always)]
    pub fn send(mut self, message: T) -> Result<(), T> {
        let channel = self.channel.take();
        // There is nothing left to drop: saves 13 instructions.
        mem::forget(self);
        match channel {
            Some(channel) => channel.send(message),
            None => Err(message),
        }
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Polls whether the receiver is closed or dropped. Only the waker of the last call is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let channel = self.channel();
        let what = &"the end of a receiver (oneshot)";
        poll_leaf(
            cx,
            what,
            &mut (),
            |()| (),
            |(), waker| {
                let mut state = lock(&channel.state);
                if state.is_closed() {
                    return LeafPoll::Ready(());
                }
                LeafPoll::waiting(waker.register(&mut state.sender))
            },
        )
    }

    /// Returns whether the receiver is closed or dropped.
    pub fn is_closed(&self) -> bool {
        lock(&self.channel().state).is_closed()
    }

    fn channel(&self) -> &Channel<T> {
        let channel = self.channel.as_deref();
        channel.expect("a sender has its channel until it has sent")
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            let mut state = lock(&channel.state);
            if state.is_open() {
                state.stage = Stage::Ended;
            }
            end(state);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// Receives the message: a future that resolves to `Result<T, RecvError>`.
///
/// # Errors
///
/// Resolves to [`RecvError`] if the sender was dropped without a message, or if
/// the channel was closed before the message was sent.
///
/// # Cancel safety
///
/// `&mut receiver` is cancel safe: the message can be received later.
///
/// # Panics
///
/// Panics if it is polled after it has completed.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Receiver<T> {
    /// `Some` until it has completed.
    channel: Option<Arc<Channel<T>>>,
}

impl<T> Receiver<T> {
    /// Closes the channel: no message can be sent. A message that was sent can still be received.
    pub fn close(&mut self) {
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }

    /// Receives the message if it has been sent.
    ///
    /// # Errors
    ///
    /// Returns [`TryRecvError::Empty`] if it has not been sent yet, and [`TryRecvError::Closed`] if
    /// it never will be, or was received before.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let channel = self.channel.as_ref().ok_or(TryRecvError::Closed)?;
        let mut state = lock(&channel.state);
        let message = state.take_message();
        let is_open = state.is_open();
        drop(state);
        if let Some(message) = message {
            self.channel = None;
            return Ok(message);
        }
        if is_open {
            return Err(TryRecvError::Empty);
        }
        self.end_closed();
        Err(TryRecvError::Closed)
    }

    /// Completes without a message. A sender that still exists must not wake it.
    #[cold]
    fn end_closed(&mut self) {
        if let Some(channel) = self.channel.take() {
            let waker = lock(&channel.state).receiver.take();
            drop(waker);
        }
    }

    /// Receives the message, and blocks the thread while it waits.
    ///
    /// # Errors
    ///
    /// Returns [`RecvError`] if the sender was dropped without a message, or if the channel was
    /// closed before the message was sent.
    ///
    /// # Panics
    ///
    /// Panics if a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on("oneshot::Receiver::blocking_recv", self)
    }

    /// Returns whether it has completed. Then polling it panics.
    pub fn is_terminated(&self) -> bool {
        self.channel.is_none()
    }

    /// Returns whether the channel contains no message.
    pub fn is_empty(&self) -> bool {
        let has_message =
            |channel: &Arc<Channel<T>>| matches!(lock(&channel.state).stage, Stage::Sent(_));
        !self.channel.as_ref().is_some_and(has_message)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    // Inlined as far as the message is there: 40 instructions less a message.
    #[track_caller]
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(channel) = &self.channel else {
            panic!("a `oneshot::Receiver` was polled after it had completed");
        };
        let received = poll_leaf(
            cx,
            &"a message (oneshot)",
            &mut (),
            |()| (),
            |(), waker| {
                let mut state = lock(&channel.state);
                match state.take_message() {
                    Some(message) => LeafPoll::Ready(Some(message)),
                    None => wait(state, waker),
                }
            },
        );
        match received {
            Poll::Ready(Some(message)) => {
                self.channel = None;
                Poll::Ready(Ok(message))
            }
            Poll::Ready(None) => {
                self.end_closed();
                Poll::Ready(Err(RecvError::new()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> futures::future::FusedFuture for Receiver<T> {
    fn is_terminated(&self) -> bool {
        Receiver::is_terminated(self)
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.abandon();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// The errors of oneshot channels.
pub mod error {
    use std::error::Error;
    use std::fmt;

    /// The error of awaiting a [`Receiver`](super::Receiver): the sender was dropped without a
    /// message, or the channel is closed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RecvError(());

    impl RecvError {
        pub(super) fn new() -> Self {
            RecvError(())
        }
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl Error for RecvError {}

    /// The error of [`Receiver::try_recv`](super::Receiver::try_recv).
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum TryRecvError {
        /// The message has not been sent yet.
        Empty,
        /// No message will be sent, or it was received before.
        Closed,
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "channel empty",
                TryRecvError::Closed => "channel closed",
            })
        }
    }

    impl Error for TryRecvError {}
}

assert_impl!(Sender<std::cell::Cell<()>>: Send + Sync);
assert_impl!(Receiver<std::cell::Cell<()>>: Send + Sync);
