//! Slots: a slab whose keys carry a generation, so that a key never reaches a later tenant.
//!
//! Everything that belongs to a loop (tasks, sources) lives in such a slab of that loop; what
//! users hold is a key. A key whose slot has been vacated answers nothing.

/// Above this many slots an empty slab gives its memory back.
const ROOM_KEPT_MAX: usize = 1024;

/// The end of the list of free slots.
const NO_SLOT: u32 = u32::MAX;

/// Names one tenancy of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// Names no slot.
    pub(crate) const DANGLING: Key = Key {
        index: NO_SLOT,
        generation: 0,
    };

    /// The number of the slot.
    pub(crate) fn index(self) -> usize {
        self.index as usize
    }

    /// The key as one word, for an atomic or a poller's token.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Key {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// A slab with generations.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
    /// The generation that a new slot starts with: beyond all that were given back with memory.
    first_generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Occupied(T),
    /// Free, with the next free slot.
    Vacant(u32),
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Slots {
            entries: Vec::new(),
            free: NO_SLOT,
            len: 0,
            first_generation: 0,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Occupies a slot with the value that `make` returns for its key.
    #[inline]
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        let index = match self.free {
            NO_SLOT => self.grow(),
            index => index,
        };
        let entry = &mut self.entries[index as usize];
        let State::Vacant(next) = entry.state else {
            unreachable!("the free list names an occupied slot");
        };
        let key = Key {
            index,
            generation: entry.generation,
        };
        entry.state = State::Occupied(make(key));
        self.free = next;
        self.len += 1;
        key
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.insert_with(|_| value)
    }

    /// Appends one vacant slot.
    fn grow(&mut self) -> u32 {
        let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 slots fit in memory");
        assert!(index != NO_SLOT, "a loop holds fewer than 2^32 - 1 things");
        self.entries.push(Entry {
            generation: self.first_generation,
            state: State::Vacant(NO_SLOT),
        });
        index
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.index as usize) {
            Some(Entry {
                generation,
                state: State::Occupied(value),
            }) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index as usize) {
            Some(Entry {
                generation,
                state: State::Occupied(value),
            }) if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// Vacates the slot. A slot at its last generation is retired for good.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let entry = &mut self.entries[key.index as usize];
        let value = match std::mem::replace(&mut entry.state, State::Vacant(NO_SLOT)) {
            State::Occupied(value) => value,
            State::Vacant(_) => unreachable!("the key was just found to be live"),
        };
        self.len -= 1;
        if let Some(next) = entry.generation.checked_add(1) {
            entry.generation = next;
            entry.state = State::Vacant(self.free);
            self.free = key.index;
        }
        self.shrink_if_empty();
        Some(value)
    }

    /// Gives the memory of a past burst back when nothing is left.
    fn shrink_if_empty(&mut self) {
        if self.len > 0 || self.entries.len() <= ROOM_KEPT_MAX {
            return;
        }
        let highest = self.entries.iter().map(|entry| entry.generation).max();
        let Some(first_generation) = highest.and_then(|highest| highest.checked_add(1)) else {
            return;
        };
        self.first_generation = first_generation;
        self.entries = Vec::new();
        self.free = NO_SLOT;
    }

    /// All live values, in slot order.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let entries = self.entries.iter_mut();
        entries.filter_map(|entry| match &mut entry.state {
            State::Occupied(value) => Some(value),
            State::Vacant(_) => None,
        })
    }

    /// All live keys and values, in slot order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.iter_from(0)
    }

    /// The same, from slot `first` on and round to it.
    pub(crate) fn iter_from(&self, first: usize) -> impl Iterator<Item = (Key, &T)> {
        let (before, after) = self.entries.split_at(first.min(self.entries.len()));
        let numbered = (first..).zip(after).chain((0..).zip(before));
        numbered.filter_map(|(index, entry)| match &entry.state {
            State::Occupied(value) => Some((
                Key {
                    index: index as u32,
                    generation: entry.generation,
                },
                value,
            )),
            State::Vacant(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_reaches_a_later_tenant() {
        let mut slots = Slots::new();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));

        let second = slots.insert('b');

        assert_eq!(second.index, first.index, "the slot is reused");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
    }

    #[test]
    fn a_slot_at_its_last_generation_is_retired() {
        let mut slots = Slots::new();
        let key = slots.insert(1);
        slots.entries[0].generation = u32::MAX;
        let last = Key {
            generation: u32::MAX,
            ..key
        };
        assert_eq!(slots.remove(last), Some(1));

        let next = slots.insert(2);

        assert_ne!(next.index, last.index);
        assert_eq!(slots.get(last), None);
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn memory_of_a_burst_is_given_back_and_old_keys_stay_stale() {
        let mut slots = Slots::new();
        let keys: Vec<Key> = (0..ROOM_KEPT_MAX + 1).map(|i| slots.insert(i)).collect();
        for &key in &keys {
            slots.remove(key);
        }
        assert_eq!(slots.entries.capacity(), 0);

        let fresh = slots.insert(7);

        assert!(keys.iter().all(|&key| slots.get(key).is_none()));
        assert_eq!(slots.get(fresh), Some(&7));
    }

    #[test]
    fn a_key_survives_the_way_through_one_word() {
        let key = Key {
            index: 7,
            generation: u32::MAX,
        };
        assert_eq!(Key::from_bits(key.to_bits()), key);
    }
}
