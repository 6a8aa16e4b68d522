//! Channels, locks, semaphores, notifications: their order, their ends, and what happens to waiters
//! that are dropped.
//!
//! Futures are mostly polled by hand here, where each state can be reached. What could hang runs
//! under [`watched`].

#![allow(clippy::unwrap_used, reason = "what is unwrapped is what is tested")]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "what other suites use")]
#[path = "../models/programs.rs"]
mod programs;

mod barrier;
mod broadcast;
mod budget;
mod line;
mod mpsc;
mod mutex;
mod notify;
mod once_cell;
mod oneshot;
mod reentry;
mod rwlock;
mod semaphore;
mod sending;
mod watch;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::support::cases::watched;
use crate::support::strict::block_on;

/// Counts wakes.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Polls a future by hand.
struct Polled<'a, R> {
    future: Pin<Box<dyn Future<Output = R> + 'a>>,
    bell: Arc<Bell>,
}

impl<'a, R> Polled<'a, R> {
    fn new(future: impl Future<Output = R> + 'a) -> Self {
        Polled {
            future: Box::pin(future),
            bell: Arc::default(),
        }
    }

    /// A future that has been polled once and waits.
    #[track_caller]
    fn waiting(future: impl Future<Output = R> + 'a) -> Self {
        let mut polled = Polled::new(future);
        assert!(polled.poll().is_pending(), "it should wait");
        polled
    }

    fn poll(&mut self) -> Poll<R> {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.poll_with(&waker)
    }

    fn poll_with(&mut self, waker: &Waker) -> Poll<R> {
        self.future.as_mut().poll(&mut Context::from_waker(waker))
    }

    /// Its output, which must be there.
    #[track_caller]
    fn output(&mut self) -> R {
        match self.poll() {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => panic!("it still waits"),
        }
    }

    fn is_woken(&self) -> bool {
        self.bell.rings() > 0
    }
}

/// The output of a future that need not wait.
#[track_caller]
fn now<R>(future: impl Future<Output = R>) -> R {
    Polled::new(future).output()
}

/// Calls `block` on a thread where a loop runs, and returns what it panics with.
fn panic_in_loop(block: impl FnOnce()) -> String {
    let caught = block_on(async {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(block)).unwrap_err()
    });
    *caught.downcast::<String>().unwrap()
}
