//! The live tasks of a loop, and what they wait for.

mod permits;
mod stuck;

use std::collections::HashMap;
use std::time::Duration;

use crate::clock;
use crate::context;
use crate::event_loop::{EventLoop, LoopShared};
use crate::phase::poll::{Descriptor, Descriptors, Direction};
use crate::ready;
use crate::report::{Dump, JobMeta, TaskDump, WaitReason};
use crate::slots::Key;
use crate::task::Id;
use crate::tasks::{TaskInfo, Waiter};
use crate::time::Instant;
use crate::waits::{PermitKind, WakerKind};

impl Dump {
    pub(super) fn new(event_loop: &EventLoop) -> Self {
        let mut descriptors = Descriptors::default();
        let wait_graph = WaitGraph::new(event_loop, &mut |descriptor| {
            descriptors.describe(descriptor)
        });
        Dump::of(event_loop, &wait_graph, &|_, _| true)
    }

    /// The referenced tasks that nothing on the loop can wake: they wait neither for the loop nor
    /// for a task that does. If time does not move, timers wake nothing.
    pub(super) fn stalled(event_loop: &EventLoop, does_time_move: bool) -> Self {
        if !event_loop.tasks.is_any_ref() {
            return Dump::empty();
        }
        // A task that waits for a descriptor is not stalled, so the descriptions, which take long
        // to make, are not needed.
        let wait_graph = WaitGraph::new(event_loop, &mut |_| String::new());
        let stalled = wait_graph.stalled(does_time_move);
        Dump::of(event_loop, &wait_graph, &|index, task_info| {
            task_info.is_ref && stalled[index]
        })
    }

    /// `is_wanted` says whether the dump contains a task, of which it also gets the index.
    fn of(
        event_loop: &EventLoop,
        wait_graph: &WaitGraph,
        is_wanted: &dyn Fn(usize, &TaskInfo) -> bool,
    ) -> Self {
        let now = event_loop.clock.now();
        let is_measuring = event_loop.is_measuring();
        let measured = |nanos| is_measuring.then(|| Duration::from_nanos(nanos));
        let mut tasks = Vec::new();
        for (index, task_info) in wait_graph.tasks.iter().enumerate() {
            if !is_wanted(index, task_info) {
                continue;
            }
            tasks.push(TaskDump {
                id: Id(task_info.identity.id),
                name: task_info.identity.origin.name.clone(),
                location: task_info.identity.origin.location,
                age: Duration::from_nanos(now.saturating_sub(task_info.spawned_at)),
                polls: task_info.polls,
                busy: measured(task_info.busy),
                longest_poll: measured(task_info.longest_poll),
                waiting: waiting(task_info, now),
                is_ref: task_info.is_ref,
                joined_by: wait_graph.joiner_of(task_info),
                waits: wait_graph.waits_of(index),
            });
        }
        let mut cycles = stuck::cycles(wait_graph);
        cycles.retain(|cycle| {
            let is_of = |task: &TaskDump| cycle.tasks().any(|id| id == task.id());
            tasks.iter().any(is_of)
        });
        Dump {
            title: title(&event_loop.shared),
            tasks,
            cycles,
        }
    }

    pub(super) fn empty() -> Self {
        Dump {
            title: "a runtime that has ended".to_owned(),
            tasks: Vec::new(),
            cycles: Vec::new(),
        }
    }
}

/// How long ago the last poll of a task has ended.
fn waiting(task_info: &TaskInfo, now: u64) -> Option<Duration> {
    let since = task_info.polled_at.filter(|_| !task_info.is_running);
    since.map(|since| Duration::from_nanos(now.saturating_sub(since)))
}

/// All unfinished referenced jobs and tasks.
#[inline]
pub(super) fn unfinished(event_loop: &EventLoop) -> (Vec<JobMeta>, Vec<TaskDump>) {
    let mut descriptors = Descriptors::default();
    let wait_graph = WaitGraph::new(event_loop, &mut |descriptor| {
        descriptors.describe(descriptor)
    });
    let jobs = wait_graph
        .tasks
        .iter()
        .filter(|task_info| task_info.is_job && task_info.is_ref);
    let jobs = jobs
        .map(|job| {
            let name = job.identity.origin.name.clone();
            JobMeta::new(name, job.identity.origin.location)
        })
        .collect();
    let dump = Dump::of(event_loop, &wait_graph, &|_, task_info| {
        !task_info.is_job && task_info.is_ref
    });
    (jobs, dump.tasks)
}

