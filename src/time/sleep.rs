//! Sleeping.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::Instant;
use crate::clock::NEVER;
use crate::context;
use crate::coop;
use crate::event_loop::{EventLoop, Shared};
use crate::phase::timers::TimerKey;
use crate::tasks::Asker;

/// Waits until `duration` has passed.
///
/// `sleep(Duration::ZERO)` ends in the next timers phase. [`Duration::MAX`] never ends.
///
/// The duration counts from this call, by the clock of the loop that is current here.
///
/// # Examples
///
/// ```
/// use quintet::time::{Duration, Instant, sleep};
///
/// # quintet::block_on(async {
/// let start = Instant::now();
/// sleep(Duration::from_micros(100)).await;
/// assert!(start.elapsed() >= Duration::from_micros(100));
/// # });
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    let now = Instant::now();
    Sleep::new(
        now.saturating_add(duration),
        now.checked_add(duration).is_none(),
    )
}

/// Waits until `deadline`. One that has passed ends in the next timers phase.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline, false)
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It is armed when it is first polled, on the loop that is current then, and belongs to that loop
/// from then on. Dropping it takes it back; it may be dropped on any thread.
///
/// # Cancel safety
///
/// Dropping it loses nothing but the wait.
///
/// # Panics
///
/// Awaiting it panics where no runtime is current, and on another loop than its own.
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sleep {
    deadline: Instant,
    is_endless: bool,
    /// Whether it does not keep its runtime alive.
    unref: AtomicBool,
    state: State,
}

enum State {
    New,
    Armed(Arc<Shared>, TimerKey),
    Elapsed,
}

impl Sleep {
    fn new(deadline: Instant, is_endless: bool) -> Self {
        Sleep {
            deadline,
            is_endless,
            unref: AtomicBool::new(false),
            state: State::New,
        }
    }

    /// Returns when it ends. A sleep that never ends says some thirty years.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns whether it has ended: its timer has fired.
    pub fn is_elapsed(&self) -> bool {
        match &self.state {
            State::New => false,
            State::Armed(shared, key) => {
                context::with_loop(shared.id, |event_loop| event_loop.timers.has_fired(*key))
                    .unwrap_or(false)
            }
            State::Elapsed => true,
        }
    }

    /// Lets it keep its runtime alive again while a task waits for it, which it does from the start;
    /// see [`Runtime::run`](crate::runtime::Runtime::run).
    ///
    /// Like [`unref`](Sleep::unref) this may be called on any thread, and any number of times.
    pub fn ref_(&self) {
        self.set_ref(true);
    }

    /// Lets the runtime end though somebody waits for this.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use quintet::time::{Duration, sleep};
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// runtime.spawn(async {
    ///     let sleep = sleep(Duration::from_secs(3600));
    ///     sleep.unref();
    ///     sleep.await;
    /// });
    /// runtime.run()?; // ends at once
    /// # Ok(())
    /// # }
    /// ```
    pub fn unref(&self) {
        self.set_ref(false);
    }

    /// Returns whether it keeps its runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        !self.unref.load(Ordering::Relaxed)
    }

    fn set_ref(&self, is_ref: bool) {
        self.unref.store(!is_ref, Ordering::Relaxed);
        let State::Armed(shared, key) = &self.state else {
            return;
        };
        let key = *key;
        context::at_home(shared.id, &shared.inbox, move |event_loop| {
            event_loop.timers.set_ref(key, is_ref);
        });
    }

    /// Sets another deadline, whether or not it has ended, and arms it anew, as if it came last.
    ///
    /// Where no runtime is current, a sleep that is not armed stays so until it is polled.
    ///
    /// # Panics
    ///
    /// If it is armed on another loop than the current one.
    #[track_caller]
    pub fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        if let State::Armed(shared, key) = &self.state {
            with_own_loop(shared, |event_loop| {
                let clock = &event_loop.clock;
                let nanos = clock.nanos_at(deadline.into_std());
                event_loop.timers.rearm(*key, nanos, clock.now());
                event_loop.touch();
            });
        }
        self.is_endless = false;
        self.deadline = deadline;
        if let State::Armed(..) = &self.state {
            return;
        }
        self.state = match context::current() {
            Some(event_loop) => self.arm(&event_loop, None),
            None => State::New,
        };
    }

    /// Arms it on `event_loop`, to tell whoever polls with `waker`.
    fn arm(&self, event_loop: &EventLoop, waker: Option<&Waker>) -> State {
        let (deadline, now) = self.nanos(event_loop);
        let asker = waker.map(|waker| Asker::new(event_loop.id(), waker));
        let key = event_loop.timers.arm(deadline, now, asker);
        if !self.has_ref() {
            event_loop.timers.set_ref(key, false);
        }
        event_loop.touch();
        State::Armed(Arc::clone(&event_loop.shared), key)
    }

    /// The deadline and the present by the loop's clock.
    fn nanos(&self, event_loop: &EventLoop) -> (u64, u64) {
        let deadline = if self.is_endless {
            NEVER
        } else {
            event_loop.clock.nanos_at(self.deadline.into_std())
        };
        (deadline, event_loop.clock.now())
    }

    #[track_caller]
    fn poll_armed(&mut self, cx: &Context<'_>) -> Poll<()> {
        match &self.state {
            State::New => {
                self.state = self.arm(&context::expect_current(), Some(cx.waker()));
                Poll::Pending
            }
            State::Armed(shared, key) => {
                let key = *key;
                let Some(event_loop) = context::current().filter(|l| l.id() == shared.id) else {
                    panic!("{}", wrong_loop(shared));
                };
                let asker = Asker::new(event_loop.id(), cx.waker());
                ready!(event_loop.timers.poll(key, asker));
                drop(event_loop.timers.cancel(key));
                self.state = State::Elapsed;
                Poll::Ready(())
            }
            State::Elapsed => Poll::Ready(()),
        }
    }
}

#[track_caller]
fn with_own_loop(shared: &Shared, f: impl FnOnce(&EventLoop)) {
    if context::with_loop(shared.id, f).is_none() {
        panic!("{}", wrong_loop(shared));
    }
}

fn wrong_loop(shared: &Shared) -> String {
    format!(
        "this `Sleep` is armed on {}, but {}; use a sleep only on the loop that first polled it",
        context::describe(shared.id),
        context::describe_current()
    )
}

impl Future for Sleep {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_proceed(cx));
        ready!(self.poll_armed(cx));
        coop::charge(0);
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let State::Armed(shared, key) = &self.state else {
            return;
        };
        let key = *key;
        match context::with_loop(shared.id, |event_loop| event_loop.timers.cancel(key)) {
            Some(waiter) => drop(waiter),
            None => go_home(shared, key),
        }
    }
}

/// Sends the key of a timer that was dropped elsewhere back to its loop.
fn go_home(shared: &Shared, key: TimerKey) {
    context::at_home(shared.id, &shared.inbox, move |event_loop| {
        drop(event_loop.timers.cancel(key));
    });
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("is_elapsed", &self.is_elapsed())
            .finish()
    }
}

const _: () = {
    const fn assert_send_sync_unpin<T: Send + Sync + Unpin>() {}
    assert_send_sync_unpin::<Sleep>();
};
