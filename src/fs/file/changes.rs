//! Changes of a file that do not use its cursor.
//!
//! Several of them can run concurrently. But if the future of a change is dropped while it runs,
//! the next operation begins only after its end.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};

use super::open_file::OpenFile;
use crate::primitive::{ignore_poison, lock};

/// The bit of the stamp that says that a change may run whose future was dropped.
const IS_ABANDONED: u64 = 1;

/// The amount that one change adds to the stamp.
const CHANGE: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Changes hold the read lock while they run.
    running: RwLock<()>,
    /// Counts the changes of the contents, and contains [`IS_ABANDONED`].
    stamp: AtomicU64,
    /// The first error of a write whose future was dropped.
    write_error: Mutex<Option<io::Error>>,
}

impl Changes {
    /// Runs `change`, unless `check_alive` says that its future was dropped.
    ///
    /// # Errors
    ///
    /// The outer result is an error if `change` was not called because its future was dropped.
    pub(super) fn run<T>(
        &self,
        check_alive: fn() -> io::Result<()>,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<io::Result<T>> {
        let _running = ignore_poison(self.running.read());
        // Under the lock: once `settle` has held the write lock, no change begins whose future was
        // dropped before.
        check_alive()?;
        Ok(change())
    }

    /// As [`run`](Changes::run), for a change of the contents.
    pub(super) fn run_on_contents<T>(
        &self,
        check_alive: fn() -> io::Result<()>,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<io::Result<T>> {
        self.run(check_alive, || {
            let result = change();
            // Also after an error, because some bytes may have been written.
            self.stamp.fetch_add(CHANGE, Ordering::Release);
            result
        })
    }

    /// Called when the future of a change is dropped before its end.
    pub(super) fn abandon(&self) {
        self.stamp.fetch_or(IS_ABANDONED, Ordering::Release);
    }

    /// Returns whether a change may run whose future was dropped.
    pub(super) fn are_abandoned(&self) -> bool {
        self.stamp() & IS_ABANDONED != 0
    }

    /// Returns a value that differs from an earlier one if the contents were changed in between, or
    /// may be changed right now.
    pub(super) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    /// Waits as [`settle`](Changes::settle) does, and returns the stamp of the contents after that.
    pub(super) fn settled_stamp(&self) -> u64 {
        self.settle();
        self.stamp() & !IS_ABANDONED
    }

    /// Waits until no change runs whose future was dropped. For workers, because it blocks.
    pub(super) fn settle(&self) {
        if self.are_abandoned() {
            let _none_runs = ignore_poison(self.running.write());
            self.stamp.fetch_and(!IS_ABANDONED, Ordering::AcqRel);
        }
    }

    /// Stores the error of a write whose future was dropped. Keeps the first error, because it
    /// shows best where the contents are wrong.
    pub(super) fn store_write_error(&self, error: io::Error) {
        self.write_error().get_or_insert(error);
    }

    /// Returns the stored error, once.
    pub(super) fn take_write_error(&self) -> io::Result<()> {
        self.write_error().take().map_or(Ok(()), Err)
    }

    fn write_error(&self) -> MutexGuard<'_, Option<io::Error>> {
        lock(&self.write_error)
    }
}

/// The future of a change holds this guard, which calls [`Changes::abandon`] if the future is
/// dropped before the end of the change.
pub(super) struct AbandonOnDrop<'a> {
    changes: &'a Changes,
    is_over: bool,
}

impl<'a> AbandonOnDrop<'a> {
    pub(super) fn new(changes: &'a Changes) -> Self {
        AbandonOnDrop {
            changes,
            is_over: false,
        }
    }

    pub(super) fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.changes.abandon();
        }
    }
}

/// The result of a write, on its way from the worker to the future. If the future does not take it,
/// an error is stored in [`Changes`].
pub(super) struct WriteResult<T> {
    result: Option<io::Result<T>>,
    open: Weak<OpenFile>,
}

impl<T> WriteResult<T> {
    pub(super) fn new(result: io::Result<T>, open: &Arc<OpenFile>) -> Self {
        WriteResult {
            result: Some(result),
            open: Arc::downgrade(open),
        }
    }

    pub(super) fn take(mut self) -> io::Result<T> {
        self.result.take().expect("it is taken once")
    }
}

impl<T> Drop for WriteResult<T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.result.take()
            && let Some(open) = self.open.upgrade()
        {
            open.changes.store_write_error(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::Changes;

    #[test]
    fn changes_run_concurrently_and_settle_waits_for_an_abandoned_one() {
        let changes = Arc::new(Changes::default());
        let (begun, has_begun) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let abandoned = thread::spawn({
            let changes = Arc::clone(&changes);
            move || {
                changes.run_on_contents(
                    || Ok(()),
                    || {
                        begun.send(()).unwrap();
                        let _released = held.recv();
                        Ok(())
                    },
                )
            }
        });
        has_begun.recv().unwrap();

        // Another change does not wait for it, and neither does `settle` while its future exists.
        let stamp = changes.stamp();
        changes
            .run_on_contents(|| Ok(()), || Ok(()))
            .unwrap()
            .unwrap();
        assert_ne!(changes.stamp(), stamp);
        changes.settle();

        changes.abandon();
        let settling = thread::spawn({
            let changes = Arc::clone(&changes);
            move || {
                changes.settle();
                (changes.are_abandoned(), changes.stamp())
            }
        });
        let stamp = changes.stamp();
        drop(release);
        abandoned.join().unwrap().unwrap().unwrap();
        let (are_abandoned, settled) = settling.join().unwrap();
        assert!(!are_abandoned);
        assert_eq!(settled, stamp + super::CHANGE - super::IS_ABANDONED);
    }

    #[test]
    fn a_change_abandoned_before_it_begins_is_not_run() {
        let changes = Changes::default();
        let was_dropped = || Err(io::Error::other("the future was dropped"));
        changes
            .run::<()>(was_dropped, || panic!("the change runs"))
            .unwrap_err();
    }
}
