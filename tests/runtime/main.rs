//! Runtimes: making, entering and running them, how they end, and what they report.

#[path = "../support/mod.rs"]
mod support;

mod blocked;
mod dump;
mod exit;
mod leaks;
mod metrics;
mod panics;
mod ported;
mod report;
mod runtimes;
mod shutdown;
