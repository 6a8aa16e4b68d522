//! The names and spawn sites of tasks, where a watcher finds them.
//!
//! Before each poll, a loop writes the id of the task and the address of its spawn site. What
//! stands at that address the watcher looks up here: spawn sites are added when a task is first
//! spawned there, and stay. A name is added by its task, and removed with it.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::sync::{Arc, Mutex};

use super::now_running::NowRunning;
use crate::identity::{Name, Origin};
use crate::primitive;

/// How many spawn sites a loop recognizes without a lock, at most.
const SITES_RECOGNIZED: usize = 512;

/// What a watcher knows.
#[derive(Debug, Default)]
pub(super) struct KnownOrigins {
    /// In the order of their addresses.
    sites: Mutex<Vec<&'static Location<'static>>>,
    /// By the ids of the tasks.
    names: Mutex<HashMap<u64, Name>>,
}

impl KnownOrigins {
    pub(super) fn find(&self, task: u64, site: usize) -> Option<Origin> {
        let sites = primitive::lock(&self.sites);
        let location = sites[find_site(&sites, site).ok()?];
        drop(sites);
        let name = primitive::lock(&self.names).get(&task).cloned();
        Some(Origin { name, location })
    }
}

/// Finds the spawn site at an address, or else where it belongs.
fn find_site(sites: &[&'static Location<'static>], site: usize) -> Result<usize, usize> {
    sites.binary_search_by(|location| address(location).cmp(&site))
}

/// The address of a spawn site.
#[inline]
pub(super) fn address(location: &'static Location<'static>) -> usize {
    ptr::from_ref(location) as usize
}

/// Adds what the tasks of a watched loop have. It stays on the loop's thread.
pub(crate) struct OriginRecorder {
    /// Addresses of spawn sites that were added.
    recognized: Box<[Cell<usize>; SITES_RECOGNIZED]>,
    now: Arc<NowRunning>,
}

impl OriginRecorder {
    pub(super) fn new(now: Arc<NowRunning>) -> Self {
        OriginRecorder {
            recognized: Box::new([const { Cell::new(0) }; SITES_RECOGNIZED]),
            now,
        }
    }

    /// A task is spawned here.
    #[inline]
    pub(crate) fn add_site(&self, location: &'static Location<'static>) {
        let address = address(location);
        if self.entry(address).get() != address {
            self.add_unrecognized(location);
        }
    }

    /// Where an address may be. Locations have an alignment of eight bytes.
    #[inline]
    fn entry(&self, address: usize) -> &Cell<usize> {
        &self.recognized[address / 8 % SITES_RECOGNIZED]
    }

    #[cold]
    fn add_unrecognized(&self, location: &'static Location<'static>) {
        let address = address(location);
        let mut sites = primitive::lock(&self.now.origins.sites);
        if let Err(place) = find_site(&sites, address) {
            sites.insert(place, location);
        }
        drop(sites);
        self.entry(address).set(address);
    }

    /// The task `id` has this name, until the result is dropped.
    #[cold]
    pub(crate) fn add_name(&self, id: u64, name: &Name) -> KnownName {
        primitive::lock(&self.now.origins.names).insert(id, name.clone());
        KnownName {
            id,
            now: Arc::clone(&self.now),
        }
    }
}

impl fmt::Debug for OriginRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginRecorder").finish_non_exhaustive()
    }
}

/// A name that a watcher knows.
#[derive(Debug)]
pub(crate) struct KnownName {
    id: u64,
    now: Arc<NowRunning>,
}

impl Drop for KnownName {
    fn drop(&mut self) {
        let name = primitive::lock(&self.now.origins.names).remove(&self.id);
        debug_assert!(name.is_some(), "it was added once");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_known_from_the_first_spawn_and_names_until_their_tasks_end() {
        let now = Arc::new(NowRunning::default());
        let recorder = OriginRecorder::new(Arc::clone(&now));
        let (one, other) = (Location::caller(), other_location());
        let find = |task, location| now.origins.find(task, address(location));
        assert_eq!(find(1, one), None);

        // The second time it is recognized.
        for _ in 0..2 {
            recorder.add_site(one);
        }
        let origin = |name, location| Some(Origin { name, location });
        assert_eq!(find(1, one), origin(None, one));
        assert_eq!(find(1, other), None);
        recorder.add_site(other);
        assert_eq!(find(1, other), origin(None, other));
        assert_eq!(primitive::lock(&now.origins.sites).len(), 2);

        let name = Name::new("a".to_owned());
        let known = recorder.add_name(1, &name);
        assert_eq!(find(1, one), origin(Some(name), one));
        assert_eq!(find(2, one), origin(None, one));
        drop(known);
        assert_eq!(find(1, one), origin(None, one));
    }

    fn other_location() -> &'static Location<'static> {
        Location::caller()
    }

    #[test]
    fn sites_with_one_entry_are_both_known() {
        let now = Arc::new(NowRunning::default());
        let recorder = OriginRecorder::new(Arc::clone(&now));
        // As if it was there.
        let here = Location::caller();
        recorder.entry(address(here)).set(1);
        recorder.add_site(here);
        assert!(now.origins.find(1, address(here)).is_some());
        assert_eq!(recorder.entry(address(here)).get(), address(here));
    }
}
