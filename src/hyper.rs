//! HTTP by hyper. It needs the feature `hyper`; HTTP/2 needs the feature `hyper-http2`.
//!
//! [`serve`] is an HTTP server: an accept loop with limits and timeouts, which ends without losing a
//! request.
//!
//! Below it are the parts for other uses of hyper. [`TcpStream`], [`UnixStream`] and their owned
//! halves implement hyper's `Read` and `Write`, and [`Io`] is for other streams. [`Executor`] and
//! [`Timer`] are for the connection builders of hyper.
//!
//! # Examples
//!
//! To serve a connection without the server, pass its stream and a service to hyper:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http_body_util::Full;
//! use hyper::body::{Bytes, Incoming};
//! use hyper::server::conn::http1;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//! use quintet::net::TcpStream;
//!
//! async fn serve(stream: TcpStream) -> hyper::Result<()> {
//!     let hello = service_fn(async |_request: Request<Incoming>| {
//!         Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello\n"))))
//!     });
//!     http1::Builder::new()
//!         .timer(quintet::hyper::Timer::new())
//!         .serve_connection(stream, hello)
//!         .await
//! }
//! ```

mod adapter;
#[cfg(feature = "tokio-io")]
mod adapter_tokio;
mod serve;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::hyper::rt::{self, ReadBufCursor};
use futures::io::AsyncWrite;

use crate::io::read_buffer;
use crate::net::{TcpStream, UnixStream, tcp, unix};
use crate::task;
use crate::time;

pub use adapter::Io;
#[cfg(feature = "hyper-http2")]
pub use serve::StreamExecutor;
pub use serve::{HttpServer, downcast, serve, serve_each};

macro_rules! impl_read {
    ($type:ty) => {
        impl rt::Read for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut cursor: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let room = cursor.remaining();
                read_buffer::poll_read(self, cx, room, |data| cursor.put_slice(data))
            }
        }
    };
}

macro_rules! impl_write {
    ($type:ty) => {
        impl rt::Write for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_close(self, cx)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }
        }
    };
}

impl_read!(TcpStream);
impl_read!(tcp::OwnedReadHalf);
impl_read!(UnixStream);
impl_read!(unix::OwnedReadHalf);
impl_write!(TcpStream);
impl_write!(tcp::OwnedWriteHalf);
impl_write!(UnixStream);
impl_write!(unix::OwnedWriteHalf);

/// An executor for hyper, which spawns tasks onto the current loop. The futures need not be `Send`.
///
/// # Panics
///
/// `execute` panics if no runtime is current.
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl Executor {
    /// Creates an executor.
    pub fn new() -> Self {
        Executor
    }
}

impl<F> rt::Executor<F> for Executor
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, future: F) {
        drop(task::spawn(future));
    }
}

/// A timer for hyper, which uses the timers of the current loop.
///
/// Without a timer hyper has no timeouts, and waits for ever for a client that sends nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl Timer {
    /// Creates a timer.
    pub fn new() -> Self {
        Timer
    }
}

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(time::sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(time::sleep_until(deadline.into()))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<time::Sleep>() {
            Some(sleep) => sleep.reset(deadline.into()),
            None => *sleep = self.sleep_until(deadline),
        }
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

impl rt::Sleep for time::Sleep {}
