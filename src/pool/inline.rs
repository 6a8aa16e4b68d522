//! A pool without threads: jobs wait until the loop runs them itself.
//!
//! The whole run then happens on one thread, and repeats. The loop decides in which order the jobs
//! run.

use std::io;
use std::mem;
use std::sync::{Mutex, MutexGuard};

use super::job::QueuedJob;
use crate::primitive;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Inline {
    /// `None` once the pool has been shut down.
    jobs: Mutex<Option<Vec<QueuedJob>>>,
}

impl Inline {
    pub(super) fn new() -> Self {
        Inline {
            jobs: Mutex::new(Some(Vec::new())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<QueuedJob>>> {
        primitive::lock(&self.jobs)
    }

    pub(super) fn push(&self, job: QueuedJob) -> io::Result<()> {
        let mut jobs = self.lock();
        let Some(queue) = &mut *jobs else {
            // Unlock first: `job` is dropped on return, and dropping its closure runs user code.
            drop(jobs);
            return Err(super::shut_down_error());
        };
        queue.push(job);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.lock().as_ref().map_or(0, Vec::len)
    }

    /// Takes the jobs that wait, in the order of their pushes.
    pub(super) fn take(&self) -> Vec<QueuedJob> {
        self.lock().as_mut().map(mem::take).unwrap_or_default()
    }

    /// Puts jobs back in front of those that were pushed since they were taken.
    pub(super) fn put_back(&self, mut earlier: Vec<QueuedJob>) {
        let mut jobs = self.lock();
        if let Some(queue) = &mut *jobs {
            earlier.append(queue);
            *queue = earlier;
        } else {
            drop(jobs);
            drop(earlier);
        }
    }

    pub(super) fn shut_down(&self) {
        let jobs = self.lock().take();
        drop(jobs);
    }
}
