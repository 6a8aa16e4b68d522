//! Seeded chance: what decides the order of items that the contract leaves open.
//!
//! The generator is `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number
//! generators", 2014): one word of state, and any seed is as good as another. It keeps no secrets.

use std::cell::Cell;

/// Throws that repeat with their seed.
#[derive(Debug)]
pub(crate) struct Rng {
    state: Cell<u64>,
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Rng {
            state: Cell::new(seed),
        }
    }

    /// A seed with which the sequence continues.
    pub(crate) fn into_seed(self) -> u64 {
        self.state.get()
    }

    fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        mix(state)
    }

    /// A number below `bound`, which is not zero. The bias is below 2^-32 for the small numbers
    /// asked for here.
    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Puts `items` into any order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Folds `word` into a running hash of what has happened.
pub(crate) fn fold(hash: u64, word: u64) -> u64 {
    mix(hash.rotate_left(5) ^ word)
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_repeat_with_their_seed_and_shuffles_lose_nothing() {
        let shuffled = |seed| {
            let rng = Rng::new(seed);
            let mut items: Vec<u32> = (0..20).collect();
            rng.shuffle(&mut items);
            items
        };

        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn all_orders_come_up() {
        let rng = Rng::new(1);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mut items = [0, 1, 2, 3];
            rng.shuffle(&mut items);
            seen.insert(items);
        }
        assert_eq!(seen.len(), 24);
    }
}
