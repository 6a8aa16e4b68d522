//! Tasks: spawning, joining, aborting and scopes, and the tools beside them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod abort;
mod context_var;
mod join_handle;
mod scope;
mod spawn;
mod tools;
