//! Paused time, for tests.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Sleep, sleep};
use crate::clock;
use crate::context;
use crate::event_loop::EventLoop;

/// Pauses the time of the current runtime.
///
/// [`Instant::now`](super::Instant::now) then returns the same time on this loop, and no timer
/// fires, until [`advance`] or [`advance_to_next`] moves the time. The time also advances
/// automatically to the next deadline, whenever no task is ready, the OS reports no event, no
/// blocking job runs and no [`KeepAlive`](crate::runtime::KeepAlive) guard exists. So a test that
/// sleeps for a day takes no time, and events keep their order. [`auto_advance`] disables that.
///
/// The standard library's clocks, sockets, workers and other threads are not affected.
///
/// # Panics
///
/// If the time is paused already, or if no runtime is current on this thread.
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
        "time is paused already; `time::resume` ends the pause"
    );
    event_loop.clock.pause();
    event_loop.notify_host();
}

/// Resumes the time of the current runtime, from where it stands.
///
/// # Panics
///
/// If the time is not paused, or if no runtime is current on this thread.
#[track_caller]
pub fn resume() {
    let event_loop = paused_loop("resume");
    event_loop.clock.resume();
    event_loop.poll.forget_alarm();
    event_loop.notify_host();
}

/// Returns whether the time of the current runtime is paused. False if no runtime is current.
pub fn is_paused() -> bool {
    let is_paused = context::with(|event_loop| event_loop.clock.is_paused())
        .or_else(|| context::with_home(|home| home.remote_clock.is_paused()));
    is_paused.unwrap_or(false)
}

/// Advances the paused time by `duration`, at once.
///
/// Timers that are due then fire in the next timers phase, in the order of their deadlines. The
/// returned future completes when all of them have fired and their tasks have run.
///
/// # Panics
///
/// If the time is not paused, or if no runtime is current on this thread.
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

/// Advances the paused time to the next deadline, at once, and returns by how much. Returns `None`,
/// and changes nothing, if no timer has a deadline. Timers that are due fire in the next timers
/// phase.
///
/// # Panics
///
/// If the time is not paused, or if no runtime is current on this thread.
#[track_caller]
pub fn advance_to_next() -> Option<Duration> {
    let event_loop = paused_loop("advance_to_next");
    let now = event_loop.clock.now();
    let next = event_loop.timers.exact_next_deadline()?;
    event_loop.clock.advance_to(next);
    event_loop.notify_host();
    Some(clock::until(next, now))
}

/// Sets whether paused time advances automatically when the loop is idle; see [`pause`].
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

/// The future of [`advance`]: completes when the timers that became due have fired.
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
