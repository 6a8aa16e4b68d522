//! The changes of a file that are not made through its cursor.
//!
//! Any number of them run at once. But one whose future was dropped while it ran is over before the
//! next operation begins.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};

use super::open_file::OpenFile;
use crate::fs::job::FutureRef;
use crate::primitive::{ignore_poison, lock};

/// In the stamp: a change may still run whose future was dropped.
const IS_ABANDONED: u64 = 1;

/// What one change adds to the stamp.
const CHANGE: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Held in common by the changes that run.
    running: RwLock<()>,
    /// Counts the changes of the contents; see also [`IS_ABANDONED`].
    stamp: AtomicU64,
    /// The first error of a write whose future was dropped.
    write_error: Mutex<Option<io::Error>>,
}

impl Changes {
    /// Runs `change`. The outer error says that it has not begun, because its future is gone.
    pub(super) fn run<T>(
        &self,
        future_ref: &FutureRef,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<io::Result<T>> {
        let _running = ignore_poison(self.running.read());
        // Under the lock: when `settle` has had it, no change begins whose future is gone by then.
        future_ref.check_alive()?;
        Ok(change())
    }

    /// The same for a change of the contents.
    pub(super) fn run_on_contents<T>(
        &self,
        future_ref: &FutureRef,
        change: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<io::Result<T>> {
        self.run(future_ref, || {
            let result = change();
            // Also after an error, for some of it may have been done.
            self.stamp.fetch_add(CHANGE, Ordering::Release);
            result
        })
    }

    /// The future of a change is dropped before its end.
    pub(super) fn abandon(&self) {
        self.stamp.fetch_or(IS_ABANDONED, Ordering::Release);
    }

    /// Whether a change may still run whose future was dropped.
    pub(super) fn are_abandoned(&self) -> bool {
        self.stamp() & IS_ABANDONED != 0
    }

    /// Differs from an earlier one if the contents were changed in between, or may be just now.
    pub(super) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Acquire)
    }

    /// Waits as [`settle`](Changes::settle) does and returns the stamp of what is changed by then.
    pub(super) fn settled_stamp(&self) -> u64 {
        self.settle();
        self.stamp() & !IS_ABANDONED
    }

    /// Waits until no change runs whose future was dropped. For workers.
    pub(super) fn settle(&self) {
        if self.are_abandoned() {
            let _none_runs = ignore_poison(self.running.write());
            self.stamp.fetch_and(!IS_ABANDONED, Ordering::AcqRel);
        }
    }

    /// Keeps the error of a write whose future was dropped. The first one is kept, as it says best
    /// where the contents begin to be wrong.
    pub(super) fn store_write_error(&self, error: io::Error) {
        self.write_error().get_or_insert(error);
    }

    /// Reports the error that was kept.
    pub(super) fn take_write_error(&self) -> io::Result<()> {
        self.write_error().take().map_or(Ok(()), Err)
    }

    fn write_error(&self) -> MutexGuard<'_, Option<io::Error>> {
        lock(&self.write_error)
    }
}

/// Held by the future of a change: notes that it is dropped before its end.
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

/// The result of a write, on its way from the worker to its future. If it gets lost there, its
/// error is kept.
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
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::Changes;
    use crate::fs::job::FutureRef;

    #[test]
    fn changes_run_at_once_and_one_that_is_abandoned_is_waited_for() {
        let changes = Arc::new(Changes::default());
        let (future, future_ref) = FutureRef::new();
        let (begun, has_begun) = mpsc::channel();
        let (release, held) = mpsc::channel::<()>();
        let abandoned = thread::spawn({
            let changes = Arc::clone(&changes);
            move || {
                changes.run_on_contents(&future_ref, || {
                    begun.send(()).unwrap();
                    let _released = held.recv();
                    Ok(())
                })
            }
        });
        has_begun.recv().unwrap();

        // Another one does not wait for it, and neither does `settle` while it is awaited.
        let stamp = changes.stamp();
        let (_future, future_ref) = FutureRef::new();
        changes
            .run_on_contents(&future_ref, || Ok(()))
            .unwrap()
            .unwrap();
        assert_ne!(changes.stamp(), stamp);
        changes.settle();

        drop(future);
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
    fn a_change_that_is_abandoned_before_it_begins_does_not_begin() {
        let changes = Changes::default();
        let (future, future_ref) = FutureRef::new();
        drop(future);
        changes
            .run::<()>(&future_ref, || panic!("it is not to run"))
            .unwrap_err();
    }
}