/// The name of a runtime, or a description of its loop.
pub(super) fn title(shared: &LoopShared) -> String {
    match &shared.name {
        Some(name) => format!("runtime `{name}`"),
        None => context::describe(shared.id),
    }
}

/// The wakers of a task that are in the queues of locks, or with which it polls scopes.
#[derive(Clone, Copy, Debug, Default)]
struct KnownWakers {
    of_task: usize,
    of_members: usize,
    /// How many clones of the wakers of its scopes' members there are in all.
    clones: usize,
}

impl KnownWakers {
    fn add(&mut self, waker: WakerKind) {
        match waker {
            WakerKind::Task => self.of_task += 1,
            WakerKind::Member => self.of_members += 1,
            WakerKind::Other => {}
        }
    }

    /// Whether these are all, for a task of which there are `wakers`.
    fn are_all(self, wakers: usize) -> bool {
        self.of_task == wakers && self.of_members == self.clones
    }
}

/// All live tasks, and what each waits for. A task is known by its index.
struct WaitGraph {
    tasks: Vec<TaskInfo>,
    /// The index of each task, by the bits of its key.
    indexes: HashMap<u64, usize>,
    waits: Vec<Vec<WaitReason>>,
    /// The wakers of each task whose places are known.
    known: Vec<KnownWakers>,
}

impl WaitGraph {
    fn new(event_loop: &EventLoop, describe: &mut dyn FnMut(&Descriptor) -> String) -> Self {
        let polled = ready::polled_task(event_loop.id());
        let tasks = event_loop.tasks.snapshot(polled.unwrap_or(Key::DANGLING));
        let mut wait_graph = WaitGraph {
            indexes: index_by(&tasks, |task| task.key.to_bits()),
            waits: vec![Vec::new(); tasks.len()],
            known: vec![KnownWakers::default(); tasks.len()],
            tasks,
        };
        wait_graph.add_tasks();
        wait_graph.add_resources(event_loop, describe);
        wait_graph.add_permits(event_loop);
        wait_graph
    }

    fn index_of(&self, key: Key) -> Option<usize> {
        self.indexes.get(&key.to_bits()).copied()
    }

    fn add_waiter(&mut self, waiter: &Waiter, wait: WaitReason) {
        if let Some(index) = waiter.owner().and_then(|key| self.index_of(key)) {
            self.waits[index].push(wait);
        }
    }

    /// Adds what the tasks themselves record.
    fn add_tasks(&mut self) {
        for (index, task_info) in self.tasks.iter().enumerate() {
            let waits = &mut self.waits[index];
            if task_info.is_running {
                waits.push(WaitReason::Running);
            } else if task_info.is_ready {
                waits.push(WaitReason::Ready);
            }
            if task_info.is_job {
                waits.push(WaitReason::Worker);
            }
            if let Some(note) = task_info.note {
                waits.push(WaitReason::Other(note));
            }
            let joiner = task_info.joiner.and_then(|key| self.index_of(key));
            if let Some(joiner) = joiner {
                if task_info.is_joined_by_member {
                    self.known[joiner].of_members += 1;
                }
                self.waits[joiner].push(WaitReason::Join(Id(task_info.identity.id)));
            }
        }
    }

    /// Adds the waiters in the queues of the phases.
    fn add_resources(
        &mut self,
        event_loop: &EventLoop,
        describe: &mut dyn FnMut(&Descriptor) -> String,
    ) {
        let clock = &event_loop.clock;
        let now = clock.now();
        event_loop.timers.for_each_waiter(|waiter, deadline| {
            let wait = WaitReason::Timer {
                deadline: Instant::from_std(clock.instant_at(deadline)),
                left: (deadline != clock::NEVER).then(|| clock::until(deadline, now)),
            };
            self.add_waiter(waiter, wait);
        });
        event_loop
            .poll
            .sources
            .for_each_waiter(|waiter, descriptor, direction| {
                let wait = WaitReason::Source {
                    fd: descriptor.number(),
                    is_read: direction == Direction::Read,
                    description: describe(descriptor),
                };
                self.add_waiter(waiter, wait);
            });
        event_loop
            .check
            .for_each_waiter(|waiter| self.add_waiter(waiter, WaitReason::Check));
        event_loop
            .close
            .for_each_waiter(|waiter| self.add_waiter(waiter, WaitReason::Close));
    }

