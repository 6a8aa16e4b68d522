//! The standard streams of this process.
//!
//! They differ from all other streams in that they belong to others, too: to the parent, to
//! children, to the standard library. So their description is never made non-blocking, and what has
//! been read belongs to the process.
//!
//! - `descriptor.rs` reads and writes a stream without blocking the thread, where the OS can do
//!   that. The poller says when it is ready.
//! - Where the OS cannot, a thread does it (`reader_thread.rs`, `output.rs`). It may block for any
//!   time, so it is no worker of the pool.
//! - Plain files are read and written by jobs.
//!
//! `channel.rs` keeps a source for each loop that uses a stream, so that its tasks wait in one
//! line.

mod channel;
mod descriptor;
mod input;
mod lines;
mod output;
mod read_ahead;
mod reader_thread;
mod stdin;
mod stdout;
mod window;

pub use lines::Lines;
pub use stdin::{Stdin, stdin};
pub use stdout::{Stderr, Stdout, stderr, stdout};
pub use window::{WindowChanges, WindowSize, window_changes, window_size};
