//! A hierarchical timer wheel: which timer is due next, in an exact order.
//!
//! Tasks arm and cancel timers, the timers phase takes those that are due, and the loop reads the
//! earliest deadline before it waits. Arming and cancelling take constant time. Timers fire in the
//! order (deadline, arming), to the nanosecond.
//!
//! Time is a `u64` of nanoseconds, given by the caller; `u64::MAX` means never. The wheel reads no
//! clock, wakes no task, and does not use the value that it stores with each timer.
//!
//! # How it works
//!
//! The upper 48 bits of a deadline are its *granule*: eight digits of six bits. A timer is on the
//! level of the highest digit in which its granule differs from the wheel's *position*, in the slot
//! with the number of that digit. So all slots of a level come before those of the levels above,
//! and the first occupied slot of the lowest occupied level has the earliest timers. When the time
//! reaches that slot, the position moves into it, and its timers move to lower levels. A timer
//! whose granule the position has reached is *due*: it moves to a heap, which has the exact order.

mod expiry;
mod slab;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;

use slab::{Slab, TimerEntry, TimerState, Unlinked};

pub(crate) use slab::{TimerKey, TimerNode};

/// A granule is 2^16 ns, 65.5 µs. With eight levels of six bits this covers all 64 bits, so no list
/// of far timers is needed, and few timers share a granule and so the heap. Precision does not
/// depend on it.
const GRANULE_BITS: u32 = 16;

/// A level has 64 slots, so that one word has a bit for each of them.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 8;

const _: () = assert!(GRANULE_BITS + LEVEL_BITS * LEVELS as u32 == u64::BITS);

/// Where timers are dense, a loop wakes once in a *stretch* of 16 granules, 2^20 ns or 1.05 ms.
const STRETCH_BITS: u32 = GRANULE_BITS + 4;

/// Timers are dense in a stretch if more of its granules than this have some. To wake takes a loop
/// as long as to fire ten to a hundred timers. A few wake-ups in a millisecond are cheap, and
/// denser timers seldom need microseconds.
const EXACT_WAKES_MAX: u32 = 4;

// All granules of a stretch are on level 0 together.
const _: () = assert!(STRETCH_BITS <= GRANULE_BITS + LEVEL_BITS);

/// The deadline of a timer that never fires.
const NEVER: u64 = u64::MAX;

/// The end of a list.
const NIL: u32 = u32::MAX;

/// Capacity for this many timers, about 50 KB, is kept when the last timer is removed; the rest is
/// freed.
const ROOM_KEPT_MAX: usize = 1024;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    slab: Slab<T>,
    /// One word for each level, with a bit for each slot that has timers.
    occupied: [u64; LEVELS],
    slots: Box<[[TimerList; SLOTS]; LEVELS]>,
    /// Timers whose granule the position has reached, the first on top.
    due: BinaryHeap<Reverse<Due>>,
    /// How many elements of `due` are dead: their timer was cancelled or armed again. The top is
    /// not.
    dead: usize,
    /// The granule that the wheel has reached, at most that of `now`. All slots are later.
    position: u64,
    /// The latest time seen.
    now: u64,
    next_sequence: u64,
    /// Timers that are armed and have neither fired nor been removed.
    waiting: usize,
}

impl<T> Wheel<T> {
    pub(crate) fn new() -> Self {
        Wheel {
            slab: Slab::new(),
            occupied: [0; LEVELS],
            slots: Box::new([[TimerList::EMPTY; SLOTS]; LEVELS]),
            due: BinaryHeap::new(),
            dead: 0,
            position: 0,
            now: 0,
            next_sequence: 0,
            waiting: 0,
        }
    }

    /// Arms a timer. Timers with equal deadlines fire in the order of these calls.
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> TimerKey {
        let index = self.slab.next_index();
        let sequence = self.take_sequence();
        let place = self.place_of(deadline);
        let next = self.enter(place, index, deadline, sequence);
        self.waiting += 1;
        self.slab.occupy(TimerNode {
            deadline,
            sequence,
            previous: NIL,
            next,
            generation: 0,
            place,
            mark: false,
            value,
        })
    }

