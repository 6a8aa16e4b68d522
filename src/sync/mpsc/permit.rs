//! Permits to send a message later.

use std::fmt;
use std::iter::FusedIterator;
use std::mem;

use super::bounded::Sender;
use super::chan::{Chan, Tx};
use crate::sync::raw_semaphore::PermitSource;

/// A permit to send one message, without waiting and without failure. Released on drop.
#[must_use = "a permit that is not kept is released at once"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T>,
}

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> Self {
        Permit { chan }
    }

    /// Sends a message. If the receiver was dropped, drops the message.
    pub fn send(self, message: T) {
        let chan = self.chan;
        // The room is now used by the message.
        mem::forget(self);
        chan.push(message);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.release(1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// An iterator over several [`Permit`]s. The rest is released on drop.
#[must_use = "a permit that is not kept is released at once"]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T>,
    left: usize,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, left: usize) -> Self {
        PermitIterator { chan, left }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.left = self.left.checked_sub(1)?;
        Some(Permit::new(self.chan))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}

impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.left > 0 {
            self.chan.release(self.left);
        }
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// A permit to send one message that owns its [`Sender`].
#[must_use = "a permit that is not kept is released at once"]
pub struct OwnedPermit<T> {
    /// `Some` until it is used.
    tx: Option<Tx<T>>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(tx: Tx<T>) -> Self {
        OwnedPermit { tx: Some(tx) }
    }

    /// Sends a message, and returns the sender. If the receiver was dropped, drops the message.
    pub fn send(mut self, message: T) -> Sender<T> {
        let tx = unused(self.tx.take());
        tx.chan().push(message);
        Sender::new(tx)
    }

    /// Releases the permit, and returns the sender.
    pub fn release(mut self) -> Sender<T> {
        let tx = unused(self.tx.take());
        tx.chan().release(1);
        Sender::new(tx)
    }

    /// Returns whether both permits belong to the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx().same_channel(other.tx())
    }

    /// Returns whether the permit and the sender belong to the same channel.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.tx().same_channel(sender.tx())
    }

    fn tx(&self) -> &Tx<T> {
        unused(self.tx.as_ref())
    }
}

fn unused<V>(tx: Option<V>) -> V {
    tx.expect("a permit has its sender until it is used")
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(tx) = self.tx.take() {
            tx.chan().release(1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}

assert_impl!(Permit<'_, std::cell::Cell<()>>: Send + Sync);
assert_impl!(PermitIterator<'_, std::cell::Cell<()>>: Send + Sync);
assert_impl!(OwnedPermit<std::cell::Cell<()>>: Send + Sync);
