//! Any descriptor of Unix whose readiness the OS reports.
//!
//! The names are those of `tokio::io::unix`.

mod async_fd;

pub use async_fd::{
    AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdTryNewError, TryIoError,
};
