//! tokio's I/O traits for sockets and pipes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use futures::io as futures_io;

use super::poll_read;
use crate::net::{TcpStream, UnixStream, tcp, unix};

impl_read_write!(TcpStream);
impl_read_write!(&TcpStream);
impl_read!(tcp::ReadHalf<'_>);
impl_read!(tcp::OwnedReadHalf);
impl_write!(tcp::WriteHalf<'_>);
impl_write!(tcp::OwnedWriteHalf);
impl_read_write!(UnixStream);
impl_read_write!(&UnixStream);
impl_read!(unix::ReadHalf<'_>);
impl_read!(unix::OwnedReadHalf);
impl_write!(unix::WriteHalf<'_>);
impl_write!(unix::OwnedWriteHalf);
impl_read!(unix::pipe::Receiver);
impl_write!(unix::pipe::Sender);
