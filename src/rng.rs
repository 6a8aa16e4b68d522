//! The seeded random number generator, which decides what the order of events leaves open.
//!
//! It is `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
//! 2014), which has one word of state and accepts any seed. It is not for cryptography.

use std::cell::Cell;

/// A random number generator whose output depends only on its seed.
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

    /// Returns a number below `bound`, which must not be zero. The bias is below 2^-32 for the
    /// small bounds that are used here.
    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Shuffles `items` (Fisher and Yates).
    pub(crate) fn shuffle<T>(&self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Adds `word` to a running hash.
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
    fn a_shuffle_depends_on_the_seed_and_keeps_all_items() {
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
    fn every_order_occurs() {
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
