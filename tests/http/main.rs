//! `hyper::serve`: what it serves, its limits, bad requests, faults, and its end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod deadlines;
mod ending;
mod faults;
mod requests;
mod restart;
mod serving;
mod upgrades;
mod wire;
