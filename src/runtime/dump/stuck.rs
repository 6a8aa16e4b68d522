//! The tasks that nothing can wake, and the cycles among them.
//!
//! A task is *stuck* if all that it waits for are stuck tasks, and nothing else has its waker. The
//! waker is a counted reference to the task's header, so it is known whether other references
//! exist than those of the slot, of the join handle and of the queues of locks. Timers, sources and
//! the queues of phases do not refer to the header, but to the key, and are in the graph. So it is
//! not guessed whether a future of another crate can wake the task. An abort handle is a reference
//! too; while one exists, the task is not considered stuck.
//!
//! The members of a scope have wakers of their own, and are part of the task that polls the scope.
//! The clones of these wakers are counted too.

use std::collections::{HashMap, HashSet};

use super::WaitGraph;
use crate::report::{Cycle, CycleLink, Holder, WaitReason};
use crate::slots::Key;
use crate::task::Id;
use crate::tasks::TaskInfo;

/// What a stuck task waits for.
struct Edge<'a> {
    wait: &'a WaitReason,
    /// How many permits it needs of unknown holders and of holders that are not stuck.
    missing: usize,
    unknown: usize,
    holders: Vec<(Key, &'a Holder)>,
    /// The permits of holders that are not tasks of this loop.
    gone: usize,
}

impl Edge<'_> {
    /// Whether it may end even if the tasks `stuck` never run.
    fn can_end(&self, stuck: &HashMap<Key, Vec<Edge<'_>>>) -> bool {
        let holders = self.holders.iter();
        let free = holders.filter(|(key, _)| !stuck.contains_key(key));
        let free: usize = free.map(|(_, holder)| holder.permits).sum();
        self.missing <= self.unknown + self.gone + free
    }
}

/// The cycles of stuck tasks. Each has a task that is in no cycle before it.
pub(super) fn cycles(graph: &WaitGraph) -> Vec<Cycle> {
    let keys = graph.keys();
    let candidates = graph.tasks.iter().filter(|task| is_quiet(graph, task));
    let mut stuck: HashMap<Key, Vec<Edge<'_>>> = candidates
        .map(|task| (task.key, edges(graph, task, &keys)))
        .collect();
    if stuck.values().all(Vec::is_empty) {
        return Vec::new();
    }
    remove_those_that_can_continue(&mut stuck);
    let mut search = Search::new(&stuck);
    for task in &graph.tasks {
        search.visit(task.key);
    }
    let found = search.found.iter();
    found.map(|path| cycle(graph, &stuck, path)).collect()
}

/// Whether only what `edges` returns can wake the task.
fn is_quiet(graph: &WaitGraph, task: &TaskInfo) -> bool {
    let is_known = |wait: &WaitReason| match wait {
        WaitReason::Join(_) | WaitReason::Permits(_) => true,
        // A future that has registered a waker would be noticed by the waker.
        WaitReason::Other(_) | WaitReason::Unknown => true,
        WaitReason::Timer { left, .. } => left.is_none(),
        _ => false,
    };
    let known = graph.known.get(&task.key).copied().unwrap_or_default();
    known.are_all(task.wakers) && graph.waits_of(task).iter().all(is_known)
}

fn edges<'a>(graph: &'a WaitGraph, task: &TaskInfo, keys: &HashMap<u64, Key>) -> Vec<Edge<'a>> {
    let waits = graph.waits.get(&task.key);
    let waits = waits.into_iter().flatten();
    waits.filter_map(|wait| edge(wait, keys)).collect()
}

fn edge<'a>(wait: &'a WaitReason, keys: &HashMap<u64, Key>) -> Option<Edge<'a>> {
    const JOINED: Holder = Holder {
        id: Id(0),
        permits: 1,
        is_certain: true,
    };
    match wait {
        WaitReason::Join(id) => Some(Edge {
            wait,
            missing: 1,
            unknown: 0,
            holders: keys
                .get(&id.0)
                .map(|key| (*key, &JOINED))
                .into_iter()
                .collect(),
            gone: 0,
        }),
        WaitReason::Permits(permits) => {
            let key = |holder: &Holder| keys.get(&holder.id.0).copied();
            let holders = permits.holders.iter();
            let gone = holders.clone().filter(|holder| key(holder).is_none());
            let gone = gone.map(|holder| holder.permits).sum();
            let holders = holders.filter_map(|holder| Some((key(holder)?, holder)));
            Some(Edge {
                wait,
                missing: permits.missing,
                unknown: permits.unknown,
                holders: holders.collect(),
                gone,
            })
        }
        _ => None,
    }
}

