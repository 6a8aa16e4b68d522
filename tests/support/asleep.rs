//! Whether a thread sleeps, as the kernel says.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// A thread of this process.
#[derive(Clone, Debug)]
pub(crate) struct Watched(PathBuf);

/// What has changed if a thread was woken: how often the kernel has put it to sleep by its own
/// wish, what it is doing, and the CPU time that it has used.
pub(crate) type Activity = (u64, char, u64);

impl Watched {
    /// The thread that calls this.
    pub(crate) fn this_thread() -> Self {
        let thread = fs::read_link("/proc/thread-self").expect("Linux has it");
        Watched(Path::new("/proc").join(thread))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).expect("the thread lives")
    }

    pub(crate) fn activity(&self) -> Activity {
        let status = self.read("status");
        let switches = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
            .expect("Linux counts them");
        let stat = self.read("stat");
        let (_, fields) = stat.rsplit_once(')').expect("it ends a name");
        let fields: Vec<_> = fields.split_whitespace().collect();
        let ticks = |n: usize| fields[n].parse::<u64>().expect("a number");
        let state = fields[0].chars().next().expect("a letter");
        let switches = switches.trim().parse().expect("a number");
        (switches, state, ticks(11) + ticks(12))
    }

    /// Holds this thread until the other one sleeps.
    pub(crate) fn falls_asleep(&self) {
        while self.activity().1 != 'S' {
            thread::yield_now();
        }
    }
}
