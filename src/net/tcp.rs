//! The read half and the write half of a TCP connection.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};

use super::TcpStream;
use super::stream::{impl_half, impl_read_half, impl_write_half, stream_halves};
use crate::io::{Interest, Ready};

stream_halves!(TcpStream, SocketAddr);
