//! Parks the thread until a future is ready, for the `blocking_` functions of this module and for
//! `Handle::block_on`.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::ready;

/// Wakes a parked thread.
struct ThreadWaker {
    thread: Thread,
    /// Set by a wake, cleared before the next poll. Unparking alone says nothing: other code may
    /// unpark the thread, and the future may park it.
    is_woken: AtomicBool,
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release pairs with the acquire in `block_on`.
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Returns the output of `future`, which must be ready, in a job on the thread of its loop.
#[track_caller]
fn now<F: Future>(name: &str, future: Pin<&mut F>) -> F::Output {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!(
            "`{name}` would block the quintet loop on whose thread this blocking job runs, because \
             with a seed there are no worker threads; await the function without `blocking` in its \
             name in a task, and pass its result to the job"
        ),
    }
}

/// Waits for `future` on behalf of the function `name`.
///
/// # Panics
///
/// Panics if a loop runs on this thread, or continues to run when this job has ended: it would
/// block.
#[track_caller]
pub(super) fn block_on<F: Future>(name: &str, future: F) -> F::Output {
    assert!(
        !ready::is_any_running(),
        "`{name}` would block the quintet loop that runs on this thread; await the function \
         without `blocking` in its name, or call this inside `spawn_blocking`"
    );
    if ready::is_absent() {
        return now(name, pin!(future));
    }
    wait(future)
}

/// Waits for `future`. No loop may run on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let park = || {
        thread::park();
        true
    };
    wait_while(park, future).expect("it is parked for as long as it takes")
}

/// Waits for `future`, but not longer than `timeout`.
pub(crate) fn wait_timeout<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    let start = Instant::now();
    let park = || {
        let left = timeout.saturating_sub(start.elapsed());
        thread::park_timeout(left);
        !left.is_zero()
    };
    wait_while(park, future)
}

/// Waits for `future` while `park`, which parks the thread, returns true.
fn wait_while<F: Future>(park: impl Fn() -> bool, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let thread_waker = Arc::new(ThreadWaker {
        thread: thread::current(),
        is_woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&thread_waker));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        while !thread_waker.is_woken.swap(false, Ordering::Acquire) {
            if !park() {
                return None;
            }
        }
    }
}
