//! A channel from many senders to one receiver.
//!
//! [`channel`] makes one of limited room, where senders wait, in the order in which they came, until
//! there is room for their messages. [`unbounded_channel`] has no limit but memory: use it where
//! something else limits what is sent.
//!
//! The channel is *closed* when its receiver is dropped or [closed](Receiver::close): sending fails.
//! It has *ended* when all senders are dropped, or it is closed, and all messages are received:
//! receiving answers `None`.
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
