//! A channel with many senders and many receivers, in which every receiver gets every message.
//!
//! The channel keeps a limited number of messages. If it is full, the oldest message is dropped for
//! a new one, so sending never waits. A receiver that has missed messages *lags*: its next receive
//! returns their number once ([`RecvError::Lagged`]), and then it continues with the oldest message
//! that is left.
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

/// Creates a channel that keeps `capacity` messages, rounded up to a power of two.
///
/// # Panics
///
/// Panics if `capacity` is zero, or more than half of `usize::MAX`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}
