//! Operations that need no worker because the kernel has the file in memory.
//!
//! [`PageCache`] decides when that is so. This module calls it for the current task, and charges
//! the task's budget.

use std::fs::File;
use std::io;
use std::path::Path;
use std::task::{Context, Poll, ready};

use crate::context;
use crate::coop;
use crate::event_loop::EventLoop;
use crate::page_cache::{OsKernel, PageCache, Part, Probe, Suitability};

/// Waits until the task has budget for an attempt. Ready at once if no attempt would be made.
pub(super) fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    let is_on = context::with(|event_loop| event_loop.page_cache.borrow().is_on());
    if is_on == Some(true) {
        ready!(coop::poll_proceed(cx));
    }
    Poll::Ready(())
}

/// Reads a whole file, as far as it is cached. Must follow [`poll_proceed`].
pub(super) fn read(path: &Path) -> Probe<File> {
    let probe = with_cache(|cache| cache.read(&OsKernel, path)).unwrap_or(Probe::NotTried);
    match &probe {
        Probe::Read(contents) => coop::charge(contents.len()),
        Probe::NotFound => coop::charge(0),
        // The end of the job is charged.
        Probe::Partial(_) | Probe::NotTried => {}
    }
    probe
}

/// Opens a file. Returns `None` if a worker must do it. Must follow [`poll_proceed`].
pub(super) fn open(path: &Path) -> Option<io::Result<(File, Suitability)>> {
    let opened = with_cache(|cache| cache.open(&OsKernel, path)).flatten();
    charge_if(opened.is_some());
    opened.map(|result| result.map_err(io::Error::from))
}

/// Returns whether the path exists, or `None` if a worker must find out. Must follow
/// [`poll_proceed`].
pub(super) fn exists(path: &Path) -> Option<bool> {
    let exists = with_cache(|cache| cache.exists(&OsKernel, path)).flatten();
    charge_if(exists.is_some());
    exists
}

/// Fills `buf` from an open file at `offset`, as far as it is cached. Must follow [`poll_proceed`].
///
/// The caller charges the budget for what this, and the functions below, have read.
pub(super) fn read_at(file: (&File, &Suitability), buf: &mut [u8], offset: u64) -> Option<Part> {
    with_cache(|cache| cache.read_at(&OsKernel, file, buf, offset)).flatten()
}

/// As [`read_at`] for up to `len` bytes, which replace the contents of `buf`.
pub(super) fn read_chunk(
    file: (&File, &Suitability),
    buf: &mut Vec<u8>,
    len: usize,
    offset: u64,
) -> Option<Part> {
    with_cache(|cache| cache.read_chunk(&OsKernel, file, (buf, len), offset)).flatten()
}

/// Returns whether [`read_at_cursor`] would try to read `len` bytes. The caller then allocates the
/// buffer.
pub(super) fn may_read(file: (&File, &Suitability), len: usize) -> bool {
    with_cache(|cache| cache.may_read(&OsKernel, file, len)) == Some(true)
}

/// Reads at the cursor of an open file. Returns 0 at the end of the file, and `None` if no byte is
/// cached.
pub(super) fn read_at_cursor(file: (&File, &Suitability), buf: &mut [u8]) -> Option<usize> {
    with_cache(|cache| cache.read_at_cursor(&OsKernel, file, buf)).flatten()
}

fn charge_if(is_ready: bool) {
    if is_ready {
        coop::charge(0);
    }
}

fn with_cache<R>(f: impl FnOnce(&mut PageCache) -> R) -> Option<R> {
    let run = |event_loop: &EventLoop| {
        // A loop that is shut down starts no operation.
        let is_open = !event_loop.is_closed();
        is_open.then(|| {
            let mut cache = event_loop.page_cache.borrow_mut();
            f(cache.at_tick(event_loop.ticks.get()))
        })
    };
    context::with(run).flatten()
}
