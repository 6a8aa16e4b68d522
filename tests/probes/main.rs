//! What careless and hostile users do. Nothing of it may hang, abort the process or leak.
//!
//! Each probe is about another combination of panics, destructors, threads and ways to run. Under
//! `AddressSanitizer` they are a test of leaks, too: what a probe forgets it drops in the end.

mod destructors;
mod modes;
mod panics;
mod references;
mod starvation;
mod threads;
mod time;

#[path = "../support/patience.rs"]
mod patience;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use quintet::runtime::{Builder, Runtime};
use quintet::time::Duration;

pub(crate) use patience::in_time;

pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn new() -> Runtime {
    Runtime::new().expect("descriptors for a runtime")
}

pub(crate) fn paused() -> Runtime {
    let built = Builder::new().start_paused(true).build();
    built.expect("descriptors for a runtime")
}

/// Calls a function when dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

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

/// What a panic of `f` says.
#[track_caller]
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("this was to panic");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

/// A panic's payload whose destructor panics, too.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a payload explodes");
        }
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Counting(AtomicUsize);

impl Counting {
    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}
