//! TCP, UDP and Unix sockets, and name resolution.
//!
//! [`TcpListener`] accepts connections, [`TcpStream::connect`] opens them, and [`TcpSocket`] sets
//! options before either. [`UdpSocket`] sends and receives datagrams. [`UnixListener`],
//! [`UnixStream`] and [`UnixDatagram`] do the same within a host, and pass descriptors between
//! processes; see [`unix`]. Their methods have the names of `std::net`. The streams also implement
//! the traits of [`io`](crate::io).
//!
//! # The loop of a socket
//!
//! A socket belongs to the loop on which one of its operations is first polled, not to the one on
//! which it was made. So a connection may be accepted on one loop and used on another. Sockets are
//! `Send` and `Sync`, and may be dropped on any thread.
//!
//! # Readiness
//!
//! An operation first tries its system call. Only if that would block, the socket is registered
//! with the OS, edge-triggered, and the task waits for an event. An event is a hint: after a
//! spurious wake-up the operation waits again. Callers need not drain a socket, because the loop
//! remembers an event until a system call shows that the socket is drained.
//!
//! Where a task waits by `poll_*` methods or [`readable`](TcpStream::readable), a wake-up means
//! that the operation is worth another try, not that it succeeds.

mod addr;
mod connect;
mod datagram;
mod linger;
mod readiness;
mod socket;
mod stream;
mod system_resolver;
pub mod tcp;
mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod udp_socket;
pub mod unix;
mod unix_datagram;
mod unix_listener;
mod unix_socket;
mod unix_stream;

pub use crate::resolver::Resolver;
pub use addr::{ToSocketAddrs, lookup_host};
pub(crate) use socket::BACKLOG;
pub use system_resolver::SystemResolver;
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_socket::TcpSocket;
pub use tcp_stream::TcpStream;
pub use udp_socket::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_socket::UnixSocket;
pub use unix_stream::UnixStream;
