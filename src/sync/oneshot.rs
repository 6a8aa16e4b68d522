//! A channel for a single message.
//!
//! # Examples
//!
//! ```
//! use quintet::sync::oneshot;
//!
//! # quintet::block_on(async {
//! let (question, answer) = oneshot::channel();
//! quintet::spawn(async move { question.send(42) });
//! assert_eq!(answer.await, Ok(42));
//! # });
//! ```

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use self::error::{RecvError, TryRecvError};
use super::blocking::block_on;
use super::lock;
use super::wait_list::{LeafPoll, WakeList, poll_leaf};

/// Returns the two ends of a channel for a single message.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Arc::new(Channel {
        state: Mutex::new(OneshotState {
            message: None,
            is_sender_gone: false,
            is_closed: false,
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
    message: Option<T>,
    /// Whether the sender has sent or been dropped.
    is_sender_gone: bool,
    /// Whether the receiver has closed the channel or been dropped.
    is_closed: bool,
    /// Who waits for the receiver to be closed.
    sender: Option<Waker>,
    /// Who waits for the message.
    receiver: Option<Waker>,
}

impl<T> OneshotState<T> {
    /// The message; or why there is none.
    fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.message.take() {
            Some(message) => Ok(message),
            None if self.is_sender_gone || self.is_closed => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }
}

impl<T> Channel<T> {
    /// Ends the sender, with a message or without, and tells the receiver. Gives the message back if
    /// the channel is closed.
    fn end(&self, message: Option<T>) -> Option<T> {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        state.is_sender_gone = true;
        let sender = state.sender.take();
        wakes.add(state.receiver.take());
        let refused = if state.is_closed {
            message
        } else {
            state.message = message;
            None
        };
        drop(state);
        wakes.wake();
        drop(sender);
        refused
    }

    /// Closes the channel and tells the sender.
    fn close(&self) {
        let mut wakes = WakeList::default();
        let mut state = lock(&self.state);
        state.is_closed = true;
        wakes.add(state.sender.take());
        drop(state);
        wakes.wake();
    }
}

/// Sends the message.
pub struct Sender<T> {
    /// There until the message is sent.
    channel: Option<Arc<Channel<T>>>,
}

impl<T> Sender<T> {
    /// Sends the message. It never waits.
    ///
    /// # Errors
    ///
    /// The message, if the receiver is closed or gone. That the message was sent does not mean that
    /// it will be received.
    pub fn send(mut self, message: T) -> Result<(), T> {
        let refused = match self.channel.take() {
            Some(channel) => channel.end(Some(message)),
            None => Some(message),
        };
        refused.map_or(Ok(()), Err)
    }

    /// Waits until the receiver is closed or gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but the wait.
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// Polls for the receiver to be closed or gone. Only the last waker is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let channel = self.channel();
        poll_leaf(cx, &"the end of a receiver (oneshot)", |waker| {
            let mut state = lock(&channel.state);
            if state.is_closed {
                return LeafPoll::Ready(());
            }
            LeafPoll::waiting(waker.register(&mut state.sender))
        })
    }

    /// Returns whether the receiver is closed or gone.
    pub fn is_closed(&self) -> bool {
        lock(&self.channel().state).is_closed
    }

    fn channel(&self) -> &Channel<T> {
        let channel = self.channel.as_deref();
        channel.expect("a sender has its channel until it has sent")
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.end(None);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// Receives the message: a future of `Result<T, RecvError>`.
///
/// # Errors
///
/// Awaiting it fails if the sender is dropped without having sent, or the channel is closed.
///
/// # Cancel safety
///
/// Awaiting `&mut receiver` and dropping that future loses nothing.
///
/// # Panics
///
/// Awaiting it panics when it has answered before.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Receiver<T> {
    /// There until it has answered.
    channel: Option<Arc<Channel<T>>>,
}

impl<T> Receiver<T> {
    /// Closes the channel: nothing can be sent any more. What was sent can still be received.
    pub fn close(&mut self) {
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }

    /// Receives the message if it has been sent.
    ///
    /// # Errors
    ///
    /// If it has not been sent, or will never be.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let channel = self.channel.as_ref().ok_or(TryRecvError::Closed)?;
        let received = lock(&channel.state).try_recv();
        match received {
            Ok(_) => self.channel = None,
            Err(TryRecvError::Closed) => self.end_closed(),
            Err(TryRecvError::Empty) => {}
        }
        received
    }

    /// Ends without a message. A sender that is still there must not wake it for that.
    fn end_closed(&mut self) {
        if let Some(channel) = self.channel.take() {
            let waker = lock(&channel.state).receiver.take();
            drop(waker);
        }
    }

    /// Receives the message, waiting for it by blocking the thread.
    ///
    /// # Errors
    ///
    /// If the sender is dropped without having sent, or the channel is closed.
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on("oneshot::Receiver::blocking_recv", self)
    }

    /// Returns whether it has answered: awaiting it would panic.
    pub fn is_terminated(&self) -> bool {
        self.channel.is_none()
    }

    /// Returns whether there is no message in the channel now.
    pub fn is_empty(&self) -> bool {
        let has_message = |channel: &Arc<Channel<T>>| lock(&channel.state).message.is_some();
        !self.channel.as_ref().is_some_and(has_message)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(channel) = &self.channel else {
            panic!("a `oneshot::Receiver` was polled after it had answered");
        };
        let received = poll_leaf(cx, &"a message (oneshot)", |waker| {
            let mut state = lock(&channel.state);
            match state.try_recv() {
                Ok(message) => LeafPoll::Ready(Ok(message)),
                Err(TryRecvError::Closed) => LeafPoll::Ready(Err(RecvError::new())),
                Err(TryRecvError::Empty) => LeafPoll::waiting(waker.register(&mut state.receiver)),
            }
        });
        match received {
            Poll::Ready(Ok(_)) => self.channel = None,
            Poll::Ready(Err(_)) => self.end_closed(),
            Poll::Pending => {}
        }
        received
    }
}

impl<T> futures::future::FusedFuture for Receiver<T> {
    fn is_terminated(&self) -> bool {
        Receiver::is_terminated(self)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Some(channel) = self.channel.take() else {
            return;
        };
        channel.close();
        let mut state = lock(&channel.state);
        let rest = (state.message.take(), state.receiver.take());
        drop(state);
        drop(rest);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// The errors of this channel.
pub mod error {
    use std::error::Error;
    use std::fmt;

    /// No message will come.
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

    /// Why there is no message.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum TryRecvError {
        /// It has not been sent yet.
        Empty,
        /// None will come.
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
