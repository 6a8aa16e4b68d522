//! The cases of ORDER: small programs and the exact order of the lines that they log.
//!
//! The number in a test's name is the case's. Each case is run in three ways: beside the future of
//! a `block_on`, by `Runtime::run`, and by that on paused time; `support` says how. Where only some
//! of the order is promised, just that is asserted.
//!
//! Case 55 is in `tests/tasks/context_var.rs`.

mod budget;
mod check;
mod children;
mod exit;
mod jobs;
mod signals;
mod sockets;
mod sources;
mod tasks;
mod timers;
