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

use std::collections::HashMap;

use super::WaitGraph;
use crate::report::{Cycle, CycleLink, Holder, WaitReason};
use crate::task::Id;

/// What a stuck task waits for. Tasks are known by their indexes in the graph.
struct Edge<'a> {
    wait: &'a WaitReason,
    /// How many permits it needs of unknown holders and of holders that are not stuck.
    missing: usize,
    unknown: usize,
    holders: Vec<(usize, &'a Holder)>,
    /// The permits of holders that are not tasks of this loop.
    gone: usize,
}

/// The edges of each task that is stuck, and `None` for the others.
type Stuck<'a> = Vec<Option<Vec<Edge<'a>>>>;

impl Edge<'_> {
    /// Whether it may end even if the tasks `stuck` never run.
    fn can_end(&self, stuck: &Stuck<'_>) -> bool {
        let mut free = 0;
        for (holder, held) in &self.holders {
            if stuck[*holder].is_none() {
                free += held.permits;
            }
        }
        self.missing <= self.unknown + self.gone + free
    }
}

/// The cycles of stuck tasks. Each has a task that is in no cycle before it.
pub(super) fn cycles(graph: &WaitGraph) -> Vec<Cycle> {
    let ids = graph.indexes_by_id();
    let mut stuck: Stuck<'_> = Vec::with_capacity(graph.tasks.len());
    let mut has_edges = false;
    for index in 0..graph.tasks.len() {
        let edges = is_quiet(graph, index).then(|| edges(&graph.waits[index], &ids));
        has_edges |= edges.as_ref().is_some_and(|edges| !edges.is_empty());
        stuck.push(edges);
    }
    if !has_edges {
        return Vec::new();
    }
    remove_those_that_can_continue(&mut stuck);
    let mut search = Search::new(&stuck);
    for index in 0..graph.tasks.len() {
        search.visit(index);
    }
    let found = search.found.iter();
    found.map(|path| cycle(graph, &stuck, path)).collect()
}

/// Whether only what `edges` returns can wake the task.
fn is_quiet(graph: &WaitGraph, index: usize) -> bool {
    let is_known = |wait: &WaitReason| match wait {
        WaitReason::Join(_) | WaitReason::Permits(_) => true,
        // A future that has registered a waker would be noticed by the waker.
        WaitReason::Other(_) | WaitReason::Unknown => true,
        WaitReason::Timer { left, .. } => left.is_none(),
        _ => false,
    };
    let wakers = graph.tasks[index].wakers;
    graph.known[index].are_all(wakers) && graph.waits[index].iter().all(is_known)
}

fn edges<'a>(waits: &'a [WaitReason], ids: &HashMap<u64, usize>) -> Vec<Edge<'a>> {
    const JOINED: Holder = Holder {
        id: Id(0),
        permits: 1,
        is_certain: true,
    };
    let mut edges = Vec::new();
    for wait in waits {
        let mut edge = Edge {
            wait,
            missing: 1,
            unknown: 0,
            holders: Vec::new(),
            gone: 0,
        };
        match wait {
            WaitReason::Join(id) => {
                let joined = ids.get(&id.0);
                edge.holders.extend(joined.map(|joined| (*joined, &JOINED)));
            }
            WaitReason::Permits(permits) => {
                edge.missing = permits.missing;
                edge.unknown = permits.unknown;
                for holder in &permits.holders {
                    match ids.get(&holder.id.0) {
                        Some(index) => edge.holders.push((*index, holder)),
                        None => edge.gone += holder.permits,
                    }
                }
            }
            _ => continue,
        }
        edges.push(edge);
    }
    edges
}

/// Leaves only the tasks that wait for each other, or for nothing at all.
fn remove_those_that_can_continue(stuck: &mut Stuck<'_>) {
    let mut waiters = vec![Vec::new(); stuck.len()];
    for (waiter, edges) in stuck.iter().enumerate() {
        for edge in edges.iter().flatten() {
            for (holder, _) in &edge.holders {
                waiters[*holder].push(waiter);
            }
        }
    }
    let mut to_check: Vec<usize> = (0..stuck.len()).collect();
    while let Some(index) = to_check.pop() {
        let edges = stuck[index].iter().flatten();
        let can_continue = edges.into_iter().any(|edge| edge.can_end(stuck));
        if can_continue {
            stuck[index] = None;
            to_check.extend_from_slice(&waiters[index]);
        }
    }
}

/// A search for cycles, in the order of the tasks.
struct Search<'a> {
    stuck: &'a Stuck<'a>,
    visited: Vec<bool>,
    found: Vec<Vec<usize>>,
    in_cycles: Vec<bool>,
}

impl<'a> Search<'a> {
    fn new(stuck: &'a Stuck<'a>) -> Self {
        Search {
            stuck,
            visited: vec![false; stuck.len()],
            found: Vec::new(),
            in_cycles: vec![false; stuck.len()],
        }
    }

    /// The stuck tasks that a stuck task waits for. If it waits for permits of others, its own
    /// permits are not the reason.
    fn next(&self, index: usize) -> Vec<usize> {
        let mut next = Vec::new();
        for edge in self.stuck[index].iter().flatten() {
            let before = next.len();
            let mut own = 0;
            for (holder, _) in &edge.holders {
                if *holder == index {
                    own += 1;
                } else if self.stuck[*holder].is_some() {
                    next.push(*holder);
                }
            }
            if next.len() == before && own > 0 {
                next.push(index);
            }
        }
        next
    }

    /// Searches from a task, depth first, without recursion.
    fn visit(&mut self, start: usize) {
        if self.stuck[start].is_none() || self.visited[start] {
            return;
        }
        self.visited[start] = true;
        let mut path = vec![start];
        let mut to_visit = vec![self.next(start)];
        while let Some(left) = to_visit.last_mut() {
            let Some(next) = left.pop() else {
                to_visit.pop();
                path.pop();
                continue;
            };
            if let Some(begin) = path.iter().position(|index| *index == next) {
                self.add(&path[begin..]);
            } else if !self.visited[next] {
                self.visited[next] = true;
                path.push(next);
                to_visit.push(self.next(next));
            }
        }
    }

    /// Adds a cycle, unless all of its tasks are in others.
    fn add(&mut self, path: &[usize]) {
        let mut is_new = false;
        for index in path {
            is_new |= !self.in_cycles[*index];
            self.in_cycles[*index] = true;
        }
        if is_new {
            self.found.push(path.to_vec());
        }
    }
}

/// Describes a cycle, beginning with the task that was spawned first.
fn cycle(graph: &WaitGraph, stuck: &Stuck<'_>, path: &[usize]) -> Cycle {
    let first = path.iter().min();
    let first = path.iter().position(|index| Some(index) == first);
    let first = first.unwrap_or(0);
    let mut is_certain = true;
    let mut links = Vec::new();
    for at in first..first + path.len() {
        let (index, next) = (path[at % path.len()], path[(at + 1) % path.len()]);
        let held = |edge: &&Edge<'_>| edge.holders.iter().any(|(holder, _)| *holder == next);
        let Some(edge) = stuck[index].iter().flatten().find(held) else {
            continue;
        };
        is_certain &= edge.holders.iter().all(|(_, holder)| holder.is_certain);
        let identity = &graph.tasks[index].identity;
        links.push(CycleLink {
            id: Id(identity.id),
            name: identity.origin.name.clone(),
            wait: edge.wait.clone(),
        });
    }
    Cycle { links, is_certain }
}
