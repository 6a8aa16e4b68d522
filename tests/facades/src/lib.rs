//! Tests of what quintet says to the facades of logs and metrics, by subscribers and recorders of
//! their own.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "a part of it is used")]
#[path = "../../support/panics.rs"]
mod panics;
#[path = "../../support/random.rs"]
mod random;

mod hostile;
mod inherited;
mod metrics_feed;
mod programs;
mod reports;
mod spans;
mod subscriber;
mod wakes;
