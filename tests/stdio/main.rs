//! The standard streams of the program itself. Each test runs in a process of its own, whose
//! streams are made by the test: terminals, pipes, sockets, files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod input;
mod kept_alive;
mod order;
mod output;
mod shared;
mod streams;
mod terminal;
