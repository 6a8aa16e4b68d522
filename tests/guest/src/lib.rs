//! Tests beside crates of tokio: a runtime that is the guest of tokio's, and codecs.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod codecs;
mod contexts;
mod crowds;
mod ends;
mod order;
