//! tokio's I/O traits for our types, with the feature `tokio-io`.
//!
//! Each implementation calls that of the traits of `futures`. A new type needs one line at the end
//! of this file, or in that of its feature.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use futures::io as futures_io;

use crate::io::{
    DuplexStream, Empty, Join, ReadHalf, Repeat, SimplexStream, Sink, WriteHalf, read_buffer,
};

/// Reads through a reader of `futures`.
pub(crate) fn poll_read(
    reader: Pin<&mut impl futures_io::AsyncRead>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let initialized = buf.initialized().len() - buf.filled().len();
    if initialized < buf.remaining().min(read_buffer::CHUNK) {
        return read_buffer::poll_read(reader, cx, buf.remaining(), |data| buf.put_slice(data));
    }
    let n = ready!(reader.poll_read(cx, buf.initialize_unfilled_to(initialized)))?;
    buf.advance(n);
    Poll::Ready(Ok(()))
}

macro_rules! impl_read {
    ($type:ty $(, $($generics:tt)*)?) => {
        impl $(<$($generics)*>)? AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                poll_read(self, cx, buf)
            }
        }
    };
}

macro_rules! impl_buf_read {
    ($type:ty $(, $($generics:tt)*)?) => {
        impl $(<$($generics)*>)? AsyncBufRead for $type {
            fn poll_fill_buf(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<&[u8]>> {
                futures_io::AsyncBufRead::poll_fill_buf(self, cx)
            }

            fn consume(self: Pin<&mut Self>, amount: usize) {
                futures_io::AsyncBufRead::consume(self, amount);
            }
        }
    };
}

macro_rules! impl_write {
    ($type:ty $(, $($generics:tt)*)?) => {
        impl $(<$($generics)*>)? AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                futures_io::AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                futures_io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                futures_io::AsyncWrite::poll_close(self, cx)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                futures_io::AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }
        }
    };
}

impl AsyncSeek for Empty {
    /// Accepts every position.
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Ok(())
    }

    /// Resolves to 0.
    fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        futures_io::AsyncSeek::poll_seek(self, cx, SeekFrom::Start(0))
    }
}

macro_rules! impl_read_write {
    ($type:ty) => {
        impl_read!($type);
        impl_write!($type);
    };
}

#[cfg(feature = "hyper")]
pub(crate) use {impl_read, impl_write};

#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "net")]
mod net;
#[cfg(feature = "process")]
mod process;
#[cfg(feature = "stdio")]
mod stdio;

// One line for a type, also for each of its halves.
impl_read_write!(DuplexStream);
impl_read_write!(SimplexStream);
impl_read!(ReadHalf<T>, T: futures_io::AsyncRead);
impl_write!(WriteHalf<T>, T: futures_io::AsyncWrite);
impl_read!(Join<R, W>, R: futures_io::AsyncRead, W);
impl_write!(Join<R, W>, R, W: futures_io::AsyncWrite);
impl_buf_read!(Join<R, W>, R: futures_io::AsyncBufRead, W);
impl_read_write!(Empty);
impl_buf_read!(Empty);
impl_read!(Repeat);
impl_write!(Sink);
