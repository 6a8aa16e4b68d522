//! A channel from many senders to many receivers, each of whom receives every message.
//!
//! The channel keeps a limited number of messages. Where a receiver is slower than that, the oldest
//! message is dropped for a new one: sending never waits. Such a receiver *lags*: it is told once
//! how many it has missed ([`RecvError::Lagged`]), and goes on with the oldest that is there.
//!
//! [`RecvError::Lagged`]: error::RecvError::Lagged
//!
//! # Examples
//!
//! ```
//! use quintet::sync::broadcast;
//!
//! # quintet::block_on(async {
//! let (sender, mut one) = broadcast::channel(16);
//! let mut other = sender.subscribe();
//! sender.send("news").unwrap();
//! assert_eq!(one.recv().await, Ok("news"));
//! assert_eq!(other.recv().await, Ok("news"));
//! # });
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use self::error::{RecvError, SendError, TryRecvError};
use super::blocking::block_on;
use super::reentry::ReentryMutex;
use super::watchers::{WatcherSlot, Watchers};

/// Returns the two ends of a channel that keeps `capacity` messages, rounded up to a power of two.
///
/// # Panics
///
/// If `capacity` is zero, or more than half of `usize::MAX`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

struct BroadcastShared<T> {
    log: Watchers<MessageLog<T>>,
    /// Those who wait for there to be no receivers.
    closed: Watchers<()>,
}

/// The messages that somebody has still to receive.
struct MessageLog<T> {
    messages: VecDeque<LogEntry<T>>,
    /// The position of the first of them.
    first: u64,
    capacity: usize,
    senders: usize,
    weak_senders: usize,
    receivers: usize,
}

struct LogEntry<T> {
    /// Counted, so that it is cloned, which runs users' code, not under the log's lock; and in a
    /// lock, so that the channel is `Sync` even where `T` is not.
    body: Arc<ReentryMutex<T>>,
    /// How many receivers have still to receive it. Who has not received one message has not
    /// received later ones, so the first has the fewest.
    receivers: usize,
}

impl<T> MessageLog<T> {
    /// The position of the next message.
    fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Adds a message. Returns the one that had to give way.
    fn push(&mut self, message: T) -> Option<LogEntry<T>> {
        let is_full = self.messages.len() == self.capacity;
        let displaced = if is_full { self.pop() } else { None };
        self.messages.push_back(LogEntry {
            body: Arc::new(ReentryMutex::new(message)),
            receivers: self.receivers,
        });
        displaced
    }

    fn pop(&mut self) -> Option<LogEntry<T>> {
        self.first += 1;
        self.messages.pop_front()
    }

    /// The message at `next`, which is moved on.
    fn take(&mut self, next: &mut u64) -> Result<Arc<ReentryMutex<T>>, TryRecvError> {
        if *next < self.first {
            let missed = self.first - *next;
            *next = self.first;
            return Err(TryRecvError::Lagged(missed));
        }
        let index = (*next - self.first) as usize;
        let Some(message) = self.messages.get_mut(index) else {
            return Err(if self.senders == 0 {
                TryRecvError::Closed
            } else {
                TryRecvError::Empty
            });
        };
        *next += 1;
        message.receivers -= 1;
        let body = Arc::clone(&message.body);
        if message.receivers == 0 {
            // It is the first, and we have its body.
            drop(self.pop());
        }
        Ok(body)
    }

    /// Takes out a receiver. Returns the messages that were there for it alone.
    fn leave(&mut self, next: u64) -> Vec<LogEntry<T>> {
        self.receivers -= 1;
        let seen = next.saturating_sub(self.first) as usize;
        for message in self.messages.iter_mut().skip(seen) {
            message.receivers -= 1;
        }
        let mut unwanted = Vec::new();
        while self.messages.front().is_some_and(|m| m.receivers == 0) {
            unwanted.extend(self.pop());
        }
        unwanted
    }
}

impl<T> BroadcastShared<T> {
    fn subscribe(self: &Arc<Self>) -> Receiver<T> {
        let next = self.log.with(|log| {
            log.receivers += 1;
            log.end()
        });
        Receiver {
            shared: Arc::clone(self),
            next,
            slot: WatcherSlot::reused(),
        }
    }

