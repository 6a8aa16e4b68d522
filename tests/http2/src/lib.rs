//! Tests of the HTTP server with the feature `hyper-http2`: those of `tests/http`, which must hold
//! with it as well, and those of HTTP/2.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../support/mod.rs"]
mod support;

#[path = "../../http/client.rs"]
mod client;
#[path = "../../http/deadlines.rs"]
mod deadlines;
#[path = "../../http/ending.rs"]
mod ending;
#[path = "../../http/faults.rs"]
mod faults;
#[path = "../../http/requests.rs"]
mod requests;
#[path = "../../http/restart.rs"]
mod restart;
#[path = "../../http/serving.rs"]
mod serving;
#[path = "../../http/wire.rs"]
mod wire;

mod abuse;
mod frames;
mod version2;
