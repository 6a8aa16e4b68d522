//! The jobs of an open file: they begin after what dropped futures have left under way.

use std::io;
use std::sync::Arc;

use super::File;
use super::changes::{AbandonOnDrop, WriteResult};
use super::open_file::OpenFile;
use crate::blocking::Purpose;
use crate::fs::in_flight;
use crate::fs::job::{self, FutureRef};

impl File {
    /// Runs `f` on a worker, after what dropped futures have left under way.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        purpose: Purpose,
        f: impl FnOnce(&OpenFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let open = Arc::clone(&self.open);
        let busy = self.busy_cursor();
        let is_settled = self.is_settled();
        let work = move || {
            let cursor = busy.and_then(|cursor| cursor.upgrade());
            open.settle(cursor.as_deref());
            f(&open)
        };
        match purpose {
            Purpose::Read if is_settled => job::read(work).await,
            // It may carry out what a dropped future has asked for.
            _ => job::run(work).await,
        }
    }

    /// Runs `sync` on a worker, and reports an error that was kept.
    pub(super) async fn sync(&self, sync: fn(&std::fs::File) -> io::Result<()>) -> io::Result<()> {
        let cursor = self.cursor.share();
        self.run(Purpose::Change, move |open| {
            let result = sync(&open.file);
            if let Some(cursor) = cursor.upgrade()
                && let Some(mut cursor) = in_flight::try_lock(&cursor)
            {
                cursor.store_write_error();
            }
            result
        })
        .await?;
        self.open.changes.take_write_error()
    }

    /// Runs `f`, which changes something, on a worker. Other changes may run at the same time.
    async fn change<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Arc<OpenFile>, &FutureRef) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let open = Arc::clone(&self.open);
        let busy = self.busy_cursor();
        let dropped = AbandonOnDrop::new(&self.open.changes);
        let work = move |future_ref: &FutureRef| {
            let cursor = busy.and_then(|cursor| cursor.upgrade());
            open.settle(cursor.as_deref());
            f(&open, future_ref)
        };
        let result = job::run_cancellable(work).await?;
        dropped.end();
        Ok(result)
    }

    /// The same for `f` that changes the contents.
    pub(super) async fn change_contents<T: Send + 'static>(
        &self,
        f: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let change = |open: &Arc<OpenFile>, future_ref: &FutureRef| {
            let result = open.changes.run_on_contents(future_ref, || f(&open.file))?;
            Ok(WriteResult::new(result, open))
        };
        self.change(change).await?.take()
    }

    /// The same for `f` that changes something else.
    pub(super) async fn change_metadata(
        &self,
        f: impl FnOnce(&std::fs::File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.change(|open, future_ref| open.changes.run(future_ref, || f(&open.file))?)
            .await
    }
}
