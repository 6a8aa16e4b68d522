//! Which tasks are alive, and which of them keep the loop alive.
//!
//! A task is *referenced* unless it was unreferenced; `Runtime::run` returns when no referenced
//! task can make progress. The state of each task for dumps is also read here. It comes from the
//! slots at the time of the dump, so a program without dumps pays for two counters only.

use super::{Header, Identity, Jobs, Joiner, Owner, Task, Tasks, Waiter};
use crate::blocked::PollObserver;
use crate::ready;
use crate::slots::{self, Key};

/// What a task waits for, in words. A thin pointer: every task has room for one.
pub(crate) type Note = &'static &'static str;

/// The state of a task, for dumps.
#[derive(Debug)]
pub(crate) struct TaskInfo {
    pub(crate) key: Key,
    pub(crate) identity: Identity,
    pub(crate) spawned_at: u64,
    pub(crate) busy: u64,
    pub(crate) longest_poll: u64,
    /// When its last poll ended, if that is measured.
    pub(crate) polled_at: Option<u64>,
    pub(crate) polls: u32,
    pub(crate) is_job: bool,
    pub(crate) is_ref: bool,
    /// How many references to its header there are besides those of the slot and of the handle.
    /// These are wakers, abort handles and wakes in the inbox.
    pub(crate) wakers: usize,
    /// Whether it is in a queue.
    pub(crate) is_ready: bool,
    /// Whether it is being polled.
    pub(crate) is_running: bool,
    /// What it waits for.
    pub(crate) note: Option<&'static str>,
    /// The task of this loop that joins it.
    pub(crate) joiner: Option<Key>,
    /// Whether the waker of that is the own one of a member of a scope.
    pub(crate) is_joined_by_member: bool,
}

/// Which tasks were referenced again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReferencedAgain {
    These(Vec<Key>),
    /// More than are remembered.
    Many,
}

/// How many tasks that were referenced again are remembered.
const REFERENCED_AGAIN_MAX: usize = 64;

impl Default for ReferencedAgain {
    fn default() -> Self {
        ReferencedAgain::These(Vec::new())
    }
}

impl ReferencedAgain {
    fn add(&mut self, task: Key) {
        match self {
            ReferencedAgain::These(tasks) if tasks.last() == Some(&task) => {}
            ReferencedAgain::These(tasks) if tasks.len() < REFERENCED_AGAIN_MAX => tasks.push(task),
            _ => *self = ReferencedAgain::Many,
        }
    }
}

impl Tasks {
    /// Whether a waiter that is about to be woken keeps the loop alive: its task is unfinished and
    /// referenced. A waiter without task counts too, and so does a foreign waker whose task has
    /// ended, since what it wakes may have moved to another task.
    pub(crate) fn counts(&self, waiter: &Waiter) -> bool {
        match self.owner(waiter) {
            Owner::None => true,
            Owner::Task { is_ref, .. } => is_ref,
            Owner::Gone => waiter.is_foreign(),
        }
    }

    /// Whether the task exists and has not ended.
    pub(crate) fn is_unfinished(&self, key: Key) -> bool {
        let slots = self.slots.borrow();
        slots
            .get(key)
            .is_some_and(|task| !task.header.is_finished())
    }

    /// The task for which `waiter` waits.
    pub(crate) fn owner(&self, waiter: &Waiter) -> Owner {
        let Some(key) = waiter.owner() else {
            return Owner::None;
        };
        match self.slots.borrow().get(key) {
            Some(task) if !task.header.is_finished() => Owner::Task {
                is_ref: task.header.is_ref(),
                polls: task.polls,
            },
            _ => Owner::Gone,
        }
    }

    /// How often a task has been polled, or 0 if it does not exist.
    pub(crate) fn polls(&self, key: Key) -> u32 {
        self.slots.borrow().get(key).map_or(0, |task| task.polls)
    }

    /// Takes the tasks that were referenced again since the last call.
    pub(crate) fn take_referenced_again(&self) -> ReferencedAgain {
        self.referenced_again.take()
    }

    /// Whether any task is unfinished and referenced.
    pub(crate) fn is_any_ref(&self) -> bool {
        let slots = self.slots.borrow();
        slots
            .iter()
            .any(|(_, task)| !task.header.is_finished() && task.header.is_ref())
    }

    /// Whether the task is unfinished and referenced.
    pub(crate) fn is_ref(&self, key: Key) -> bool {
        let slots = self.slots.borrow();
        let task = slots.get(key);
        task.is_some_and(|task| !task.header.is_finished() && task.header.is_ref())
    }

