//! The event loop: the cases of its order, the rules of the tick, what keeps it alive, and the ways
//! to run it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod budget;
mod charged;
mod embedding;
mod order;
mod paused;
mod run;
mod tick;
mod timers;
