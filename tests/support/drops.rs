//! Things that make themselves heard when they are dropped.

use std::sync::mpsc;
use std::thread::{self, ThreadId};

/// Calls a function when dropped.
pub(crate) struct OnDrop<F: FnOnce()>(pub(crate) Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub(crate) fn new(f: F) -> Self {
        OnDrop(Some(f))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Panics with this message when dropped, unless its thread is unwinding already.
#[derive(Debug)]
pub(crate) struct PanicsWhenDropped(pub(crate) &'static str);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("{}", self.0);
        }
    }
}

/// Tells on which thread it is dropped.
#[derive(Debug)]
pub(crate) struct TellsWhereItIsDropped(pub(crate) mpsc::Sender<ThreadId>);

impl Drop for TellsWhereItIsDropped {
    fn drop(&mut self) {
        let _test_is_over = self.0.send(thread::current().id());
    }
}