    /// The task that joins a task.
    fn joiner_of(&self, task_info: &TaskInfo) -> Option<Id> {
        let joiner = self.index_of(task_info.joiner?)?;
        Some(Id(self.tasks[joiner].identity.id))
    }

    /// The index of each task by its id.
    fn indexes_by_id(&self) -> HashMap<u64, usize> {
        index_by(&self.tasks, |task| task.identity.id)
    }

    /// Adds what the primitives have recorded.
    fn add_permits(&mut self, event_loop: &EventLoop) {
        let (tracked, scopes) = (event_loop.waits.all(), event_loop.waits.scopes());
        if tracked.is_empty() && scopes.is_empty() {
            return;
        }
        let indexes = self.indexes_by_id();
        let keys: Vec<Key> = self.tasks.iter().map(|task| task.key).collect();
        let polls = |id: u64| Some(event_loop.tasks.polls(keys[*indexes.get(&id)?]));
        let now = event_loop.clock.now();
        for scope in scopes {
            if let Some(index) = indexes.get(&scope.task) {
                let known = &mut self.known[*index];
                known.add(scope.waker);
                known.clones += scope.clones;
            }
        }
        for tracked in tracked {
            let state = tracked.now();
            for (id, wait) in permits::messages(&tracked, &state, now, polls) {
                self.add_primitive(indexes[&id], wait);
            }
            for waiting in state.waiting.iter().filter(|waiting| waiting.missing > 0) {
                if let Some(index) = indexes.get(&waiting.task) {
                    // Room comes by any receiver, so a task that waits for it is in no cycle.
                    if tracked.kind != PermitKind::Room {
                        self.known[*index].add(waiting.waker);
                    }
                    let wait = permits::wait(&tracked, &state, waiting, now, &indexes);
                    self.add_primitive(*index, wait);
                }
            }
        }
    }

    /// Adds a wait for a primitive, in place of the note of the task about it.
    fn add_primitive(&mut self, index: usize, wait: WaitReason) {
        let waits = &mut self.waits[index];
        let what = match &wait {
            WaitReason::Permits(permits) => permits.what,
            WaitReason::Channel(channel) => channel.what,
            _ => return,
        };
        waits.retain(|other| *other != WaitReason::Other(what));
        if !waits.contains(&wait) {
            waits.push(wait);
        }
    }

    fn waits_of(&self, index: usize) -> Vec<WaitReason> {
        let waits = &self.waits[index];
        match waits.is_empty() {
            true => vec![WaitReason::Unknown],
            false => waits.clone(),
        }
    }

    /// Whether nothing on the loop can wake a task, for each of the tasks.
    fn stalled(&self, does_time_move: bool) -> Vec<bool> {
        let can_end = |wait: &WaitReason| match wait {
            WaitReason::Timer { left, .. } => does_time_move && left.is_some(),
            WaitReason::Join(_)
            | WaitReason::Permits(_)
            | WaitReason::Channel(_)
            | WaitReason::Other(_)
            | WaitReason::Unknown => false,
            _ => true,
        };
        let mut stalled = vec![true; self.tasks.len()];
        let mut progressing: Vec<usize> = Vec::new();
        for (index, waits) in self.waits.iter().enumerate() {
            if waits.iter().any(can_end) {
                progressing.push(index);
            }
        }
        // A task that joins a task which is not stalled is not stalled either.
        while let Some(index) = progressing.pop() {
            if std::mem::replace(&mut stalled[index], false) {
                let joiner = self.tasks[index].joiner;
                progressing.extend(joiner.and_then(|key| self.index_of(key)));
            }
        }
        stalled
    }
}

/// The index of each task, by what `id` returns of it.
fn index_by(tasks: &[TaskInfo], id: fn(&TaskInfo) -> u64) -> HashMap<u64, usize> {
    let mut indexes = HashMap::with_capacity(tasks.len());
    for (index, task) in tasks.iter().enumerate() {
        indexes.insert(id(task), index);
    }
    indexes
}
