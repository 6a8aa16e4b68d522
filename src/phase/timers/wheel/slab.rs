//! The timers of a wheel, by key.
//!
//! A slab like [`Slots`](crate::slots::Slots), with two differences: entries are linked to lists by
//! their index, and the generation shares a word with other fields of the timer, so that an entry
//! with a waker takes 48 bytes.

use std::mem;

use super::{Due, NIL, ROOM_KEPT_MAX};

/// The generation of a vacant entry that is not used again.
pub(super) const RETIRED: u32 = u32::MAX;

/// Identifies a timer until it is removed. A stale key never finds a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerKey {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl TimerKey {
    /// The key as one word.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        TimerKey {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

#[derive(Debug)]
pub(crate) struct TimerNode<T> {
    pub(crate) deadline: u64,
    pub(super) sequence: u64,
    /// The neighbours in a slot's list; unused in other places.
    pub(super) previous: u32,
    pub(super) next: u32,
    pub(super) generation: u32,
    pub(super) place: TimerState,
    /// A mark for the owner of the wheel.
    pub(crate) mark: bool,
    pub(crate) value: T,
}

/// The place and the neighbours that a timer had.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unlinked {
    pub(super) place: TimerState,
    pub(super) deadline: u64,
    pub(super) previous: u32,
    pub(super) next: u32,
}

impl<T> TimerNode<T> {
    /// Sets its place to fired, and returns the former place.
    #[inline]
    pub(super) fn leave(&mut self) -> Unlinked {
        Unlinked {
            place: mem::replace(&mut self.place, TimerState::Fired),
            deadline: self.deadline,
            previous: self.previous,
            next: self.next,
        }
    }
}

/// The place of a timer.
///
/// ```text
///          ┌──► Never
///  1 arm   │                      2 place_anew: to a lower level
///  ────────┼──► Level ◄────────┐
///    ▲     │      │ └──────────┘
///    │     │      │ 3 place_anew: its granule is reached
///    │     │      ▼
///    │     └──► Due ──── 4 pop_due ────► Fired
///    │                                     │
///    └─────────────────────────────────────┘   5 leave: from any place to Fired
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerState {
    /// Armed, but never fires; in no list.
    Never,
    /// In a slot of this level.
    Level(u8),
    /// In the heap.
    Due,
    /// Fired, or about to be armed or removed.
    Fired,
}

/// The timers by key.
#[derive(Debug)]
pub(super) struct Slab<T> {
    pub(super) entries: Vec<TimerEntry<T>>,
    /// The head of the list of vacant entries.
    pub(super) free: u32,
    pub(super) len: usize,
    /// The first generation of a new entry: above those of all entries that were freed.
    pub(super) first_generation: u32,
}

