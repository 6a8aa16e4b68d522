//! The jobs of an open file. They begin after the end of operations whose futures were dropped.

use std::io;
use std::sync::Arc;

use super::File;
use super::changes::{AbandonOnDrop, WriteResult};
use super::open_file::OpenFile;
use crate::blocking::Purpose;
use crate::fs::in_flight;
use crate::fs::job::{self, check_alive};

impl File {
    /// Runs `f` on a worker, after the end of operations whose futures were dropped.
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
            // `settle` may carry out a write whose future was dropped, so a shutdown must wait.
            _ => job::run(work).await,
        }
    }

    /// Runs `sync` on a worker, and then returns a stored write error, if there is one.
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

    /// Runs `f`, which changes the file, on a worker. Other changes can run concurrently.
    async fn change<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Arc<OpenFile>) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let open = Arc::clone(&self.open);
        let busy = self.busy_cursor();
        let dropped = AbandonOnDrop::new(&self.open.changes);
        let work = move || {
            let cursor = busy.and_then(|cursor| cursor.upgrade());
            open.settle(cursor.as_deref());
            f(&open)
        };
        let result = job::run(work).await?;
        dropped.end();
        Ok(result)
    }

    /// As [`change`](File::change), for an `f` that changes the contents.
    pub(super) async fn change_contents<T: Send + 'static>(
        &self,
        f: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let change = |open: &Arc<OpenFile>| {
            let result = open
                .changes
                .run_on_contents(check_alive, || f(&open.file))?;
            Ok(WriteResult::new(result, open))
        };
        self.change(change).await?.take()
    }

    /// As [`change`](File::change), for an `f` that changes the metadata.
    pub(super) async fn change_metadata(
        &self,
        f: impl FnOnce(&std::fs::File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.change(|open| open.changes.run(check_alive, || f(&open.file))?)
            .await
    }
}
