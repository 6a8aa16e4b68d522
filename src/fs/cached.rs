//! What needs no worker, for the kernel has it in memory.
//!
//! [`PageCache`] says what that is; here it is asked in a task's name.

use std::fs::File;
use std::io;
use std::path::Path;
use std::task::{Context, Poll, ready};

use crate::context;
use crate::coop;
use crate::event_loop::EventLoop;
use crate::page_cache::{Linux, PageCache, Part, Probe, Suitability};

/// `Ready` if the task may ask, or if there is nobody to be asked.
pub(super) fn poll_proceed(cx: &mut Context<'_>) -> Poll<()> {
    let is_on = context::with(|event_loop| event_loop.page_cache.borrow().is_on());
    if is_on == Some(true) {
        ready!(coop::poll_proceed(cx));
    }
    Poll::Ready(())
}

/// Reads a whole file, as far as possible; after [`poll_proceed`].
pub(super) fn read(path: &Path) -> Probe<File> {
    let probe = with_cache(|cache| cache.read(&Linux, path)).unwrap_or(Probe::NotTried);
    match &probe {
        Probe::Read(contents) => coop::charge(contents.len()),
        Probe::NotFound => coop::charge(0),
        // The job's end is what is charged.
        Probe::Partial(_) | Probe::NotTried => {}
    }
    probe
}

/// Opens a file, if that is possible, or if it is known to be not there; after [`poll_proceed`].
pub(super) fn open(path: &Path) -> Option<io::Result<(File, Suitability)>> {
    let opened = with_cache(|cache| cache.open(&Linux, path)).flatten();
    charge_if(opened.is_some());
    opened.map(|result| result.map_err(io::Error::from))
}

/// Whether there is something of this name, if that is known; after [`poll_proceed`].
pub(super) fn exists(path: &Path) -> Option<bool> {
    let exists = with_cache(|cache| cache.exists(&Linux, path)).flatten();
    charge_if(exists.is_some());
    exists
}

/// Fills `buf` with what an open file has at `offset`, as far as possible; after [`poll_proceed`].
/// What this, and the functions below, have read is for the caller to charge.
pub(super) fn read_at(file: (&File, &Suitability), buf: &mut [u8], offset: u64) -> Option<Part> {
    with_cache(|cache| cache.read_at(&Linux, file, buf, offset)).flatten()
}

/// The same for up to `len` bytes, of which there is nothing else in `buf` then.
pub(super) fn read_chunk(
    file: (&File, &Suitability),
    buf: &mut Vec<u8>,
    len: usize,
    offset: u64,
) -> Option<Part> {
    with_cache(|cache| cache.read_chunk(&Linux, file, (buf, len), offset)).flatten()
}

/// Whether it is worth while to have a buffer of `len` bytes for [`read_at_cursor`].
pub(super) fn may_read(file: (&File, &Suitability), len: usize) -> bool {
    with_cache(|cache| cache.may_read(&Linux, file, len)) == Some(true)
}

/// Reads at the cursor of an open file: at least a byte, or that the file ends there.
pub(super) fn read_at_cursor(file: (&File, &Suitability), buf: &mut [u8]) -> Option<usize> {
    with_cache(|cache| cache.read_at_cursor(&Linux, file, buf)).flatten()
}

fn charge_if(is_ready: bool) {
    if is_ready {
        coop::charge(0);
    }
}

fn with_cache<R>(f: impl FnOnce(&mut PageCache) -> R) -> Option<R> {
    let run = |event_loop: &EventLoop| {
        // Where the loop is at its end, operations on files are.
        let may_ask = !event_loop.is_closed();
        may_ask.then(|| {
            let mut cache = event_loop.page_cache.borrow_mut();
            f(cache.at_tick(event_loop.ticks.get()))
        })
    };
    context::with(run).flatten()
}
