//! Entries under numbers that only grow.

use std::collections::VecDeque;

/// How many removed entries a queue may keep besides as many as it has entries.
const REMOVED_MAX: usize = 32;

/// A FIFO whose entries can be found and removed by the number that [`push`](Numbered::push) has
/// returned. All that takes constant time, or that of a binary search, on average.
///
/// A `BTreeMap` would do, but each type of map is a lot of code to compile.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    /// In the order of their numbers. The first one is present.
    entries: VecDeque<(u64, Option<T>)>,
    /// How many of them are present.
    len: usize,
    next: u64,
}

impl<T> Numbered<T> {
    pub(crate) const fn new() -> Self {
        Numbered {
            entries: VecDeque::new(),
            len: 0,
            next: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry at the end, and returns its number.
    pub(crate) fn push(&mut self, entry: T) -> u64 {
        let number = self.next;
        self.next += 1;
        self.entries.push_back((number, Some(entry)));
        self.len += 1;
        number
    }

    /// Takes the first entry.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let number = self.entries.front()?.0;
        self.remove(number)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let index = self.find(number)?;
        self.entries[index].1.as_mut()
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let index = self.find(number)?;
        let removed = self.entries[index].1.take()?;
        self.len -= 1;
        while matches!(self.entries.front(), Some((_, None))) {
            self.entries.pop_front();
        }
        if self.entries.len() > 2 * self.len + REMOVED_MAX {
            self.entries.retain(|(_, entry)| entry.is_some());
        }
        Some(removed)
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.entries
            .binary_search_by(|(other, _)| other.cmp(&number))
            .ok()
    }

    /// Iterates over the entries, from first to last.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries
            .iter_mut()
            .filter_map(|(_, entry)| entry.as_mut())
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_is_a_map_with_growing_keys() {
        for seed in 0..20 {
            let mut state: u64 = seed;
            let mut below = |end: u64| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 33) % end
            };
            let mut numbered = Numbered::new();
            let mut map = BTreeMap::new();
            for step in 0..2000 {
                let number = below(step + 1);
                match below(5) {
                    0 | 1 => {
                        map.insert(numbered.push(step), step);
                    }
                    2 => assert_eq!(numbered.remove(number), map.remove(&number)),
                    3 => assert_eq!(numbered.get_mut(number), map.get_mut(&number)),
                    _ => assert_eq!(numbered.pop(), map.pop_first().map(|(_, entry)| entry)),
                }
                assert_eq!(numbered.is_empty(), map.is_empty());
                assert!(numbered.iter_mut().eq(map.values_mut()));
                assert!(numbered.entries.len() <= 2 * map.len() + REMOVED_MAX);
            }
        }
    }
}
