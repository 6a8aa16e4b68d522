//! A channel for the latest value alone.
//!
//! Receivers see the value that was sent last, and are told when there is another; what was
//! overwritten in between they never see. Each receiver remembers which value it has *seen*. A new
//! one has seen the value that was there when it was made.
//!
//! # Examples
//!
//! ```
//! use quintet::sync::watch;
//!
//! # quintet::block_on(async {
//! let (sender, mut receiver) = watch::channel("off");
//! let watcher = quintet::spawn(async move {
//!     receiver.changed().await.unwrap();
//!     *receiver.borrow_and_update()
//! });
//! sender.send("on").unwrap();
//! assert_eq!(watcher.await.unwrap(), "on");
//! # });
//! ```

pub mod error;
mod receiver;
mod sender;
mod shared;

pub use self::receiver::Receiver;
pub use self::sender::Sender;
pub use self::shared::Ref;

/// Returns the two ends of a channel whose value is `value` at first.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}
