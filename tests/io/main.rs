//! Sockets, and what reads and writes: TCP, when operations are tried again, copying, streams in
//! memory, hyper, tokio's traits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod async_fd;
mod connect;
mod copy;
mod crowd;
mod each_kind;
mod hyper;
#[cfg(target_os = "linux")]
mod interrupted;
mod memory;
mod resolver;
mod serve;
mod sources;
mod tcp;
mod tcp_methods;
mod tcp_socket;
mod tokio_io;
mod udp;
mod unix;
