//! Which timers of a wheel are due, and when the next ones are.

use std::cmp::Reverse;

use super::slab::{TimerKey, TimerState};
use super::{EXACT_WAKES_MAX, GRANULE_BITS, LEVEL_BITS, NIL, SLOTS, STRETCH_BITS, Wheel};

impl<T> Wheel<T> {
    /// The sequence number of the next timer that is armed. It limits a phase to the timers that
    /// were armed before it began.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Fires the first timer in the order (deadline, sequence number) if it is due at `now` and its
    /// sequence number is below `limit`. Returns its key and value, which stay until it is removed.
    ///
    /// If the first timer is not below the limit, no timer behind it is fired. A `now` before the
    /// latest one counts as the latest.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: u64, limit: u64) -> Option<(TimerKey, u64, &mut T)> {
        self.now = self.now.max(now);
        if self.due.is_empty() {
            self.advance();
        }
        let &Reverse(first) = self.due.peek()?;
        if first.deadline > self.now || first.sequence >= limit {
            return None;
        }
        self.due.pop();
        if self.dead > 0 {
            self.discard_dead();
        }
        self.waiting -= 1;
        let index = first.index;
        let timer = self.slab.timer_mut(index);
        debug_assert_eq!(timer.place, TimerState::Due);
        debug_assert_eq!(timer.sequence, first.sequence);
        timer.place = TimerState::Fired;
        let generation = timer.generation;
        Some((
            TimerKey { index, generation },
            first.deadline,
            &mut timer.value,
        ))
    }

    /// The earliest deadline. `None` if no timer waits, apart from those that never fire.
    ///
    /// After a timer was cancelled or armed again it may be too early, but never too late, since a
    /// slot has only the earliest deadline that was put into it. It is exact again after `pop_due`
    /// was called at this time and found nothing. So there is at most one spurious wake-up for a
    /// cancelled timer.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        if let Some(Reverse(first)) = self.due.peek() {
            return Some(first.deadline);
        }
        let (level, digit) = self.first_slot()?;
        Some(self.slots[level][digit].earliest)
    }

    /// The time until which an idle loop may wait: the next deadline or, where timers are dense,
    /// the last nanosecond of that deadline's stretch. Then all timers of the stretch fire
    /// together, each late by less than the stretch. Timers that are due at `now` are not delayed.
    ///
    /// It depends on the waiting timers, on cancelled ones as far as
    /// [`next_deadline`](Self::next_deadline) does, and on the time of the last
    /// [`pop_due`](Self::pop_due), but not on how many due timers were left.
    pub(crate) fn next_wake(&mut self, now: u64) -> Option<u64> {
        // A phase that was ended by its budget may not have reached its time.
        if self.position != self.now >> GRANULE_BITS {
            self.catch_up();
        }
        let first = self.next_deadline()?;
        let is_put_off = first > now && self.wakes_of_stretch(first) > EXACT_WAKES_MAX;
        Some(if is_put_off {
            first | ((1 << STRETCH_BITS) - 1)
        } else {
            first
        })
    }

    /// How often a loop would wake in the stretch of `first`, the next deadline, if it woke for
    /// each granule. Zero if the timers are on higher levels, where granules share a slot.
    fn wakes_of_stretch(&self, first: u64) -> u32 {
        const GRANULES: u32 = 1 << (STRETCH_BITS - GRANULE_BITS);
        let granule = first >> GRANULE_BITS;
        let digit = granule as u32 % SLOTS as u32;
        let start = digit / GRANULES * GRANULES;
        let slots = self.occupied[0] >> start & ((1 << GRANULES) - 1);
        // The timers of the heap are in one granule, unless they are overdue.
        slots.count_ones() + u32::from(!self.due.is_empty())
    }

    #[cold]
    fn catch_up(&mut self) {
        self.advance();
    }

    /// Moves the position to the current time, or until a timer is due.
    #[inline]
    fn advance(&mut self) {
        let target = self.now >> GRANULE_BITS;
        // Timers in the heap are due and come before all slots. While there is one, the position
        // stays: to move it on would only move more timers into the heap, which cancelling makes
        // expensive.
        while self.due.is_empty() {
            let first = self.first_slot();
            let reached = first.filter(|&(level, digit)| self.start_of(level, digit) <= target);
            let Some((level, digit)) = reached else {
                // No slot begins before the target, so no timer changes its level on the way there.
                self.position = target;
                return;
            };
            // The slot's timers move to lower levels, seen from the new position. A jump to the
            // earliest of them passes no timer; a jump to the slot's start would need a round for
            // each level. Not beyond the target: timers that are armed later may still be due
            // before the earliest.
            let earliest = self.slots[level][digit].earliest;
            let position = target.min(earliest >> GRANULE_BITS);
            debug_assert!(
                position > self.position,
                "each round moves forward, so the loop ends"
            );
            self.position = position;
            self.place_anew(level, digit);
        }
    }

    /// Moves the timers of the first slot to their places as seen from a position within the slot.
    /// They stay ahead of all others. Their new slots have no deadlines of cancelled timers, so the
    /// next deadline is exact.
    fn place_anew(&mut self, level: usize, digit: usize) {
        let mut next = self.take_slot(level, digit);
        debug_assert_ne!(next, NIL, "an occupied slot has timers");
        while next != NIL {
            let index = next;
            next = self.slab.timer(index).next;
            self.place(index);
        }
    }

    /// The first slot in time, as level and digit.
    fn first_slot(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// The first granule of a slot: the position's digits above the level, the slot's digit, then
    /// zeros.
    fn start_of(&self, level: usize, digit: usize) -> u64 {
        let shift = LEVEL_BITS * level as u32;
        let above = self.position >> shift >> LEVEL_BITS;
        (above << LEVEL_BITS | digit as u64) << shift
    }

    /// Removes dead elements until the top of the heap is alive, for `next_deadline`, and all of
    /// them once they are the majority, so that arming and cancelling due timers does not use ever
    /// more memory.
    #[inline(never)]
    pub(super) fn discard_dead(&mut self) {
        if self.dead > self.due.len() / 2 {
            self.due.retain(|Reverse(due)| self.slab.is_alive(due));
            self.dead = 0;
        }
        while self.dead > 0
            && let Some(Reverse(first)) = self.due.peek()
            && !self.slab.is_alive(first)
        {
            self.due.pop();
            self.dead -= 1;
        }
    }
}
