//! Numbers for the names and spawn sites of tasks, so that a loop can write them as a word.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::Location;
use std::ptr;

use super::now_running::NowRunning;
use crate::identity::Origin;
use crate::primitive;

/// How many numbers are given to tasks with names. Later names are left out of reports.
const NAMES_MAX: usize = 4096;

/// How many spawn sites are found without a search.
const RECENT: usize = 64;

/// A spawn site, and the number of the tasks there that have no name.
type Site = (&'static Location<'static>, u16);

/// The numbers that a loop has given. Zero stands for an unknown origin.
#[derive(Debug, Default)]
pub(super) struct OriginCache {
    recent: Recent,
    known: RefCell<HashMap<Origin, u16>>,
}

#[derive(Debug)]
struct Recent([Cell<Option<Site>>; RECENT]);

impl Default for Recent {
    fn default() -> Self {
        Recent([const { Cell::new(None) }; RECENT])
    }
}

impl OriginCache {
    /// Returns the number of `origin`, which is also that in the table of `now`.
    #[inline]
    pub(super) fn index(&self, now: &NowRunning, origin: Origin) -> u16 {
        let location = origin.location;
        // Locations have an alignment of eight bytes.
        let place = ptr::from_ref(location) as usize / 8 % RECENT;
        match self.recent.0[place].get() {
            Some((known, index)) if ptr::eq(known, location) && origin.name.is_none() => index,
            _ => self.find_index(now, origin, place),
        }
    }

    #[cold]
    fn find_index(&self, now: &NowRunning, origin: Origin, place: usize) -> u16 {
        let location = origin.location;
        let is_named = origin.name.is_some();
        let mut known = self.known.borrow_mut();
        let index = match known.get(&origin) {
            Some(index) => *index,
            None if is_named && known.len() >= NAMES_MAX => {
                drop(known);
                let unnamed = Origin {
                    name: None,
                    location,
                };
                return self.index(now, unnamed);
            }
            None => {
                let mut table = primitive::lock(&now.origins);
                let Ok(index) = u16::try_from(table.len() + 1) else {
                    return 0;
                };
                table.push(origin.clone());
                known.insert(origin, index);
                index
            }
        };
        if !is_named {
            self.recent.0[place].set(Some((location, index)));
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocked::now_running::{Place, PollCause};
    use crate::identity::Name;

    #[test]
    fn each_name_and_site_has_a_number_until_there_are_too_many() {
        let (cache, now) = (OriginCache::default(), NowRunning::default());
        let here = Location::caller();
        let origin = |name: Option<usize>| Origin {
            name: name.map(|number| Name::new(number.to_string())),
            location: here,
        };
        let found = |index| now.origin_at(Place::new(0, 0, PollCause::Queued).with_origin(index));

        let unnamed = cache.index(&now, origin(None));
        let named = cache.index(&now, origin(Some(1)));
        assert_ne!(unnamed, named);
        assert_eq!(cache.index(&now, origin(None)), unnamed);
        assert_eq!(cache.index(&now, origin(Some(1))), named);
        assert_eq!(found(unnamed), Some(origin(None)));
        assert_eq!(found(named), Some(origin(Some(1))));
        assert_eq!(found(0), None);

        for number in 0..NAMES_MAX {
            cache.index(&now, origin(Some(number)));
        }
        assert_eq!(cache.index(&now, origin(Some(NAMES_MAX))), unnamed);
        assert_eq!(primitive::lock(&now.origins).len(), NAMES_MAX);
    }
}
