//! What is left at the deadline of a graceful end.

use std::fmt;
use std::panic::Location;
use std::ptr;
use std::time::Duration;

use super::{CancellationToken, TaskTracker};
use crate::time::timeout;

/// Numbers of tasks, by the place where they were spawned.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpawnSites {
    /// Each place, and its number of tasks. A place stays here without tasks, so that its index
    /// remains valid.
    sites: Vec<(&'static Location<'static>, usize)>,
    total: usize,
}

impl SpawnSites {
    /// Adds a task, and returns the index of its place.
    pub(super) fn add(&mut self, location: &'static Location<'static>) -> usize {
        self.total += 1;
        // The compiler may make several locations of one place. That is found out in `by_place`.
        let mut sites = self.sites.iter_mut();
        match sites.position(|(known, _)| ptr::eq(*known, location)) {
            Some(index) => {
                self.sites[index].1 += 1;
                index
            }
            None => {
                self.sites.push((location, 1));
                self.sites.len() - 1
            }
        }
    }

    /// Removes a task of the place with this index.
    pub(super) fn remove(&mut self, index: usize) {
        self.sites[index].1 -= 1;
        self.total -= 1;
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// The places that have tasks, ordered by file, line and column.
    #[inline]
    fn by_place(self) -> Vec<(&'static Location<'static>, usize)> {
        let mut sites = self.sites;
        sites.sort_unstable_by_key(|(location, _)| *location);
        sites.dedup_by(|(location, tasks), (kept, all)| {
            let is_same = location == kept;
            if is_same {
                *all += *tasks;
            }
            is_same
        });
        sites.retain(|(_, tasks)| *tasks > 0);
        sites
    }
}

/// How a graceful end went: which tasks had not ended at the deadline. [`TaskTracker::drain`] and a
/// [server](mod@crate::serve) return it.
///
/// It is displayed as a list by spawn site:
///
/// ```text
/// 3 tasks have not ended: 2 spawned at src/main.rs:10:5, 1 spawned at src/jobs.rs:4:9
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    left: Vec<(&'static Location<'static>, usize)>,
}

impl Drained {
    /// `left` tasks that were spawned at one place had not ended.
    pub(crate) fn at_one_site(location: &'static Location<'static>, left: usize) -> Self {
        Drained {
            left: Vec::from_iter((left > 0).then_some((location, left))),
        }
    }

    /// Returns whether all tasks had ended.
    pub fn is_complete(&self) -> bool {
        self.left.is_empty()
    }

    /// Returns the number of tasks that had not ended.
    pub fn unfinished(&self) -> usize {
        self.left.iter().map(|(_, tasks)| tasks).sum()
    }

    /// Returns where the tasks that had not ended were spawned, ordered by file, line and column,
    /// and their number there.
    pub fn spawn_sites(&self) -> &[(&'static Location<'static>, usize)] {
        &self.left
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unfinished() {
            0 => return f.write_str("all tasks have ended"),
            1 => f.write_str("1 task has not ended: ")?,
            tasks => write!(f, "{tasks} tasks have not ended: ")?,
        }
        for (index, (location, tasks)) in self.left.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{tasks} spawned at {location}")?;
        }
        Ok(())
    }
}

impl TaskTracker {
    /// Ends all tracked tasks gracefully: cancels `token`, closes the tracker, and waits for the
    /// tasks to end, but not longer than `patience`.
    ///
    /// Tasks that have not ended by then are left as they are, and the result lists them by the
    /// place where they were spawned. Usually the program ends then, and its runtime cancels them.
    ///
    /// # Cancel safety
    ///
    /// The token has been cancelled and the tracker closed when the future was first polled. If it
    /// is dropped after that, only the wait ends.
    ///
    /// # Panics
    ///
    /// If it is polled outside of a runtime, which has the timer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use quintet::task::{CancellationToken, TaskTracker};
    ///
    /// # quintet::block_on(async {
    /// let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    /// tracker.spawn(token.clone().cancelled_owned());
    /// tracker.spawn(std::future::pending::<()>());
    ///
    /// let drained = tracker.drain(&token, Duration::from_millis(5)).await;
    /// assert_eq!(drained.unfinished(), 1);
    /// println!("{drained}");
    /// # });
    /// ```
    pub async fn drain(&self, token: &CancellationToken, patience: Duration) -> Drained {
        token.cancel();
        self.close();
        let sites = match timeout(patience, self.wait()).await {
            Ok(()) => SpawnSites::default(),
            Err(_elapsed) => self.sites(),
        };
        Drained {
            left: sites.by_place(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_are_listed_in_order_without_those_that_are_empty() {
        let (first, second, third) = (here(), here(), here());
        let mut sites = SpawnSites::default();
        let late = sites.add(third);
        sites.add(third);
        let ended = sites.add(second);
        sites.add(first);
        // Another location of the same place.
        let copy: &'static Location<'static> = Box::leak(Box::new(*first));
        let copied = sites.add(copy);
        sites.add(copy);
        assert_ne!(late, copied);
        assert_eq!(sites.total(), 6);
        sites.remove(ended);
        sites.remove(late);
        assert_eq!(sites.total(), 4);
        assert_eq!(sites.by_place(), [(first, 3), (third, 1)]);
    }

    #[test]
    fn a_result_reads_as_a_sentence() {
        let first = here();
        let second = here();
        assert_eq!(Drained { left: vec![] }.to_string(), "all tasks have ended");
        let one = Drained::at_one_site(first, 1);
        assert_eq!(
            one.to_string(),
            format!("1 task has not ended: 1 spawned at {first}")
        );
        let left = vec![(first, 2), (second, 1)];
        assert_eq!(
            Drained { left }.to_string(),
            format!("3 tasks have not ended: 2 spawned at {first}, 1 spawned at {second}")
        );
    }

    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }
}
