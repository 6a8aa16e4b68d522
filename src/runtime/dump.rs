//! Who is alive, and what everybody waits for.

mod descriptor;

use std::collections::{HashMap, HashSet};
use std::os::fd::RawFd;
use std::time::Duration;

use crate::clock;
use crate::context;
use crate::event_loop::{EventLoop, Shared};
use crate::phase::poll::Direction;
use crate::ready;
use crate::report::{Dump, JobMeta, TaskDump, Wait};
use crate::slots::Key;
use crate::task::Id;
use crate::tasks::{Person, Waiter};
use crate::time::Instant;
pub(super) use descriptor::Descriptors;

impl Dump {
    pub(super) fn new(event_loop: &EventLoop) -> Self {
        let mut descriptors = Descriptors::default();
        let survey = Survey::new(event_loop, |fd| descriptors.describe(fd));
        Dump::of(event_loop, &survey, |_| true)
    }

    /// The tasks that can never end by what the loop has: those which keep it alive and wait for
    /// nothing of it, nor for another task that does. Where time does not move, timers do not help.
    pub(super) fn stalled(event_loop: &EventLoop, does_time_move: bool) -> Self {
        if !event_loop.tasks.is_any_ref() {
            return Dump::nothing();
        }
        // Who waits for a descriptor is not among them, and it takes long to ask what each of them is.
        let survey = Survey::new(event_loop, |_| String::new());
        let stalled = survey.stalled(does_time_move);
        let is_stalled = |person: &Person| person.is_ref && stalled.contains(&person.key);
        Dump::of(event_loop, &survey, is_stalled)
    }

    fn of(event_loop: &EventLoop, survey: &Survey, is_wanted: impl Fn(&Person) -> bool) -> Self {
        let now = event_loop.clock.now();
        let tasks = survey.people.iter().filter(|person| is_wanted(person));
        let tasks = tasks
            .map(|person| TaskDump {
                id: Id(person.identity.id),
                name: person.identity.origin.name.clone(),
                location: person.identity.origin.location,
                age: Duration::from_nanos(now.saturating_sub(person.spawned_at)),
                polls: person.polls,
                busy: (event_loop.is_measuring()).then(|| Duration::from_nanos(person.busy)),
                is_ref: person.is_ref,
                waits: survey.waits_of(person),
            })
            .collect();
        let title = title(&event_loop.shared);
        Dump { title, tasks }
    }

    pub(super) fn nothing() -> Self {
        Dump {
            title: "a runtime that has ended".to_owned(),
            tasks: Vec::new(),
        }
    }
}

/// All unfinished referenced jobs and tasks.
pub(super) fn unfinished(event_loop: &EventLoop) -> (Vec<JobMeta>, Vec<TaskDump>) {
    let mut descriptors = Descriptors::default();
    let survey = Survey::new(event_loop, |fd| descriptors.describe(fd));
    let jobs = survey
        .people
        .iter()
        .filter(|person| person.is_job && person.is_ref);
    let jobs = jobs
        .map(|job| {
            let name = job.identity.origin.name.as_deref().map(Box::from);
            JobMeta::new(name, job.identity.origin.location)
        })
        .collect();
    let dump = Dump::of(event_loop, &survey, |person| {
        !person.is_job && person.is_ref
    });
    (jobs, dump.tasks)
}

/// Which runtime it is.
pub(super) fn title(shared: &Shared) -> String {
    match &shared.name {
        Some(name) => format!("runtime `{name}`"),
        None => context::describe(shared.id),
    }
}

/// Everybody who is there, and what each waits for.
struct Survey {
    people: Vec<Person>,
    waits: HashMap<Key, Vec<Wait>>,
}

impl Survey {
    fn new(event_loop: &EventLoop, describe: impl FnMut(RawFd) -> String) -> Self {
        let polled = ready::polled_task(event_loop.id());
        let people = event_loop.tasks.census(polled.unwrap_or(Key::DANGLING));
        let mut survey = Survey {
            people,
            waits: HashMap::new(),
        };
        survey.add_people();
        survey.add_resources(event_loop, describe);
        survey
    }

    fn add(&mut self, key: Key, wait: Wait) {
        self.waits.entry(key).or_default().push(wait);
    }

    fn add_waiter(&mut self, waiter: &Waiter, wait: Wait) {
        if let Some(key) = waiter.owner() {
            self.add(key, wait);
        }
    }

    /// What the tasks themselves tell.
    fn add_people(&mut self) {
        let mut waits = Vec::new();
        for person in &self.people {
            let key = person.key;
            if person.is_running {
                waits.push((key, Wait::Running));
            } else if person.is_ready {
                waits.push((key, Wait::Ready));
            }
            if person.is_job {
                waits.push((key, Wait::Worker));
            }
            if let Some(joiner) = person.joiner {
                waits.push((joiner, Wait::Join(Id(person.identity.id))));
            }
            if let Some(note) = person.note {
                waits.push((key, Wait::Other(note)));
            }
        }
        for (key, wait) in waits {
            self.add(key, wait);
        }
    }

    /// Who stands in the queues of the phases.
    fn add_resources(&mut self, event_loop: &EventLoop, mut describe: impl FnMut(RawFd) -> String) {
        let clock = &event_loop.clock;
        let now = clock.now();
        event_loop.timers.for_each_waiter(|waiter, deadline| {
            let wait = Wait::Timer {
                deadline: Instant::from_std(clock.instant_at(deadline)),
                left: (deadline != clock::NEVER).then(|| clock::until(deadline, now)),
            };
            self.add_waiter(waiter, wait);
        });
        event_loop
            .poll
            .sources
            .for_each_waiter(|waiter, fd, direction| {
                let wait = Wait::Source {
                    fd,
                    is_read: direction == Direction::Read,
                    description: describe(fd),
                };
                self.add_waiter(waiter, wait);
            });
        event_loop
            .check
            .for_each_waiter(|waiter| self.add_waiter(waiter, Wait::Check));
        event_loop
            .close
            .for_each_waiter(|waiter| self.add_waiter(waiter, Wait::Close));
    }

    fn waits_of(&self, person: &Person) -> Vec<Wait> {
        let waits = self.waits.get(&person.key).cloned();
        waits.unwrap_or_else(|| vec![Wait::Unknown])
    }

    fn stalled(&self, does_time_move: bool) -> HashSet<Key> {
        let helps = |wait: &Wait| match wait {
            Wait::Timer { left, .. } => does_time_move && left.is_some(),
            Wait::Join(_) | Wait::Other(_) | Wait::Unknown => false,
            _ => true,
        };
        let is_helped = |person: &Person| self.waits_of(person).iter().any(helps);
        let (helped, stalled): (Vec<&Person>, Vec<_>) =
            self.people.iter().partition(|person| is_helped(person));
        let joiners: HashMap<Key, Key> = stalled
            .iter()
            .filter_map(|person| Some((person.key, person.joiner?)))
            .collect();
        let mut stalled: HashSet<Key> = stalled.iter().map(|person| person.key).collect();
        // Who awaits a task that is not stalled is not stalled either.
        let mut saved: Vec<Key> = helped.iter().filter_map(|person| person.joiner).collect();
        while let Some(key) = saved.pop() {
            if stalled.remove(&key) {
                saved.extend(joiners.get(&key));
            }
        }
        stalled
    }
}
