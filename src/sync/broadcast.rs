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

pub mod error;
mod log;
mod receiver;
mod sender;

pub use self::receiver::Receiver;
pub use self::sender::{Sender, WeakSender};

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