/// A timer or a vacant entry. The tag is an unused value of [`TimerState`] and takes no space.
#[derive(Debug)]
pub(super) enum TimerEntry<T> {
    /// The generation is that of the next timer.
    Vacant {
        generation: u32,
        next: u32,
    },
    Occupied(TimerNode<T>),
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Slab {
            entries: Vec::new(),
            free: NIL,
            len: 0,
            first_generation: 0,
        }
    }

    /// The entry that [`occupy`](Slab::occupy) will take.
    #[inline]
    pub(super) fn next_index(&mut self) -> u32 {
        if self.free == NIL {
            self.grow();
        }
        self.free
    }

    /// Occupies the entry of [`next_index`](Slab::next_index), and gives the timer its generation.
    #[inline]
    pub(super) fn occupy(&mut self, mut timer: TimerNode<T>) -> TimerKey {
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        let &mut TimerEntry::Vacant { generation, next } = entry else {
            unreachable!("the free list has only vacant entries");
        };
        timer.generation = generation;
        *entry = TimerEntry::Occupied(timer);
        self.free = next;
        self.len += 1;
        TimerKey { index, generation }
    }

    /// Adds a vacant entry, which is taken next.
    #[cold]
    pub(super) fn grow(&mut self) {
        let index = u32::try_from(self.entries.len()).unwrap_or(NIL);
        assert!(index != NIL, "a loop has fewer than 2^32 - 1 timers");
        self.entries.push(TimerEntry::Vacant {
            generation: self.first_generation,
            next: NIL,
        });
        self.free = index;
    }

    /// Removes a timer. `None` if the key is stale.
    #[inline]
    pub(super) fn remove(&mut self, key: TimerKey) -> Option<TimerNode<T>> {
        self.get(key)?;
        match self.vacate(key.index, key.generation + 1) {
            TimerEntry::Occupied(timer) => {
                self.len -= 1;
                Some(timer)
            }
            TimerEntry::Vacant { .. } => unreachable!("`get` has found it"),
        }
    }

    /// Makes an entry vacant, and free unless it is retired. Returns its contents.
    #[inline]
    pub(super) fn vacate(&mut self, index: u32, generation: u32) -> TimerEntry<T> {
        let next = match generation {
            RETIRED => NIL,
            _ => mem::replace(&mut self.free, index),
        };
        let vacant = TimerEntry::Vacant { generation, next };
        mem::replace(&mut self.entries[index as usize], vacant)
    }

    /// Frees the entries beyond [`ROOM_KEPT_MAX`] when all are vacant. Not if one of them is
    /// retired, since no generation comes after its own.
    pub(super) fn give_room_back(&mut self) {
        debug_assert_eq!(self.len, 0);
        let beyond = self.entries.iter().skip(ROOM_KEPT_MAX);
        let highest = beyond.map(TimerEntry::generation).max();
        let Some(highest) = highest.filter(|&highest| highest != RETIRED) else {
            return;
        };
        debug_assert!(highest >= self.first_generation);
        self.first_generation = highest;
        self.entries.truncate(ROOM_KEPT_MAX);
        self.entries.shrink_to_fit();
        self.free = NIL;
        for index in (0..ROOM_KEPT_MAX).rev() {
            let generation = self.entries[index].generation();
            self.vacate(index as u32, generation);
        }
    }

    /// The timer of a key. `None` if the key is stale.
    #[inline]
    pub(super) fn get(&self, key: TimerKey) -> Option<&TimerNode<T>> {
        match self.entries.get(key.index as usize) {
            Some(TimerEntry::Occupied(timer)) if timer.generation == key.generation => Some(timer),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: TimerKey) -> Option<&mut TimerNode<T>> {
        match self.entries.get_mut(key.index as usize) {
            Some(TimerEntry::Occupied(timer)) if timer.generation == key.generation => Some(timer),
            _ => None,
        }
    }

    /// Whether the timer of a heap element is still due in that element's order.
    pub(super) fn is_alive(&self, due: &Due) -> bool {
        let entry = self.entries.get(due.index as usize);
        matches!(entry, Some(TimerEntry::Occupied(timer))
            if timer.sequence == due.sequence && timer.place == TimerState::Due)
    }

    pub(super) fn timer(&self, index: u32) -> &TimerNode<T> {
        match &self.entries[index as usize] {
            TimerEntry::Occupied(timer) => timer,
            TimerEntry::Vacant { .. } => unreachable!("keys and lists refer to occupied entries"),
        }
    }

    pub(super) fn timer_mut(&mut self, index: u32) -> &mut TimerNode<T> {
        match &mut self.entries[index as usize] {
            TimerEntry::Occupied(timer) => timer,
            TimerEntry::Vacant { .. } => unreachable!("keys and lists refer to occupied entries"),
        }
    }
}

impl<T> TimerEntry<T> {
    pub(super) fn generation(&self) -> u32 {
        match self {
            TimerEntry::Vacant { generation, .. } => *generation,
            TimerEntry::Occupied(timer) => timer.generation,
        }
    }
}
