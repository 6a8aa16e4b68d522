//! Of other processors no numbers are known.

pub(super) const NUMBERS: &[(u64, &str)] = &[];
