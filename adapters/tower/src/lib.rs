//! Layers of tower that need timers or tasks, on [quintet].
//!
//! [tower]'s own `TimeoutLayer`, `RateLimitLayer` and `BufferLayer` use the runtime of
//! tokio, and panic without one. These have the same names and behaviour, and use the clock and the
//! tasks of the current quintet runtime. So [paused time](quintet::time::pause) works with them.
//!
//! All other layers of tower need no runtime: use them as they are.
//!
//! # Examples
//!
//! ```
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! use quintet_tower::TimeoutLayer;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[quintet::main(start_paused)]
//! # async fn main() {
//! let slow = service_fn(async |(): ()| {
//!     quintet::time::sleep(Duration::from_secs(60)).await;
//!     Ok::<_, Infallible>("too late")
//! });
//! let service = TimeoutLayer::new(Duration::from_secs(1)).layer(slow);
//! let error = service.oneshot(()).await.unwrap_err();
//! assert!(error.is::<tower::timeout::error::Elapsed>());
//! # }
//! ```

mod buffer;
mod rate_limit;
mod timeout;

pub use buffer::BufferLayer;
pub use rate_limit::{RateLimit, RateLimitLayer};
pub use timeout::{Timeout, TimeoutFuture, TimeoutLayer};
