//! Ticking at a fixed rate.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;

use super::{Instant, Sleep, sleep_until};

/// Ticks at once, and then every `period`.
///
/// Ticks are aligned to the start: the tick number *n* is due *n* periods after the first, however
/// long the work in between takes. What happens to ticks that were missed is said by
/// [`MissedTickBehavior`]; by default they are skipped.
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

/// A tick that is taken later than this after it was due is late, however long the period is. The
/// number is tokio's: small beside the periods that tasks use, large beside what a busy loop adds.
const LATE: Duration = Duration::from_millis(5);

/// What an [`Interval`] does when a tick was missed.
///
/// A tick is missed if it is taken more than 5 ms after it was due, or a whole period after that if
/// the period is shorter. A tick that is less late changes nothing: the next one is due a period
/// after this one was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// All missed ticks come at once, one after the other, until it has caught up. This is tokio's
    /// default.
    Burst,
    /// The next tick comes a period after the missed one was taken; ticks are no longer aligned to
    /// the start.
    Delay,
    /// Missed ticks never come; the next one is the next that is aligned to the start.
    #[default]
    Skip,
}

/// Ticks at a fixed rate; made by [`interval`]. Also a [`Stream`] that never ends.
#[derive(Debug)]
#[must_use = "an interval ticks only while it is awaited"]
pub struct Interval {
    /// Until the next tick.
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

    /// Lets the next tick come a period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// Lets the next tick come at once.
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// Lets the next tick come after `duration`.
    pub fn reset_after(&mut self, duration: Duration) {
        self.reset_at(Instant::now().saturating_add(duration));
    }

    /// Lets the next tick come at `deadline`; later ones are aligned to that.
    pub fn reset_at(&mut self, deadline: Instant) {
        Pin::new(&mut self.sleep).reset(deadline);
    }

    /// Lets it keep its runtime alive again while a task waits for it; see [`Sleep::ref_`].
    pub fn ref_(&self) {
        self.sleep.ref_();
    }

    /// Lets the runtime end though somebody waits for the next tick; see [`Sleep::unref`].
    pub fn unref(&self) {
        self.sleep.unref();
    }

    /// Returns whether it keeps its runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.sleep.has_ref()
    }

    /// Returns the period.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Returns what happens to missed ticks.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// Sets what happens to missed ticks.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed = behavior;
    }
}

/// A duration of less than 584 years, or that.
fn from_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }
}
