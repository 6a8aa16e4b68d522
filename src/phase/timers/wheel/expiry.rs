//! Which timers of a wheel are due, and when the next ones are.

use std::cmp::Reverse;

use super::slab::{TimerKey, TimerState};
use super::{EXACT_WAKES_MAX, GRANULE_BITS, LEVEL_BITS, NIL, SLOTS, STRETCH_BITS, Wheel};

impl<T> Wheel<T> {
    /// The sequence number that the next timer to be armed will get: the limit that keeps a phase
    /// to what was there when it began.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Takes the first timer in the order of (deadline, sequence number) if it is due at `now` and
    /// was armed before `limit`. It has fired then; its entry and value stay until it is removed.
    ///
    /// A first timer at or above the limit hides those behind it. A `now` that goes back counts as
    /// the latest one.
    #[inline]
    pub(crate) fn pop_due(&mut self, now: u64, limit: u64) -> Option<TimerKey> {
        self.now = self.now.max(now);
        self.advance();
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
        Some(TimerKey { index, generation })
    }

    /// The earliest deadline of the timers that wait. `None` if none does, or only such as never
    /// fire.
    ///
    /// After a timer was cancelled or re-armed it may be too early, never too late: a slot only
    /// remembers the earliest deadline put into it. It is exact again when `pop_due` was called at
    /// the time given here and found nothing, so a loop is woken in vain once, not again and again.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        if let Some(Reverse(first)) = self.due.peek() {
            return Some(first.deadline);
        }
        let (level, digit) = self.first_slot()?;
        Some(self.slots[level][digit].earliest)
    }

    /// Until when a loop may sleep that has nothing else to do: the next deadline or, where timers are
    /// many, the last nanosecond of that deadline's stretch. Then all of the stretch fire together,
    /// each late by less than the stretch. What is due at `now` is not put off.
    ///
    /// It depends on the timers that wait, on those that were cancelled as far as
    /// [`next_deadline`](Self::next_deadline) does, and on the time of the last
    /// [`pop_due`](Self::pop_due); not on how many that call left behind.
    pub(crate) fn next_wake(&mut self, now: u64) -> Option<u64> {
        // A phase that ended by its budget may have stopped short of its time.
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

    /// How often a loop would wake in the stretch of `first`, the next deadline, if it met the timers of
    /// each granule exactly. None, if they stand on higher levels: those are not yet told apart.
    fn wakes_of_stretch(&self, first: u64) -> u32 {
        const GRANULES: u32 = 1 << (STRETCH_BITS - GRANULE_BITS);
        let granule = first >> GRANULE_BITS;
        let digit = granule as u32 % SLOTS as u32;
        let start = digit / GRANULES * GRANULES;
        let slots = self.occupied[0] >> start & ((1 << GRANULES) - 1);
        // The heap's timers are of one granule, unless they are overdue.
        slots.count_ones() + u32::from(!self.due.is_empty())
    }

    #[cold]
    #[inline(never)]
    fn catch_up(&mut self) {
        self.advance();
    }

    /// Moves the position on, to the current time or until something is due. In line, for firing is
    /// what it is for: out of line it costs a sleep 3 % more.
    #[inline(always)]
    fn advance(&mut self) {
        let target = self.now >> GRANULE_BITS;
        while self.due.is_empty() {
            let first = self.first_slot();
            let reached = first.filter(|&(level, digit)| self.start_of(level, digit) <= target);
            let Some((level, digit)) = reached else {
                self.position = target;
                return;
            };
            // No timer of the slot is before its earliest, so there is nothing to step through.
            let earliest = self.slots[level][digit].earliest;
            let position = target.min(earliest >> GRANULE_BITS);
            debug_assert!(position > self.position, "forward, so this comes to an end");
            self.position = position;
            self.place_anew(level, digit);
        }
    }

    /// Places the timers of the first slot as seen from a position within it. They stay ahead of
    /// all others, now in slots that remember no cancelled one: the next deadline is exact.
    fn place_anew(&mut self, level: usize, digit: usize) {
        let mut next = self.take_slot(level, digit);
        debug_assert_ne!(next, NIL, "an occupied slot has timers");
        while next != NIL {
            let index = next;
            next = self.slab.timer(index).next;
            self.place(index);
        }
    }

    /// The slot that comes first in time, as level and digit.
    fn first_slot(&self) -> Option<(usize, usize)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        Some((level, self.occupied[level].trailing_zeros() as usize))
    }

    /// The first granule of a slot: the position's digits above the level, the slot's own, zeros.
    fn start_of(&self, level: usize, digit: usize) -> u64 {
        let shift = LEVEL_BITS * level as u32;
        let above = self.position >> shift >> LEVEL_BITS;
        (above << LEVEL_BITS | digit as u64) << shift
    }

    /// Keeps the top of the heap alive, for `next_deadline`, and the dead no more than the living,
    /// so that arming and cancelling what is due does not take ever more memory.
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
