//! tokio's I/O traits for the pipes of child processes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use futures::io as futures_io;

use super::poll_read;
use crate::process::{ChildStderr, ChildStdin, ChildStdout};

impl_write!(ChildStdin);
impl_read!(ChildStdout);
impl_read!(ChildStderr);
