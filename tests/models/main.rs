//! Timers, files and directory trees beside the simplest thing that does the same: a sorted list,
//! and what `std` has.
//!
//! Random programs do the same to both. `QUINTET_SEEDS=100000 cargo test --test models` tries more
//! of them than usual; one that fails is shrunk and printed, and is run again alone by
//! `QUINTET_SEED`.

#![allow(clippy::unwrap_used, reason = "what is unwrapped is what is tested")]

mod files;
mod programs;
mod timers;
mod trees;