    #[inline]
    fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }

    /// Arms a timer again under the same key, waiting or fired, as if it had just been inserted.
    /// Returns false if the key is stale.
    pub(crate) fn rearm(&mut self, key: TimerKey, deadline: u64) -> bool {
        let Some(timer) = self.slab.get_mut(key) else {
            return false;
        };
        let left = timer.leave();
        self.leave(key.index, left);
        let timer = self.slab.timer_mut(key.index);
        timer.deadline = deadline;
        timer.sequence = self.next_sequence;
        self.next_sequence += 1;
        self.waiting += 1;
        self.place(key.index);
        true
    }

    /// Removes a timer that has fired. `None` if it still waits, or the key is stale.
    #[inline]
    pub(crate) fn remove_fired(&mut self, key: TimerKey) -> Option<T> {
        self.has_fired(key).then(|| self.remove(key)).flatten()
    }

    /// Removes a timer, fired or not. `None` if the key is stale.
    pub(crate) fn remove(&mut self, key: TimerKey) -> Option<T> {
        let mut timer = self.slab.remove(key)?;
        let left = timer.leave();
        self.leave(key.index, left);
        if self.slab.len == 0 && self.has_excess_capacity() {
            self.give_room_back();
        }
        Some(timer.value)
    }

    #[inline]
    fn has_excess_capacity(&self) -> bool {
        self.slab.entries.len() > ROOM_KEPT_MAX || self.due.capacity() > ROOM_KEPT_MAX
    }

    /// Shrinks the memory to [`ROOM_KEPT_MAX`] timers. Called when no timer is left.
    #[cold]
    fn give_room_back(&mut self) {
        debug_assert_eq!(self.waiting, 0, "a waiting timer has an entry");
        debug_assert!(self.due.is_empty(), "the top of the heap is alive");
        self.slab.give_room_back();
        self.due.shrink_to(ROOM_KEPT_MAX);
    }

    /// The values of all timers, fired or not.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.slab
            .entries
            .into_iter()
            .filter_map(|entry| match entry {
                TimerEntry::Occupied(timer) => Some(timer.value),
                TimerEntry::Vacant { .. } => None,
            })
    }

    /// The value of a timer. `None` if the key is stale.
    pub(crate) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.slab.get_mut(key).map(|timer| &mut timer.value)
    }

    /// Sets or clears the mark of a timer.
    pub(crate) fn set_mark(&mut self, key: TimerKey, mark: bool) {
        if let Some(timer) = self.slab.get_mut(key) {
            timer.mark = mark;
        }
    }

    /// The waiting timers, in the order of entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TimerKey, &TimerNode<T>)> {
        let entries = (0..).zip(&self.slab.entries);
        entries.filter_map(|(index, entry)| match entry {
            TimerEntry::Occupied(timer) if timer.place != TimerState::Fired => {
                let generation = timer.generation;
                Some((TimerKey { index, generation }, timer))
            }
            _ => None,
        })
    }

    /// A waiting timer. `None` if it has fired, or the key is stale.
    pub(crate) fn get(&self, key: TimerKey) -> Option<&TimerNode<T>> {
        let timer = self.slab.get(key);
        timer.filter(|timer| timer.place != TimerState::Fired)
    }

    /// How many timers there are, fired or not.
    #[inline]
    pub(crate) fn entries(&self) -> usize {
        self.slab.len
    }

    /// Whether the timer has fired since it was last armed. False if the key is stale.
    pub(crate) fn has_fired(&self, key: TimerKey) -> bool {
        let timer = self.slab.get(key);
        timer.is_some_and(|timer| timer.place == TimerState::Fired)
    }

    /// How many timers wait, including those that never fire.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// The place of a timer with this deadline, as seen from the position.
    #[inline]
    fn place_of(&self, deadline: u64) -> TimerState {
        let granule = deadline >> GRANULE_BITS;
        if deadline == NEVER {
            TimerState::Never
        } else if granule <= self.position {
            TimerState::Due
        } else {
            TimerState::Level(((granule ^ self.position).ilog2() / LEVEL_BITS) as u8)
        }
    }

    /// Puts a timer into its place, as seen from the position.
    fn place(&mut self, index: u32) {
        let &TimerNode {
            deadline, sequence, ..
        } = self.slab.timer(index);
        let place = self.place_of(deadline);
        let next = self.enter(place, index, deadline, sequence);
        let timer = self.slab.timer_mut(index);
        timer.place = place;
        timer.previous = NIL;
        timer.next = next;
    }

    /// Adds a timer to the slot or heap of its place, but does not write the place into the timer.
    /// Returns the next timer in the slot's list. The new one is the head, since the list needs no
    /// order: the heap has it.
    #[inline]
    fn enter(&mut self, place: TimerState, index: u32, deadline: u64, sequence: u64) -> u32 {
        let level = match place {
            TimerState::Level(level) => usize::from(level),
            TimerState::Due => {
                self.push_due(Due {
                    deadline,
                    sequence,
                    index,
                });
                return NIL;
            }
            TimerState::Never | TimerState::Fired => return NIL,
        };
        let digit = digit_of(deadline, level);
        let slot = &mut self.slots[level][digit];
        slot.earliest = slot.earliest.min(deadline);
        let next = mem::replace(&mut slot.head, index);
        self.occupied[level] |= 1 << digit;
        if next != NIL {
            self.slab.timer_mut(next).previous = index;
        }
        next
    }

    /// Puts a timer into the heap.
    ///
    /// Out of line, as is `discard_dead`, which saves `timer-cancel` 27 instructions of 600.
    #[inline(never)]
    fn push_due(&mut self, due: Due) {
        self.due.push(Reverse(due));
    }

    /// Removes a timer from its place, which [`TimerNode::leave`] has returned.
    #[inline]
    fn leave(&mut self, index: u32, left: Unlinked) {
        match left.place {
            TimerState::Fired => return,
            TimerState::Never => {}
            TimerState::Level(level) => self.unlink(index, usize::from(level), left),
            TimerState::Due => {
                self.dead += 1;
                self.discard_dead();
            }
        }
        self.waiting -= 1;
    }

    /// Removes a timer from its slot.
    #[inline]
    fn unlink(&mut self, index: u32, level: usize, left: Unlinked) {
        let Unlinked { previous, next, .. } = left;
        if next != NIL {
            self.slab.timer_mut(next).previous = previous;
        }
        if previous != NIL {
            self.slab.timer_mut(previous).next = next;
            return;
        }
        let digit = digit_of(left.deadline, level);
        if next != NIL {
            self.slots[level][digit].head = next;
        } else {
            let head = self.take_slot(level, digit);
            debug_assert_eq!(head, index, "the timer was alone in its slot");
        }
    }

    /// Empties a slot and returns the head of its list.
    fn take_slot(&mut self, level: usize, digit: usize) -> u32 {
        self.occupied[level] &= !(1 << digit);
        mem::replace(&mut self.slots[level][digit], TimerList::EMPTY).head
    }
}

/// The digit of a deadline's granule on a level, which is the number of its slot.
fn digit_of(deadline: u64, level: usize) -> usize {
    (deadline >> GRANULE_BITS >> (LEVEL_BITS * level as u32)) as usize % SLOTS
}

/// A list of timers, linked through their entries.
#[derive(Clone, Copy, Debug)]
struct TimerList {
    head: u32,
    /// The earliest deadline that was put in since the slot was empty, also if it was cancelled
    /// since.
    earliest: u64,
}

impl TimerList {
    const EMPTY: TimerList = TimerList {
        head: NIL,
        earliest: NEVER,
    };
}

/// An element of the heap. Its order is that of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    deadline: u64,
    sequence: u64,
    index: u32,
}

#[cfg(test)]
mod tests;
