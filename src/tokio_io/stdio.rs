//! tokio's I/O traits for the standard streams.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};
use futures::io as futures_io;

use super::poll_read;
use crate::io::{Stderr, Stdin, Stdout};

impl_read!(Stdin);
impl_buf_read!(Stdin);
impl_write!(Stdout);
impl_write!(Stderr);
