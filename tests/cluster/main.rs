//! Loops on several threads: how they start and end, and what they share.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod channel;
mod dealt;
mod ends;
mod listeners;
mod runs;
mod starts;
