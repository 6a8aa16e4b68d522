//! A channel with many senders and one receiver.
//!
//! [`channel`] creates a bounded channel, which provides backpressure: senders wait in FIFO order
//! until there is room for their messages. [`unbounded_channel`] has no limit but memory: use it if
//! something else limits the number of messages.
//!
//! The channel is *closed* when its receiver is dropped or [closed](Receiver::close): then sending
//! fails. When all senders are dropped, or the channel is closed, and all messages are received,
//! receiving returns `None`.
//!
//! # Between loops
//!
//! Senders may be on other threads, and on other loops of a [`cluster`](crate::cluster). A message
//! to a loop that sleeps wakes it, which takes one system call. Further messages take none until
//! the loop sleeps again: they are received together, for example by
//! [`recv_many`](Receiver::recv_many). So a burst costs one wake-up of the thread.
//!
//! # Examples
//!
//! ```
//! use quintet::sync::mpsc;
//!
//! # quintet::block_on(async {
//! let (sender, mut receiver) = mpsc::channel(8);
//! for name in ["left", "right"] {
//!     let sender = sender.clone();
//!     quintet::spawn(async move {
//!         for i in 0..2 {
//!             sender.send((name, i)).await.unwrap();
//!         }
//!     });
//! }
//! drop(sender);
//!
//! let mut sum = 0;
//! while let Some((_name, i)) = receiver.recv().await {
//!     sum += i;
//! }
//! assert_eq!(sum, 2);
//! # });
//! ```

mod bounded;
mod chan;
pub mod error;
mod permit;
mod receiver;
mod unbounded;

pub use bounded::{Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use receiver::{Receiver, UnboundedReceiver};
pub use unbounded::{UnboundedSender, WeakUnboundedSender, unbounded_channel};
