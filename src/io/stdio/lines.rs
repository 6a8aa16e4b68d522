//! The lines of standard input.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;

use super::stdin::Stdin;
use crate::blocking::called_here;

/// The lines of standard input, returned by [`Stdin::lines`].
///
/// The lines have no ends: `\n`, or `\r\n`, is removed.
#[derive(Debug)]
#[must_use = "streams do nothing unless they are polled"]
pub struct Lines {
    stdin: Stdin,
}

impl Lines {
    pub(super) fn new(stdin: Stdin) -> Self {
        Lines { stdin }
    }

    /// Waits for the next line, and returns it without its end. `None` at the end of the input,
    /// which in a terminal need not be for good; see [`Stdin`](Stdin#the-end).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Stdin::read`], and an error of kind
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the line is not valid UTF-8. The next call
    /// returns the line after that one.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, no line and no
    /// part of one is lost.
    #[track_caller]
    pub fn next_line(&mut self) -> impl Future<Output = io::Result<Option<String>>> {
        called_here(self.stdin.next_line())
    }

    /// Polls for the next line.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`next_line`](Lines::next_line).
    #[inline]
    pub fn poll_next_line(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<String>>> {
        self.stdin.poll_next_line(cx)
    }

    /// Returns the handle of standard input.
    pub fn get_ref(&self) -> &Stdin {
        &self.stdin
    }

    /// Returns the handle of standard input. Nothing is lost.
    pub fn into_inner(self) -> Stdin {
        self.stdin
    }
}

impl Stream for Lines {
    type Item = io::Result<String>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_line(cx).map(Result::transpose)
    }
}

assert_impl!(Lines: Send + Sync + Unpin);
