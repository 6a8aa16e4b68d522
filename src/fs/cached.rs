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
    let is_hit = |probe: &Probe<File>| matches!(probe, Probe::Read(_) | Probe::NotFound);
    let probe = with_cache(|cache| cache.read(&OsKernel, path), is_hit);
    let probe = probe.unwrap_or(Probe::NotTried);
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
    let opened = with_cache(|cache| cache.open(&OsKernel, path), Option::is_some).flatten();
    charge_if(opened.is_some());
    opened.map(|result| result.map_err(io::Error::from))
}

/// Returns whether the path exists, or `None` if a worker must find out. Must follow
/// [`poll_proceed`].
pub(super) fn exists(path: &Path) -> Option<bool> {
    let exists = with_cache(|cache| cache.exists(&OsKernel, path), Option::is_some).flatten();
    charge_if(exists.is_some());
    exists
}

/// Fills `buf` from an open file at `offset`, as far as it is cached. Must follow [`poll_proceed`].
///
/// The caller charges the budget for what this, and the functions below, have read.
pub(super) fn read_at(file: (&File, &Suitability), buf: &mut [u8], offset: u64) -> Option<Part> {
    with_cache(
        |cache| cache.read_at(&OsKernel, file, buf, offset),
        is_whole,
    )
    .flatten()
}

/// As [`read_at`] for up to `len` bytes, which replace the contents of `buf`.
pub(super) fn read_chunk(
    file: (&File, &Suitability),
    buf: &mut Vec<u8>,
    len: usize,
    offset: u64,
) -> Option<Part> {
    let read = |cache: &mut PageCache| cache.read_chunk(&OsKernel, file, (buf, len), offset);
    with_cache(read, is_whole).flatten()
}

/// Returns whether [`read_at_cursor`] would try to read `len` bytes. The caller then allocates the
/// buffer.
pub(super) fn may_read(file: (&File, &Suitability), len: usize) -> bool {
    let may_read = with_loop(|event_loop| {
        let mut cache = event_loop.page_cache.borrow_mut();
        let is_on = cache.is_on();
        let may_read = (cache.at_tick(event_loop.ticks())).may_read(&OsKernel, file, len);
        if is_on && !may_read {
            event_loop.shared.counts.cache_misses.add(1);
        }
        may_read
    });
    may_read == Some(true)
}

/// Reads at the cursor of an open file. Returns 0 at the end of the file, and `None` if no byte is
/// cached.
pub(super) fn read_at_cursor(file: (&File, &Suitability), buf: &mut [u8]) -> Option<usize> {
    let read = |cache: &mut PageCache| cache.read_at_cursor(&OsKernel, file, buf);
    with_cache(read, Option::is_some).flatten()
}

fn charge_if(is_ready: bool) {
    if is_ready {
        coop::charge(0);
    }
}

fn is_whole(part: &Option<Part>) -> bool {
    part.as_ref().is_some_and(Part::is_whole)
}

/// Calls `f` with the cache of the current loop, and counts whether its result needs no job.
fn with_cache<R>(
    f: impl FnOnce(&mut PageCache) -> R,
    is_hit: impl FnOnce(&R) -> bool,
) -> Option<R> {
    with_loop(|event_loop| {
        let mut cache = event_loop.page_cache.borrow_mut();
        let is_on = cache.is_on();
        let result = f(cache.at_tick(event_loop.ticks()));
        let counts = &event_loop.shared.counts;
        match is_hit(&result) {
            true => counts.cache_hits.add(1),
            false if is_on => counts.cache_misses.add(1),
            false => {}
        }
        result
    })
}

/// Calls `f` with the current loop, unless that is shut down: then it starts no operation.
fn with_loop<R>(f: impl FnOnce(&EventLoop) -> R) -> Option<R> {
    let run = |event_loop: &EventLoop| {
        let is_open = !event_loop.is_closed();
        is_open.then(|| f(event_loop))
    };
    context::with(run).flatten()
}
