//! The timers phase: every timer whose deadline has passed.
//!
//! `time::Sleep` arms a timer at its first poll and keeps its key. The timer fires here, in the
//! order (deadline, arming), and its entry stays until the sleep is polled or dropped. The wheel
//! orders the timers; this file adds the waiters, and limits the phase to the timers that were
//! armed before it.

mod wheel;

use std::cell::RefCell;

use super::candidates::{Candidates, Liveness};
use super::{Callback, Deliver};
use crate::clock::NEVER;
use crate::slots::Key;
use crate::tasks::{Caller, Owner, ReferencedAgain, Tasks, Waiter};
use wheel::Wheel;

pub(crate) use wheel::TimerKey;

/// What [`Timers::check`] found.
pub(crate) enum Checked {
    /// It has fired, and is released.
    Fired,
    /// It wakes the caller.
    Waits,
    /// It wakes another waiter, or none.
    WaitsForOther,
}

/// See the [module](self). Times are nanoseconds of the loop's clock.
pub(crate) struct Timers {
    /// A timer that is marked does not keep the loop alive.
    wheel: RefCell<Wheel<Option<Waiter>>>,
    candidates: Candidates,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Timers {
            wheel: RefCell::new(Wheel::new()),
            candidates: Candidates::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.wheel.borrow().is_empty()
    }

    /// How many timers wait, and how many have been armed in all.
    #[inline]
    pub(crate) fn counts(&self) -> (u64, u64) {
        let wheel = self.wheel.borrow();
        (wheel.len() as u64, wheel.next_sequence())
    }

    /// The earliest deadline, or `None` if no timer waits.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.wheel.borrow().next_deadline()
    }

    /// The time until which poll may wait: the earliest deadline, or up to a millisecond later
    /// where timers are dense; see [`Wheel::next_wake`].
    #[inline]
    pub(crate) fn next_wake(&self, now: u64) -> Option<u64> {
        self.wheel.borrow_mut().next_wake(now)
    }

    /// The exact earliest deadline: [`next_deadline`](Timers::next_deadline) may return that of a
    /// cancelled timer. Iterates over all timers.
    pub(crate) fn exact_next_deadline(&self) -> Option<u64> {
        let wheel = self.wheel.borrow();
        let deadlines = wheel.iter().map(|(_, timer)| timer.deadline);
        deadlines.filter(|&deadline| deadline != NEVER).min()
    }

    /// Arms a timer. `time` is the later of its deadline and the present: a deadline that has
    /// passed counts from now, so that timers that were due earlier fire first.
    #[inline]
    pub(crate) fn arm(&self, time: u64, waiter: Option<Waiter>) -> TimerKey {
        let mut wheel = self.wheel.borrow_mut();
        let key = wheel.insert(time, waiter);
        self.candidates.add(key.to_bits(), || wheel.entries());
        key
    }

    /// Arms a timer again, fired or not, with a new place in the order of arming.
    pub(crate) fn rearm(&self, key: TimerKey, time: u64) {
        let mut wheel = self.wheel.borrow_mut();
        wheel.rearm(key, time);
        self.candidates.add(key.to_bits(), || wheel.entries());
    }

    /// Removes the timer if it has fired. Otherwise returns whether it wakes `caller`; if not, the
    /// caller must call [`set_waiter`](Timers::set_waiter). Runs no foreign code.
    #[inline]
    pub(crate) fn check(&self, key: TimerKey, caller: Caller<'_>) -> Checked {
        let mut wheel = self.wheel.borrow_mut();
        // First what is so most often. Firing takes the waiter, so it has not fired.
        if let Some(Some(waiter)) = wheel.get_mut(key)
            && caller.is(waiter)
        {
            return Checked::Waits;
        }
        match wheel.remove_fired(key) {
            Some(waiter) => {
                debug_assert!(waiter.is_none(), "firing took the waiter");
                Checked::Fired
            }
            None => Checked::WaitsForOther,
        }
    }

    /// Sets the waiter of a timer. Returns the former one, which must be dropped outside of a
    /// borrow.
    pub(crate) fn set_waiter(&self, key: TimerKey, waiter: Waiter) -> Option<Waiter> {
        let mut wheel = self.wheel.borrow_mut();
        self.candidates.add(key.to_bits(), || wheel.entries());
        wheel.get_mut(key)?.replace(waiter)
    }

    /// Sets whether the timer keeps the loop alive.
    pub(crate) fn set_ref(&self, key: TimerKey, is_ref: bool) {
        let mut wheel = self.wheel.borrow_mut();
        wheel.set_mark(key, !is_ref);
        self.candidates.add(key.to_bits(), || wheel.entries());
    }

    /// Considers the timers of tasks that were referenced again.
    pub(crate) fn count_again(&self, tasks: &ReferencedAgain) {
        self.candidates.restore_of_tasks(tasks);
    }

    /// A timer that keeps the loop alive, and whether that is certain: a referenced timer for which
    /// a referenced task waits.
    pub(crate) fn find_alive(&self, tasks: &Tasks) -> Option<(TimerKey, Liveness)> {
        let wheel = self.wheel.borrow();
        let found = self.candidates.find(
            || wheel.iter().map(|(key, _)| key.to_bits()),
            |key, because_of| {
                let timer = wheel
                    .get(TimerKey::from_bits(key))
                    .filter(|timer| !timer.mark);
                match timer.and_then(|timer| timer.value.as_ref()) {
                    Some(waiter) => liveness(tasks, waiter, because_of),
                    None => Liveness::No,
                }
            },
        );
        found.map(|(key, liveness)| (TimerKey::from_bits(key), liveness))
    }

    /// Takes the waiter of a timer. The caller wakes it: if it still waits, it registers again.
    pub(crate) fn take_waiter(&self, key: TimerKey) -> Option<Waiter> {
        self.wheel.borrow_mut().get_mut(key)?.take()
    }

    /// Calls `f` for each waiter, with its deadline.
    pub(crate) fn for_each_waiter(&self, mut f: impl FnMut(&Waiter, u64)) {
        for (_, timer) in self.wheel.borrow().iter() {
            if let Some(waiter) = &timer.value {
                f(waiter, timer.deadline);
            }
        }
    }

    /// The deadlines of timers that keep the loop alive and whose waiter `owns` does not accept.
    pub(crate) fn unowned(&self, owns: impl Fn(&Waiter) -> bool) -> Vec<u64> {
        let wheel = self.wheel.borrow();
        let is_owned = |waiter: &Option<Waiter>| waiter.as_ref().is_some_and(&owns);
        let unowned = wheel
            .iter()
            .filter(|(_, timer)| !timer.mark && !is_owned(&timer.value));
        unowned.map(|(_, timer)| timer.deadline).collect()
    }

    /// Whether the timer has fired since it was armed.
    pub(crate) fn has_fired(&self, key: TimerKey) -> bool {
        self.wheel.borrow().has_fired(key)
    }

    /// Removes the timer; it does not fire, not even in a phase that has begun. Returns its waiter,
    /// which must be dropped outside of a borrow.
    pub(crate) fn cancel(&self, key: TimerKey) -> Option<Waiter> {
        self.wheel.borrow_mut().remove(key).flatten()
    }

    /// Takes all waiters, for the end of the loop.
    pub(crate) fn take_waiters(&self) -> Vec<Waiter> {
        let wheel = self.wheel.replace(Wheel::new());
        wheel.into_values().flatten().collect()
    }

    /// Fires the timers that are due when the phase begins, without those that are armed meanwhile.
    #[inline]
    pub(crate) fn run(&self, turn: &mut impl Deliver, now: impl Fn() -> u64) {
        if !self.is_empty() {
            self.fire(turn, now());
        }
    }

    fn fire(&self, turn: &mut impl Deliver, now: u64) {
        let limit = self.wheel.borrow().next_sequence();
        while turn.may_go_on() {
            let Some((deadline, waiter)) = self.fire_next(now, limit) else {
                return;
            };
            if let Some(waiter) = waiter {
                turn.has_fired(now.saturating_sub(deadline));
                turn.deliver(Callback::Wake(waiter));
            }
        }
    }

    /// Fires the first due timer and returns its deadline, and its waiter if it has one.
    fn fire_next(&self, now: u64, limit: u64) -> Option<(u64, Option<Waiter>)> {
        let mut wheel = self.wheel.borrow_mut();
        let (_, deadline, waiter) = wheel.pop_due(now, limit)?;
        Some((deadline, waiter.take()))
    }
}

