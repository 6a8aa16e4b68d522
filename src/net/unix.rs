//! Unix sockets: addresses, credentials, the halves of a stream, and descriptors in messages.
//!
//! The sockets are [`UnixStream`], [`UnixListener`](super::UnixListener),
//! [`UnixDatagram`](super::UnixDatagram) and the builder [`UnixSocket`](super::UnixSocket).
//!
//! # Names
//!
//! A socket is bound to a path in the file system, or, on Linux, to an *abstract* name, which is in
//! no directory. Where a function takes a path, one that begins with a NUL byte is an abstract
//! name: `"\0name"`. [`pair`](UnixStream::pair) makes sockets without names.
//!
//! Neither dropping nor closing a socket removes its path, as in std and tokio: remove the file
//! before the path is bound again, otherwise the error is
//! [`AddrInUse`](std::io::ErrorKind::AddrInUse). An abstract name is free when the socket is
//! closed.

mod addr;
pub(super) mod descriptors;
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "unix/peer_cred/portable.rs"
)]
mod peer_cred;
pub mod pipe;
mod ucred;

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};

use super::UnixStream;
use super::stream::{impl_half, impl_read_half, impl_write_half, stream_halves};
use crate::io::{Interest, Ready};

pub use super::unix_listener::Incoming;
pub use addr::SocketAddr;
pub(super) use addr::{PathAddr, name_of};
pub use descriptors::ReceivedFds;
pub(super) use peer_cred::peer_cred;
pub use ucred::UCred;

stream_halves!(UnixStream, SocketAddr);
