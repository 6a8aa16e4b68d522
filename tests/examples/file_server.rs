//! The example `file_server`, end to end: the built binary as a child process, and clients that
//! know nothing of this crate.

mod client;
mod command_line;
mod crowd;
mod metrics;
mod paths;
mod ranges;
mod serving;
mod shutdown;
mod site;
