//! A channel that keeps only the latest value.
//!
//! Receivers see the value that was sent last, and are notified when it changes. They do not see
//! values that were overwritten in between. Each receiver remembers which value it has *seen*. A
//! new receiver has seen the present value.
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

/// Creates a channel with the initial value `value`.
#[track_caller]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}
