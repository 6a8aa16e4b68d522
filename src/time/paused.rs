//! Time under a program's control, for tests.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Sleep, sleep};
use crate::clock;
use crate::context;
use crate::event_loop::EventLoop;

/// Stops the time of the current runtime.
///
/// From now on [`Instant::now`](super::Instant::now) stands still on this loop, and its timers wait, until the time is
/// moved on by [`advance`] or [`advance_to_next`]. It also moves on by itself, to the next deadline,
/// whenever nothing is ready, the OS has nothing to report, no blocking job is under way and no
/// [`KeepAlive`](crate::runtime::KeepAlive) guard is held: so a test that sleeps for a day takes no
/// time, and everything happens in the same order as if it had. [`auto_advance`] switches that off.
///
/// The standard library's clocks go on, and so do sockets, workers and other threads.
///
/// # Panics
///
/// If the time is paused already. If no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// use quintet::time::{self, Duration, Instant};
///
/// # quintet::block_on(async {
/// time::pause();
/// let start = Instant::now();
/// time::sleep(Duration::from_secs(86_400)).await;
/// assert_eq!(start.elapsed(), Duration::from_secs(86_400));
/// # });
/// ```
#[track_caller]
pub fn pause() {
    let event_loop = context::expect_current();
    assert!(
        !event_loop.clock.is_paused(),
        "time is paused already; `time::resume` lets it go on"
    );
    event_loop.clock.pause();
    event_loop.notify_host();
}

/// Lets the time of the current runtime go on, from where it stands.
///
/// # Panics
///
/// If the time is not paused. If no runtime is current on this thread.
#[track_caller]
pub fn resume() {
    let event_loop = paused_loop("resume");
    event_loop.clock.resume();
    event_loop.poll.forget_alarm();
    event_loop.notify_host();
}

/// Returns whether the time of the current runtime is paused. It is not where there is none.
pub fn is_paused() -> bool {
    let is_paused = context::with(|event_loop| event_loop.clock.is_paused())
        .or_else(|| context::with_job(|job| job.shared.remote_clock.is_paused()));
    is_paused.unwrap_or(false)
}

/// Moves the paused time on by `duration`, at once.
///
/// That is all that the call does. What is due then fires in the next timers phase, in the order of
/// the deadlines. Awaiting what it returns lets this happen: it ends when all timers that were due
/// have fired and their tasks have run.
///
/// # Panics
///
/// If the time is not paused. If no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// use quintet::time::{self, Duration};
///
/// # quintet::block_on(async {
/// time::pause();
/// let task = quintet::spawn(time::sleep(Duration::from_secs(5)));
/// time::advance(Duration::from_secs(4)).await;
/// assert!(!task.is_finished());
/// time::advance(Duration::from_secs(1)).await;
/// assert!(task.is_finished());
/// # });
/// ```
#[track_caller]
pub fn advance(duration: Duration) -> Advance {
    let event_loop = paused_loop("advance");
    let now = event_loop.clock.now();
    let then = now.saturating_add(clock::nanos(duration));
    event_loop.clock.advance_to(then);
    event_loop.notify_host();
    Advance(sleep(Duration::ZERO))
}

/// Moves the paused time on to the next deadline, at once, and returns by how much; `None`, and the
/// time stays, if no timer waits that ever fires. What is due fires in the next timers phase.
///
/// # Panics
///
/// If the time is not paused. If no runtime is current on this thread.
#[track_caller]
pub fn advance_to_next() -> Option<Duration> {
    let event_loop = paused_loop("advance_to_next");
    let now = event_loop.clock.now();
    let next = event_loop.timers.exact_next_deadline()?;
    event_loop.clock.advance_to(next);
    event_loop.notify_host();
    Some(clock::until(next, now))
}

/// Sets whether paused time moves on by itself when there is nothing else to do; see [`pause`].
///
/// # Panics
///
/// If no runtime is current on this thread.
#[track_caller]
pub fn auto_advance(enabled: bool) {
    let event_loop = context::expect_current();
    event_loop.auto_advance.set(enabled);
    event_loop.notify_host();
}

/// Waits until what [`advance`] made due has happened.
#[derive(Debug)]
pub struct Advance(Sleep);

impl Future for Advance {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

#[track_caller]
fn paused_loop(name: &str) -> Rc<EventLoop> {
    let event_loop = context::expect_current();
    assert!(
        event_loop.clock.is_paused(),
        "`time::{name}` needs paused time; call `time::pause` first, or build the runtime with \
         `start_paused(true)`"
    );
    event_loop
}
