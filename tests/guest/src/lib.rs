//! Tests of a runtime that is the guest of tokio's.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contexts;
mod crowds;
mod ends;
mod order;
