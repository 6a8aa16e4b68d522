//! What the library offers beside spawning: sets, trackers, tokens, locals, the budget, ids.

mod abort_on_drop;
mod cancellation_token;
mod coop;
mod ends;
mod id;
mod join_set;
mod large;
mod local_set;
mod task_local;
mod task_tracker;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use quintet::task::yield_now;

use crate::support::cases::{log, watched};
use crate::support::strict::block_on;

/// Runs a test on a runtime of its own.
fn on_a_loop(test: impl AsyncFnOnce()) {
    watched(|| block_on(test()));
}

/// Lets all tasks that are ready run until they wait.
async fn settle() {
    for _ in 0..3 {
        yield_now().await;
    }
}

/// Runs a future on this thread, where no runtime is current.
fn without_runtime<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Logs its name when it is dropped.
struct Dropped(&'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        log(format!("drop-{}", self.0));
    }
}

/// Counts its wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        (count, waker)
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Calls a closure when it is woken, and another one when it is dropped.
struct Hooks<W: Fn(), D: Fn()> {
    on_wake: W,
    on_drop: D,
}

impl<W, D> Hooks<W, D>
where
    W: Fn() + Send + Sync + 'static,
    D: Fn() + Send + Sync + 'static,
{
    fn waker(on_wake: W, on_drop: D) -> Waker {
        Waker::from(Arc::new(Hooks { on_wake, on_drop }))
    }
}

impl<W, D> Wake for Hooks<W, D>
where
    W: Fn() + Send + Sync + 'static,
    D: Fn() + Send + Sync + 'static,
{
    fn wake(self: Arc<Self>) {
        (self.on_wake)();
    }
}

impl<W: Fn(), D: Fn()> Drop for Hooks<W, D> {
    fn drop(&mut self) {
        (self.on_drop)();
    }
}