    fn is_abandoned(&self) -> bool {
        self.log.with(|log| log.receivers == 0)
    }
}

/// Sends messages to all receivers; clones send to the same.
pub struct Sender<T> {
    shared: Arc<BroadcastShared<T>>,
}

impl<T> Sender<T> {
    /// Returns the sender of a channel without receivers yet; see [`channel`].
    ///
    /// # Panics
    ///
    /// If `capacity` is zero, or more than half of `usize::MAX`.
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a broadcast channel has room for at least one message"
        );
        assert!(
            capacity <= usize::MAX >> 1,
            "a broadcast channel has room for at most `usize::MAX / 2` messages"
        );
        let log = MessageLog {
            messages: VecDeque::new(),
            first: 0,
            // As tokio rounds it, for who counts what is missed.
            capacity: capacity.next_power_of_two(),
            senders: 1,
            weak_senders: 0,
            receivers: 0,
        };
        Sender {
            shared: Arc::new(BroadcastShared {
                log: Watchers::new(log),
                closed: Watchers::new(()),
            }),
        }
    }

    /// Sends a message to all receivers that there are now, and returns how many. It never waits.
    ///
    /// # Errors
    ///
    /// If there are no receivers. The message is in the error.
    pub fn send(&self, message: T) -> Result<usize, SendError<T>> {
        let (sent, wakes) = self.shared.log.change(|log| {
            if log.receivers == 0 {
                return Err(SendError(message));
            }
            Ok((log.push(message), log.receivers))
        });
        wakes.wake();
        let (displaced, receivers) = sent?;
        drop(displaced);
        Ok(receivers)
    }

    /// Returns a receiver of all messages that are sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.subscribe()
    }

    /// Returns how many messages there are that some receiver has still to receive.
    pub fn len(&self) -> usize {
        self.shared.log.with(|log| log.messages.len())
    }

    /// Returns whether all receivers have received all messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.log.with(|log| log.receivers)
    }

    /// Returns whether the other sends to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Waits until there are no receivers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but the wait.
    pub async fn closed(&self) {
        let shared = &*self.shared;
        let none = shared
            .closed
            .until(&"the end of all receivers (broadcast)", |()| {
                shared.is_abandoned().then_some(())
            });
        none.await;
    }

    /// Returns a sender that does not keep the channel open.
    #[must_use = "it does nothing unless it is kept"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender::new(&self.shared)
    }

    /// Returns how many senders there are.
    pub fn strong_count(&self) -> usize {
        self.shared.log.with(|log| log.senders)
    }

    /// Returns how many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.shared.log.with(|log| log.weak_senders)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.log.with(|log| log.senders += 1);
        Sender {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let is_last = self.shared.log.with(|log| {
            log.senders -= 1;
            log.senders == 0
        });
        if is_last {
            self.shared.log.wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// Does not keep the channel open; can become a [`Sender`] while there is one.
pub struct WeakSender<T> {
    shared: Arc<BroadcastShared<T>>,
}

impl<T> WeakSender<T> {
    fn new(shared: &Arc<BroadcastShared<T>>) -> Self {
        shared.log.with(|log| log.weak_senders += 1);
        WeakSender {
            shared: Arc::clone(shared),
        }
    }

    /// Returns a sender, if there is still one.
    #[must_use = "it does nothing unless it is kept"]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.shared.log.with(|log| {
            let is_open = log.senders > 0;
            log.senders += usize::from(is_open);
            is_open.then(|| Sender {
                shared: Arc::clone(&self.shared),
            })
        })
    }

    /// Returns how many senders there are.
    pub fn strong_count(&self) -> usize {
        self.shared.log.with(|log| log.senders)
    }

    /// Returns how many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.shared.log.with(|log| log.weak_senders)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender::new(&self.shared)
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.shared.log.with(|log| log.weak_senders -= 1);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}

/// Receives all messages that are sent after its making.
pub struct Receiver<T> {
    shared: Arc<BroadcastShared<T>>,
    /// The position of the message that is to be received next.
    next: u64,
    /// For the futures of `recv`, which come one after the other: a node for all saves 60
    /// instructions a message.
    slot: WatcherSlot,
}

