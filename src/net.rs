//! Sockets.
//!
//! They belong to the loop on which one of their operations is first polled, not to the one that
//! made them: a connection may be accepted on one loop and handed to another. They are `Send` and
//! `Sync`, and may be dropped anywhere.

mod addr;
mod socket;
pub mod tcp;
mod tcp_listener;
mod tcp_stream;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_stream::TcpStream;