/// Whether the waiter of a referenced timer keeps the loop alive.
fn liveness(tasks: &Tasks, waiter: &Waiter, because_of: &mut dyn FnMut(Key)) -> Liveness {
    let owner = tasks.owner(waiter);
    if let Owner::Task { is_ref: false, .. } = owner {
        waiter.owner().into_iter().for_each(because_of);
    }
    Liveness::of(waiter, owner)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::ready::LoopId;

    /// Arms another timer, which is due at once, whenever one fires.
    struct Rearming<'a> {
        timers: &'a Timers,
        fired: u32,
    }

    impl Deliver for Rearming<'_> {
        fn may_go_on(&self) -> bool {
            assert!(self.fired < 10, "the phase does not end");
            true
        }

        fn deliver(&mut self, _callback: Callback) {
            self.fired += 1;
            self.timers.arm(NOW, Some(no_task()));
        }

        fn deliver_alone(&mut self, _callback: Callback) {}

        fn checkpoint(&mut self) {}

        fn has_pending(&self) -> bool {
            false
        }

        fn is_timer_due(&mut self) -> bool {
            false
        }

        fn defer(&mut self, _callback: Callback) {}

        fn idle(&mut self) {}
    }

    const NOW: u64 = 1_000_000;

    fn no_task() -> Waiter {
        Caller::new(LoopId::next(), Waker::noop()).to_waiter()
    }

    #[test]
    fn a_timer_armed_in_the_phase_fires_in_the_next_even_if_no_time_passes() {
        let timers = Timers::new();
        timers.arm(5, Some(no_task()));
        let mut turn = Rearming {
            timers: &timers,
            fired: 0,
        };

        for phase in 1..=3 {
            timers.run(&mut turn, || NOW);
            assert_eq!(turn.fired, phase);
        }
    }
}