impl<T> Receiver<T> {
    /// Returns how many messages have been sent that it has not received. Those that it has missed
    /// are counted until it is told of them.
    pub fn len(&self) -> usize {
        self.shared.log.with(|log| log.end() - self.next) as usize
    }

    /// Returns whether it has received, or missed, all messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the other receives from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns how many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        self.shared.log.with(|log| log.senders)
    }

    /// Returns how many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.shared.log.with(|log| log.weak_senders)
    }

    /// Returns whether there are no senders any more.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Returns another receiver, of all messages that are sent from now on.
    pub fn resubscribe(&self) -> Self {
        self.shared.subscribe()
    }

    /// Receives the next message.
    ///
    /// # Errors
    ///
    /// If it has missed messages, or there are no senders any more and it has received all.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no message.
    ///
    /// # Panics
    ///
    /// If the `clone` of the message does; and in that, for the same message by another receiver.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let received = Recv { receiver: self };
        received.await.map(copy)
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// If there is none now, or none will come, or it has missed messages.
    ///
    /// # Panics
    ///
    /// As [`recv`](Receiver::recv).
    #[track_caller]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let taken = self.shared.log.with(|log| log.take(&mut self.next));
        Ok(copy(taken?))
    }

    /// Receives the next message, waiting by blocking the thread.
    ///
    /// # Errors
    ///
    /// As of [`recv`](Receiver::recv).
    ///
    /// # Panics
    ///
    /// Where a quintet loop runs on this thread.
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on("broadcast::Receiver::blocking_recv", self.recv())
    }
}

/// Receives the body of a message.
struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Result<Arc<ReentryMutex<T>>, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Receiver { shared, next, slot } = &mut *self.receiver;
        shared.log.poll(cx, &"a message (broadcast)", slot, |log| {
            match log.take(next) {
                Ok(body) => Some(Ok(body)),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
                Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
            }
        })
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let Receiver { shared, slot, .. } = &mut *self.receiver;
        shared.log.detach(slot);
    }
}

/// The message for one receiver: the last needs no clone.
#[track_caller]
fn copy<T: Clone>(body: Arc<ReentryMutex<T>>) -> T {
    match Arc::try_unwrap(body) {
        Ok(message) => message.into_inner(),
        Err(body) => {
            let message = body.lock(
                "the `clone` of a broadcast message receives the same message by another receiver",
            );
            message.clone()
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.log.cancel(&mut self.slot);
        let (unwanted, is_last) = self.shared.log.with(|log| {
            let unwanted = log.leave(self.next);
            (unwanted, log.receivers == 0)
        });
        if is_last {
            self.shared.closed.wake();
        }
        drop(unwanted);
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

    /// There are no receivers. The message is in the error.
    #[derive(Debug, PartialEq, Eq)]
    pub struct SendError<T>(pub T);

    impl<T> fmt::Display for SendError<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl<T: fmt::Debug> Error for SendError<T> {}

    /// Why no message was received.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum RecvError {
        /// There are no senders any more, and all messages have been received.
        Closed,
        /// The receiver has missed so many messages. It goes on with the oldest that is there.
        Lagged(u64),
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                RecvError::Closed => f.write_str("channel closed"),
                RecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
            }
        }
    }

    impl Error for RecvError {}

    /// Why no message was received at once.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum TryRecvError {
        /// There is none now.
        Empty,
        /// There are no senders any more, and all messages have been received.
        Closed,
        /// The receiver has missed so many messages. It goes on with the oldest that is there.
        Lagged(u64),
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                TryRecvError::Empty => f.write_str("channel empty"),
                TryRecvError::Closed => f.write_str("channel closed"),
                TryRecvError::Lagged(missed) => write!(f, "channel lagged by {missed}"),
            }
        }
    }

    impl Error for TryRecvError {}
}

assert_impl!(Sender<std::cell::Cell<()>>: Send + Sync);
assert_impl!(WeakSender<std::cell::Cell<()>>: Send + Sync);
assert_impl!(Receiver<std::cell::Cell<()>>: Send + Sync);