/// Leaves only the tasks that wait for each other, or for nothing at all.
fn remove_those_that_can_continue(stuck: &mut HashMap<Key, Vec<Edge<'_>>>) {
    let mut waiters: HashMap<Key, Vec<Key>> = HashMap::new();
    for (waiter, edges) in &*stuck {
        let holders = edges.iter().flat_map(|edge| &edge.holders);
        for (holder, _) in holders {
            waiters.entry(*holder).or_default().push(*waiter);
        }
    }
    let mut to_check: Vec<Key> = stuck.keys().copied().collect();
    while let Some(key) = to_check.pop() {
        let edges = stuck.get(&key);
        if edges.is_some_and(|edges| edges.iter().any(|edge| edge.can_end(stuck))) {
            stuck.remove(&key);
            to_check.extend(waiters.get(&key).into_iter().flatten());
        }
    }
}

/// A search for cycles, in the order of the tasks.
struct Search<'a> {
    stuck: &'a HashMap<Key, Vec<Edge<'a>>>,
    visited: HashSet<Key>,
    found: Vec<Vec<Key>>,
    in_cycles: HashSet<Key>,
}

impl<'a> Search<'a> {
    fn new(stuck: &'a HashMap<Key, Vec<Edge<'a>>>) -> Self {
        Search {
            stuck,
            visited: HashSet::new(),
            found: Vec::new(),
            in_cycles: HashSet::new(),
        }
    }

    /// The stuck tasks that a stuck task waits for. If it waits for permits of others, its own
    /// permits are not the reason.
    fn next(&self, key: Key) -> Vec<Key> {
        let mut next = Vec::new();
        for edge in self.stuck.get(&key).into_iter().flatten() {
            let holders = edge.holders.iter().map(|(holder, _)| *holder);
            let holders = holders.filter(|holder| self.stuck.contains_key(holder));
            let others = holders.clone().filter(|holder| *holder != key);
            let before = next.len();
            next.extend(others);
            if next.len() == before {
                next.extend(holders);
            }
        }
        next
    }

    /// Searches from a task, depth first, without recursion.
    fn visit(&mut self, start: Key) {
        if !self.stuck.contains_key(&start) || !self.visited.insert(start) {
            return;
        }
        let mut path = vec![start];
        let mut to_visit = vec![self.next(start)];
        while let Some(left) = to_visit.last_mut() {
            let Some(next) = left.pop() else {
                to_visit.pop();
                path.pop();
                continue;
            };
            if let Some(begin) = path.iter().position(|key| *key == next) {
                self.add(&path[begin..]);
            } else if self.visited.insert(next) {
                path.push(next);
                to_visit.push(self.next(next));
            }
        }
    }

    /// Adds a cycle, unless all of its tasks are in others.
    fn add(&mut self, path: &[Key]) {
        let known = self.in_cycles.len();
        self.in_cycles.extend(path);
        if self.in_cycles.len() > known {
            self.found.push(path.to_vec());
        }
    }
}

/// Describes a cycle, beginning with the task that was spawned first.
fn cycle(graph: &WaitGraph, stuck: &HashMap<Key, Vec<Edge<'_>>>, path: &[Key]) -> Cycle {
    let task = |key: &Key| graph.tasks.iter().find(|task| task.key == *key);
    let position = |key: &Key| graph.tasks.iter().position(|task| task.key == *key);
    let first = path.iter().min_by_key(|key| position(key));
    let first = first.and_then(|first| path.iter().position(|key| key == first));
    let mut path = path.to_vec();
    path.rotate_left(first.unwrap_or(0));
    let mut is_certain = true;
    let links = path.iter().enumerate().filter_map(|(index, key)| {
        let next = path[(index + 1) % path.len()];
        let held = |edge: &&Edge<'_>| edge.holders.iter().any(|(key, _)| *key == next);
        let edge = stuck.get(key)?.iter().find(held)?;
        let mut holders = edge.holders.iter();
        is_certain &= holders.all(|(_, holder)| holder.is_certain);
        let identity = &task(key)?.identity;
        Some(CycleLink {
            id: Id(identity.id),
            name: identity.origin.name.clone(),
            wait: edge.wait.clone(),
        })
    });
    let links = links.collect();
    Cycle { links, is_certain }
}
