//! The cases of ORDER: small programs and the exact order of the lines that they log.
//!
//! The number in a test's name is the case's. A case's root is a task that the future of `block_on`
//! spawns and then waits beside; `support` says why that changes nothing. Where only some of the
//! order is promised, just that is asserted.
//!
//! Left out, for what they need is not there yet:
//!
//! - `run`, `ref` and `unref`, `before_exit`, `Stalled`: 32, 33, 34, 35, 37, 38, 39, 57, 76, Q09;
//! - the policy for panics that nobody awaits: the second half of 53;
//! - `ContextVar`: 55; child processes: 70, 82; a clock that can be moved: Q17.

#![allow(clippy::unwrap_used, reason = "what is unwrapped is what is tested")]

#[path = "../support/mod.rs"]
mod support;

mod budget;
mod check;
mod jobs;
mod signals;
mod sockets;
mod tasks;
mod timers;
