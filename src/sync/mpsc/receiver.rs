//! The receiving ends.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::chan::Chan;
use super::error::TryRecvError;
use crate::coop;
use crate::sync::blocking::block_on;

/// Defines a receiver.
macro_rules! receiver {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T> {
            chan: Arc<Chan<T>>,
        }

        impl<T> $name<T> {
            pub(super) fn new(chan: Arc<Chan<T>>) -> Self {
                $name { chan }
            }

            /// Receives the next message. Returns `None` if the channel is empty and no message
            /// will come: there are no senders, or it is closed and no permit is left.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped, no message is received.
            pub async fn recv(&mut self) -> Option<T> {
                poll_fn(|cx| self.poll_recv(cx)).await
            }

            /// Receives up to `limit` messages at once, and waits for the first. Appends them to
            /// `buffer`, and returns their number. It is zero if no message will come or `limit` is
            /// zero.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped, no message is received.
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
            }

            /// Receives the next message if there is one.
            ///
            /// # Errors
            ///
            /// Returns [`TryRecvError::Empty`] if there is no message now, and
            /// [`TryRecvError::Disconnected`] if none will come.
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.chan.try_recv()
            }

            /// Receives the next message, and blocks the thread while it waits. Returns `None` if
            /// no message will come.
            ///
            /// # Panics
            ///
            /// Panics if a quintet loop runs on this thread.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                const NAME: &str = concat!("mpsc::", stringify!($name), "::blocking_recv");
                block_on(NAME, self.recv())
            }

            /// Receives up to `limit` messages at once, and blocks the thread while it waits for
            /// the first. Appends them to `buffer`, and returns their number.
            ///
            /// # Panics
            ///
            /// Panics if a quintet loop runs on this thread.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                const NAME: &str = concat!("mpsc::", stringify!($name), "::blocking_recv_many");
                block_on(NAME, self.recv_many(buffer, limit))
            }

            /// Polls for the next message. Resolves to `None` if no message will come. Only the
            /// waker of the last call is woken.
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.chan.poll_recv(cx)
            }

            /// Polls for up to `limit` messages, appends them to `buffer`, and resolves to their
            /// number. Only the waker of the last call is woken.
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                if limit == 0 {
                    ready!(coop::poll_proceed(cx));
                    coop::charge(0);
                    return Poll::Ready(0);
                }
                let received = self.chan.poll_recv_many(cx, buffer, limit);
                received.map(Option::unwrap_or_default)
            }

            /// Closes the channel: no more messages can be sent, except by permits that are given
            /// out. Messages in the channel can still be received.
            pub fn close(&mut self) {
                self.chan.close();
            }

            /// Returns whether the channel is closed, or there are no senders.
            pub fn is_closed(&self) -> bool {
                self.chan.is_closed_or_without_senders()
            }

            /// Returns whether the channel contains no message.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Returns the number of messages in the channel.
            pub fn len(&self) -> usize {
                self.chan.len()
            }

            /// Returns the number of senders.
            pub fn sender_strong_count(&self) -> usize {
                self.chan.strong_count()
            }

            /// Returns the number of weak senders.
            pub fn sender_weak_count(&self) -> usize {
                self.chan.weak_count()
            }
        }

        impl<T> Stream for $name<T> {
            type Item = T;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.chan.poll_recv(cx)
            }
        }

        impl<T> Drop for $name<T> {
            fn drop(&mut self) {
                self.chan.abandon();
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("len", &self.len())
                    .field("is_closed", &self.is_closed())
                    .finish_non_exhaustive()
            }
        }
    };
}

receiver! {
    /// Receives from a [`channel`](super::channel).
    ///
    /// It is also a [`Stream`]. Dropping it closes the channel and drops the messages in it.
    Receiver
}

receiver! {
    /// Receives from an [`unbounded_channel`](super::unbounded_channel).
    ///
    /// It is also a [`Stream`]. Dropping it closes the channel and drops the messages in it.
    UnboundedReceiver
}

impl<T> Receiver<T> {
    /// Returns the number of messages for which there is room now.
    pub fn capacity(&self) -> usize {
        self.chan.free()
    }

    /// Returns the number of messages for which an empty channel has room.
    pub fn max_capacity(&self) -> usize {
        self.chan.limit()
    }
}

assert_impl!(Receiver<std::cell::Cell<()>>: Send + Sync + Unpin);
assert_impl!(UnboundedReceiver<std::cell::Cell<()>>: Send + Sync + Unpin);
