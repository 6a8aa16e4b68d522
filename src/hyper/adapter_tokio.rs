//! tokio's I/O traits around hyper's.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::hyper::rt;
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use futures::io as futures_io;

use super::Io;
use crate::tokio_io::{impl_read, impl_write, poll_read};

impl_read!(Io<T>, T: rt::Read);
impl_write!(Io<T>, T: rt::Write);
