//! How busy the workers of a group are, which jobs they run, and whether jobs wait behind those.

use super::job::{Class, Label};
use super::worker_slot::WorkerSlot;
use super::workers::Workers;
use super::{Load, Starved};
use crate::primitive::Ordering;

impl Workers {
    pub(super) fn load(&self) -> Load {
        let state = self.lock();
        Load {
            threads: state.threads(),
            idle: state.idle,
            queued: state.queue.len() + state.dns.waiting(),
        }
    }

    /// Returns the jobs that run, without unreferenced ones.
    pub(super) fn running(&self) -> Vec<Label> {
        let state = self.lock();
        let running = state.slots.iter().filter_map(WorkerSlot::running);
        let referenced = running.filter(|running| running.ticket.is_ref());
        referenced.map(|running| running.label.clone()).collect()
    }

    /// Returns whether jobs may wait behind running ones. A hint.
    pub(super) fn has_backlog(&self) -> bool {
        self.has_backlog_of(Class::Plain) || self.has_backlog_of(Class::Dns)
    }

    /// The same for jobs of one class.
    pub(super) fn has_backlog_of(&self, class: Class) -> bool {
        match class {
            Class::Plain | Class::Cpu => self.has_backlog.load(Ordering::Relaxed),
            Class::Dns => self.lookups_wait.load(Ordering::Relaxed),
        }
    }

    /// Returns the number of jobs that have begun, of those that a job of this class may wait for.
    pub(super) fn begun(&self, class: Class) -> u64 {
        let state = self.lock();
        match class {
            Class::Plain | Class::Cpu => state.begun,
            Class::Dns => state.lookups_begun,
        }
    }

    /// Returns the running jobs and the number of waiting ones, if jobs of this class wait and no
    /// worker is free for them.
    ///
    /// Lookups that wait behind other lookups are those of the class `Dns`; once they are admitted
    /// to the queue, they count as plain jobs.
    pub(super) fn starved(&self, class: Class) -> Option<Starved> {
        let state = self.lock();
        let (all, held_back) = (state.queue.len(), state.dns.waiting());
        if all == 0 {
            self.has_backlog.store(false, Ordering::Relaxed);
        }
        let (queued, is_full) = match class {
            // Vacant slots do not matter: where no thread starts, the OS has refused one.
            Class::Plain | Class::Cpu => (all, state.idle == 0 && !state.starting),
            Class::Dns => (held_back, state.dns.is_full()),
        };
        let is_starved = queued > 0 && is_full && !state.shut_down;
        let running = || state.slots.iter().filter_map(WorkerSlot::running);
        is_starved.then(|| Starved {
            running: running()
                .map(|running| running.label.clone())
                .filter(|label| class != Class::Dns || label.class == Class::Dns)
                .collect(),
            queued,
        })
    }
}
