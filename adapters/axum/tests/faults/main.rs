//! What clients do wrong, or too much of, against [`quintet_axum::serve`]: one table for what they
//! send, and a test for each other fault. `tests/http` and `tests/http2` test the same of
//! `quintet::hyper::serve`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../../tests/http/client.rs"]
mod client;
#[path = "../../../../tests/http2/src/frames.rs"]
mod frames;
#[path = "../../../../tests/http/wire.rs"]
mod wire;

mod app;
mod http1;
mod http2;
mod system;
