//! The threads of a pool, in two groups: one for jobs that wait, and one for jobs that compute.
//!
//! Each group has its own queue, so neither kind of job ever waits for the other. The second group
//! is made by its first job: a program without such jobs has no trace of it.

use std::io;
use std::iter;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::job::{Class, Label, QueuedJob};
use super::workers::Workers;
use super::{Config, Load, Starved};

/// See the [module](self).
pub(super) struct Groups {
    /// Runs jobs of the classes `Plain` and `Dns`.
    pub(super) plain: Arc<Workers>,
    /// Runs jobs of the class `Cpu`. `None` if the pool was closed before the first of them.
    cpu: OnceLock<Option<Arc<Workers>>>,
    /// The settings of both groups.
    config: Config,
}

impl Groups {
    pub(super) fn new(config: Config) -> Groups {
        Groups {
            plain: Arc::new(Workers::new(config.clone())),
            cpu: OnceLock::new(),
            config,
        }
    }

    /// Returns the group for jobs that compute, if there is one.
    fn cpu(&self) -> Option<&Arc<Workers>> {
        self.cpu.get()?.as_ref()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Workers>> {
        iter::once(&self.plain).chain(self.cpu())
    }

    /// See [`Pool::push`](super::Pool::push).
    pub(super) fn push(&self, job: QueuedJob) -> io::Result<()> {
        match job.class() {
            Class::Plain | Class::Dns => self.plain.push(job),
            Class::Cpu => {
                let make = || Some(Arc::new(Workers::new(self.config.of_cpu_threads())));
                match self.cpu.get_or_init(make) {
                    Some(workers) => workers.push(job),
                    None => Err(super::shut_down_error()),
                }
            }
        }
    }

    /// See [`Pool::close`](super::Pool::close).
    pub(super) fn close(&self) {
        self.plain.close();
        if let Some(workers) = self.cpu.get_or_init(|| None) {
            workers.close();
        }
    }

    /// See [`Pool::shut_down`](super::Pool::shut_down).
    pub(super) fn shut_down(&self, grace: Duration) -> Vec<Label> {
        let deadline = Instant::now().checked_add(grace);
        self.close();
        self.all().for_each(|workers| workers.stop());
        // One after the other: the deadline is the same.
        self.all()
            .for_each(|workers| workers.wait_for_threads(deadline));
        self.running()
    }

    pub(super) fn running(&self) -> Vec<Label> {
        self.all().flat_map(|workers| workers.running()).collect()
    }

    pub(super) fn has_backlog(&self) -> bool {
        self.all().any(|workers| workers.has_backlog())
    }

    pub(super) fn has_backlog_of(&self, class: Class) -> bool {
        let workers = self.of(class);
        workers.is_some_and(|workers| workers.has_backlog_of(class))
    }

    pub(super) fn begun(&self, class: Class) -> u64 {
        self.of(class).map_or(0, |workers| workers.begun(class))
    }

    pub(super) fn starved(&self, class: Class) -> Option<Starved> {
        self.of(class)?.starved(class)
    }

    pub(super) fn load(&self, class: Class) -> Load {
        self.of(class)
            .map_or_else(Load::default, |workers| workers.load())
    }

    /// Returns the group that runs jobs of this class, if it exists.
    fn of(&self, class: Class) -> Option<&Arc<Workers>> {
        match class {
            Class::Plain | Class::Dns => Some(&self.plain),
            Class::Cpu => self.cpu(),
        }
    }
}

impl Config {
    /// Returns the settings of the threads for jobs that compute.
    fn of_cpu_threads(&self) -> Config {
        let mut config = self.clone();
        config.workers = self.cpu_threads.unwrap_or_else(processors);
        config.thread_names = self.cpu_thread_names.clone();
        config
    }
}

/// Returns the number of processors that this process may use.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
