//! Ticking at a fixed rate.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;

use super::{Instant, Sleep, sleep_until};

/// Ticks at once, and then every `period`.
///
/// Ticks are aligned to the start: the tick number *n* is due *n* periods after the first, however
/// long the work in between takes. Missed ticks are handled as [`MissedTickBehavior`] says, by
/// default skipped.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use quintet::time::{Duration, interval};
///
/// # quintet::block_on(async {
/// let mut beat = interval(Duration::from_millis(1));
/// let first = beat.tick().await;
/// let second = beat.tick().await;
/// assert!(second - first >= Duration::from_millis(1));
/// # });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and then every `period`; see [`interval`].
///
/// # Panics
///
/// If `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "the period of an interval must not be zero"
    );
    Interval {
        sleep: sleep_until(start),
        period,
        missed: MissedTickBehavior::default(),
    }
}

/// A tick that is taken later than this after it was due is missed, however long the period is. The
/// number is tokio's: small compared to usual periods, large compared to the delay of a busy loop.
const LATE: Duration = Duration::from_millis(5);

/// What an [`Interval`] does when a tick was missed.
///
/// A tick is missed if it is taken more than 5 ms, or a whole period if that is shorter, after it
/// was due. After a tick that is less late, the next one is due one period after this one was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Missed ticks follow each other at once until the interval has caught up. This is tokio's
    /// default.
    Burst,
    /// The next tick is due one period after the missed one was taken. Ticks are no longer aligned
    /// to the start.
    Delay,
    /// Missed ticks are skipped. The next tick is the next one that is aligned to the start.
    #[default]
    Skip,
}

/// Ticks at a fixed rate; made by [`interval`]. Also a [`Stream`] that never ends.
#[derive(Debug)]
#[must_use = "an interval ticks only while it is awaited"]
pub struct Interval {
    /// Completes at the next tick.
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick and returns when it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    pub async fn tick(&mut self) -> Instant {
        std::future::poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let due = self.sleep.deadline();
        let next = self.next_tick(due, Instant::now());
        self.reset_at(next);
        Poll::Ready(due)
    }

    fn next_tick(&self, due: Instant, now: Instant) -> Instant {
        let next = due.saturating_add(self.period);
        let late = now.duration_since(due);
        if late <= LATE && late < self.period {
            return next;
        }
        match self.missed {
            MissedTickBehavior::Burst => next,
            MissedTickBehavior::Delay => now.saturating_add(self.period),
            MissedTickBehavior::Skip => {
                let behind = late.as_nanos() % self.period.as_nanos();
                now.saturating_add(self.period.saturating_sub(from_nanos(behind)))
            }
        }
    }

    /// Makes the next tick due one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Makes the next tick due now.
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// Makes the next tick due after `duration`.
    pub fn reset_after(&mut self, duration: Duration) {
        self.reset_at(Instant::now().saturating_add(duration));
    }

    /// Makes the next tick due at `deadline`. Later ticks are aligned to that.
    pub fn reset_at(&mut self, deadline: Instant) {
        Pin::new(&mut self.sleep).reset(deadline);
    }

    /// Makes the interval keep its runtime alive again while a task waits for it; see
    /// [`Sleep::ref_`].
    pub fn ref_(&self) {
        self.sleep.ref_();
    }

    /// Allows the runtime to end while a task waits for the next tick; see [`Sleep::unref`].
    pub fn unref(&self) {
        self.sleep.unref();
    }

    /// Returns whether the interval keeps its runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.sleep.has_ref()
    }

    /// Returns the period.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Returns how missed ticks are handled.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets how missed ticks are handled.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }
}

/// A duration of so many nanoseconds, at most 584 years.
fn from_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }
}
