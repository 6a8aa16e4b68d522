//! Slots: a slab whose keys carry a generation, so that a key never reaches the next owner of its
//! slot.
//!
//! The tasks and sources of a loop are in such slabs; handles hold keys. The key of a slot that was
//! freed finds nothing.

use std::cmp;
use std::fmt;

/// An empty slab with more slots than this frees its memory.
const ROOM_KEPT_MAX: usize = 1024;

/// The end of the list of free slots.
const NO_SLOT: u32 = u32::MAX;

/// Marks a slot that is not in the list of free slots: it is occupied.
const IN_USE: u32 = u32::MAX - 1;

/// Identifies one value in one slot: the generation in the upper half, the index in the lower one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

impl Key {
    /// The key of no slot.
    pub(crate) const DANGLING: Key = Key::new(NO_SLOT, 0);

    #[inline]
    const fn new(index: u32, generation: u32) -> Self {
        Key((generation as u64) << 32 | index as u64)
    }

    /// The index of the slot.
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as u32 as usize
    }

    #[inline]
    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The key as one word, for an atomic or a poller's token.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Key(bits)
    }
}

/// Keys are ordered by index.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        let order = |key: &Key| (key.index(), key.generation());
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("index", &self.index())
            .field("generation", &self.generation())
            .finish()
    }
}

/// Returns the keys in the order of the numbers beside them.
pub(crate) fn in_order(numbered: impl Iterator<Item = (u64, Key)>) -> Vec<Key> {
    let mut numbered: Vec<(u64, Key)> = numbered.collect();
    numbered.sort_unstable();
    numbered.into_iter().map(|(_, key)| key).collect()
}

/// A slab with generations.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    entries: Vec<SlotEntry<T>>,
    free: u32,
    len: usize,
    /// The first generation of a new slot: above all generations of slots that were freed.
    first_generation: u32,
}

#[derive(Debug)]
struct SlotEntry<T> {
    /// The generation of the value or, in a vacant slot, of the next value, so that no key matches.
    generation: u32,
    /// The next free slot, or `IN_USE`.
    next: u32,
    /// Present while the slot is occupied. [`vacate`](Slots::vacate) leaves it for the next owner.
    value: Option<T>,
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

    /// Occupies a slot with a value.
    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.insert_with(|_| value)
    }

    /// Occupies a slot with the value that `make` returns for its key.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        let (key, entry) = self.take_free();
        entry.value = Some(make(key));
        key
    }

    /// Occupies a slot. Its value is the one that [`vacate`](Slots::vacate) left there, or else the
    /// one that `make` returns.
    #[inline]
    pub(crate) fn occupy(&mut self, make: impl FnOnce() -> T) -> (Key, &mut T) {
        let (key, entry) = self.take_free();
        (key, entry.value.get_or_insert_with(make))
    }

    #[inline]
    fn take_free(&mut self) -> (Key, &mut SlotEntry<T>) {
        if self.free == NO_SLOT {
            self.grow();
        }
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        self.free = entry.next;
        entry.next = IN_USE;
        self.len += 1;
        let generation = entry.generation;
        (Key::new(index, generation), entry)
    }

    /// Appends a vacant slot.
    #[cold]
    fn grow(&mut self) {
        let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 slots fit in memory");
        assert!(index < IN_USE, "a slab has fewer than 2^32 - 2 slots");
        self.entries.push(SlotEntry {
            generation: self.first_generation,
            next: self.free,
            value: None,
        });
        self.free = index;
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let entry = self.entries.get(key.index())?;
        if entry.generation != key.generation() {
            return None;
        }
        entry.value.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index())?;
        if entry.generation != key.generation() {
            return None;
        }
        entry.value.as_mut()
    }

    /// Frees the slot and returns its value.
    #[inline]
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let value = self.entries[key.index()].value.take();
        self.release(key);
        value
    }

    /// Frees the slot and leaves the value there for the next owner.
    #[inline]
    pub(crate) fn vacate(&mut self, key: Key) {
        if self.get(key).is_some() {
            self.release(key);
        }
    }

    /// Adds a slot to the free list. A slot at its last generation is never used again.
    #[inline]
    fn release(&mut self, key: Key) {
        let entry = &mut self.entries[key.index()];
        self.len -= 1;
        match entry.generation.checked_add(1) {
            Some(next) => {
                entry.generation = next;
                entry.next = self.free;
                self.free = key.index() as u32;
            }
            None => {
                entry.next = NO_SLOT;
                entry.value = None;
            }
        }
        if self.len == 0 {
            self.shrink();
        }
    }

    /// Frees the memory of a past burst when the slab is empty.
    fn shrink(&mut self) {
        if self.entries.len() <= ROOM_KEPT_MAX {
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

    /// The values of occupied slots, in slot order.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let live = self.entries.iter_mut().filter(|entry| entry.is_in_use());
        live.filter_map(|entry| entry.value.as_mut())
    }

    /// The keys and values of occupied slots, in slot order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let live = (0..)
            .zip(&self.entries)
            .filter(|(_, entry)| entry.is_in_use());
        live.filter_map(|(index, entry)| {
            let generation = entry.generation;
            Some((Key::new(index, generation), entry.value.as_ref()?))
        })
    }
}

impl<T> SlotEntry<T> {
    fn is_in_use(&self) -> bool {
        self.next == IN_USE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_reaches_the_next_owner_of_its_slot() {
        let mut slots = Slots::new();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));

        let second = slots.insert('b');

        assert_eq!(second.index(), first.index(), "the slot is reused");
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
    }

    #[test]
    fn a_slot_at_its_last_generation_is_retired() {
        let mut slots = Slots::new();
        let key = slots.insert(1);
        slots.entries[0].generation = u32::MAX;
        let last = Key::new(key.index() as u32, u32::MAX);
        assert_eq!(slots.remove(last), Some(1));

        let next = slots.insert(2);

        assert_ne!(next.index(), last.index());
        assert_eq!(slots.get(last), None);
        assert_eq!(slots.len(), 1);
    }

    #[test]
    fn memory_of_a_burst_is_freed_and_old_keys_stay_stale() {
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
    fn a_value_that_vacate_leaves_is_reused_under_another_key() {
        let mut slots = Slots::new();
        let (first, value) = slots.occupy(|| vec![1]);
        value.push(2);
        slots.vacate(first);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.iter().count(), 0);
        assert_eq!(slots.values_mut().count(), 0);
        assert_eq!(slots.len(), 0);
        slots.vacate(first);
        assert_eq!(slots.remove(first), None);

        let (second, value) = slots.occupy(|| unreachable!("the slot has a value"));

        assert_eq!(value, &[1, 2]);
        assert_ne!(second, first);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(second), Some(vec![1, 2]));
        assert_eq!(slots.occupy(Vec::new).1, &[] as &[i32]);
    }

    #[test]
    fn a_value_left_in_a_retired_slot_is_dropped() {
        let value = std::rc::Rc::new(());
        let mut slots = Slots::new();
        let (key, _) = slots.occupy(|| std::rc::Rc::clone(&value));
        slots.entries[0].generation = u32::MAX;
        slots.vacate(Key::new(key.index() as u32, u32::MAX));
        assert_eq!(std::rc::Rc::strong_count(&value), 1);
    }

    #[test]
    fn keys_are_ordered_by_index() {
        let keys = [(3, 9), (4, 0), (4, u32::MAX)].map(|(index, generation)| {
            let key = Key::new(index, generation);
            assert_eq!(
                (key.index(), key.generation()),
                (index as usize, generation)
            );
            key
        });
        assert!(keys.is_sorted());
    }
}