    /// Updates the counts after a change of whether the task keeps the loop alive.
    pub(crate) fn recount(&self, header: &Header) {
        let mut slots = self.slots.borrow_mut();
        let Some(task) = slots.get_mut(header.key()) else {
            return;
        };
        let is_ref = header.is_ref();
        if is_ref {
            self.referenced_again.borrow_mut().add(header.key());
        }
        if task.is_job && !header.is_finished() && task.is_counted != is_ref {
            task.is_counted = is_ref;
            self.count_jobs(|jobs| {
                jobs.referenced = if is_ref {
                    jobs.referenced + 1
                } else {
                    jobs.referenced - 1
                };
            });
        }
    }

    pub(super) fn count_jobs(&self, change: impl FnOnce(&mut Jobs)) {
        let mut jobs = self.jobs.get();
        change(&mut jobs);
        self.jobs.set(jobs);
    }

    /// Whether there is an unfinished job that keeps the loop alive.
    pub(crate) fn has_referenced_jobs(&self) -> bool {
        self.jobs.get().referenced > 0
    }

    /// Whether there is an unfinished job.
    pub(crate) fn has_jobs(&self) -> bool {
        self.jobs.get().all > 0
    }

    /// Adds to the duration of a task's polls, of which the last ended at the time `now`.
    pub(crate) fn add_busy(&self, key: Key, nanos: u64, now: u64) {
        if let Some(task) = self.slots.borrow_mut().get_mut(key) {
            let extras = task.extras.get_or_insert_default();
            extras.busy += nanos;
            extras.longest_poll = extras.longest_poll.max(nanos);
            extras.polled_at = Some(now);
        }
    }

    /// Keeps what the root waits for, as set in its poll: in one place for all roots, since at most
    /// one root exists, and its slot need not be looked up.
    #[inline]
    pub(crate) fn keep_root_note(&self, note: Option<Note>) {
        self.root_note.set(note);
    }

    /// Counts a poll of the root, which its owner polls.
    #[inline]
    pub(crate) fn count_poll(&self, key: Key, observer: impl PollObserver) {
        if let Some(task) = self.slots.borrow_mut().get_mut(key) {
            task.begin_poll(observer);
        }
    }

    /// The id of the task that is being polled.
    pub(crate) fn polled_id(&self) -> Option<u64> {
        let key = ready::polled_task(self.home)?;
        self.slots.borrow().get(key).map(|task| task.id)
    }

    /// The identity of a task, if it exists.
    pub(crate) fn identity_of(&self, key: Key) -> Option<Identity> {
        self.slots.borrow().get(key).map(Task::identity)
    }

    /// The identity of the task that is being polled.
    pub(crate) fn polled_identity(&self) -> Option<Identity> {
        self.identity_of(ready::polled_task(self.home)?)
    }

    /// All unfinished tasks, in the order in which they were spawned. `polled` is the task that is
    /// being polled.
    pub(crate) fn snapshot(&self, polled: Key) -> Vec<TaskInfo> {
        let keys = self.unfinished_in_order();
        let slots = self.slots.borrow();
        let task_info = |&key| Some(self.task_info(key, slots.get(key)?, key == polled));
        keys.iter().filter_map(task_info).collect()
    }

    /// The keys of all unfinished tasks, in the order in which they were spawned.
    pub(super) fn unfinished_in_order(&self) -> Vec<Key> {
        let slots = self.slots.borrow();
        let unfinished = slots.iter().filter(|(_, task)| !task.header.is_finished());
        slots::in_order(unfinished.map(|(key, task)| (task.sequence, key)))
    }

    fn task_info(&self, key: Key, task: &Task, is_running: bool) -> TaskInfo {
        let joiner = match &task.joiner {
            Joiner::Awaited(waiter) => Some(waiter),
            Joiner::Held | Joiner::Returned(_) => None,
        };
        let note = if is_running {
            ready::note()
        } else if task.body.is_none() {
            // The root: any other task has its body between polls.
            self.root_note.get()
        } else {
            task.note
        };
        TaskInfo {
            key,
            identity: task.identity(),
            spawned_at: task.spawned_at,
            busy: task.extras.as_ref().map_or(0, |extras| extras.busy),
            longest_poll: task.extras.as_ref().map_or(0, |extras| extras.longest_poll),
            polled_at: task.extras.as_ref().and_then(|extras| extras.polled_at),
            polls: task.polls,
            is_job: task.is_job,
            is_ref: task.header.is_ref(),
            wakers: task.count_wakers(),
            is_ready: task.header.is_queued(),
            is_running,
            note: note.copied(),
            joiner: joiner.and_then(Waiter::owner),
            is_joined_by_member: joiner.is_some_and(Waiter::is_of_member),
        }
    }
}
