//! Which task waits for which primitive, and which task holds it.
//!
//! The primitives of `sync` work with any executor and are not known to any loop. While waits are
//! *tracked*, a primitive has a [`Tracked`]: the tasks that hold its permits and the tasks that
//! wait for it. A loop keeps weak references to those that its tasks have waited for, in a
//! [`WaitRegistry`], which dumps read. Tasks are named by their ids, which are unique in the
//! process; zero stands for anything that is not a task.
//!
//! Tracking is on for the whole process once a runtime asks for it: a lock may be shared with code
//! outside of that runtime. While it is off, locks pay for the check of a flag.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::primitive;
use crate::slots::Key;

static ARE_TRACKED: AtomicBool = AtomicBool::new(false);

/// Whether waits are tracked. If so, this stays so.
#[inline]
pub(crate) fn are_tracked() -> bool {
    ARE_TRACKED.load(Ordering::Relaxed)
}

/// Tracks waits from now on.
pub(crate) fn track() {
    ARE_TRACKED.store(true, Ordering::Relaxed);
}

/// What the permits of a primitive are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PermitKind {
    /// A lock: how many permits a guard has is of no interest.
    Lock,
    Semaphore,
    /// The room in a channel, which messages hold and not tasks.
    Room,
}

/// What a guard says about where it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldKind {
    /// It borrows its primitive. If that is not in a `static`, the guard cannot leave the task that
    /// has acquired it.
    Borrowed,
    /// It owns a reference to its primitive, and may be in the hands of another task.
    Owned,
}

/// What a waker wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakerKind {
    /// The task that is polled, by its own waker.
    Task,
    /// The member of a scope that is polled, by its own waker.
    Member,
    /// Something else, for example a combinator that knows which of its futures was woken. Or no
    /// waker is registered.
    Other,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Tracked {
    /// What a task waits for.
    pub(crate) what: &'static str,
    /// Where the primitive was made.
    pub(crate) made_at: &'static Location<'static>,
    pub(crate) kind: PermitKind,
    state: Mutex<TrackedState>,
}

#[derive(Debug, Default)]
struct TrackedState {
    peers: Peers,
    /// The tasks that wait for a message, by their ids, and some that have waited.
    receivers: HashMap<u64, ReceiverPlace>,
    held: Vec<Held>,
    /// How many permits are held by something unknown.
    unknown: usize,
    waiting: Vec<WaitPlace>,
    /// The loops that know it.
    loops: Vec<u32>,
}

/// The permits that a task has acquired by guards of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) task: u64,
    pub(crate) count: usize,
    pub(crate) kind: HoldKind,
}

/// A place in the queue of a primitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitPlace {
    /// Its index in the list of waiters.
    pub(crate) node: u32,
    pub(crate) task: u64,
    /// The registered waker.
    pub(crate) waker: WakerKind,
    /// How many permits it has in its place.
    pub(crate) granted: usize,
    /// How many permits it still waits for; zero once it is notified.
    pub(crate) missing: usize,
    /// Since when it waits, by the clock of the task's loop.
    pub(crate) since: u64,
}

/// The tasks that use a channel, as far as they were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peers {
    /// The task that has sent the last message.
    pub(crate) sender: Option<u64>,
    /// The task that has received the last message.
    pub(crate) receiver: Option<u64>,
}

/// A task that waits for a message of a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiverPlace {
    /// Its loop, and its key there.
    pub(crate) loop_id: u32,
    pub(crate) key: Key,
    /// In which poll it was found that it must wait. If the task was polled since, it has given up,
    /// or the future was not polled.
    pub(crate) poll: u32,
    pub(crate) since: u64,
    /// What it waits for, in words.
    pub(crate) what: &'static str,
}

/// With fewer places than these, those of tasks that no longer wait are not looked for.
const RECEIVERS_SWEEP_MIN: usize = 64;

/// The state of a primitive at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrackedNow {
    pub(crate) peers: Peers,
    /// The tasks that wait for a message, or have waited.
    pub(crate) receivers: Vec<(u64, ReceiverPlace)>,
    pub(crate) held: Vec<Held>,
    pub(crate) unknown: usize,
    pub(crate) waiting: Vec<WaitPlace>,
}

impl Tracked {
    pub(crate) fn new(
        what: &'static str,
        made_at: &'static Location<'static>,
        kind: PermitKind,
    ) -> Arc<Self> {
        Arc::new(Tracked {
            what,
            made_at,
            kind,
            state: Mutex::default(),
        })
    }

    /// Locks the state. Nothing else is locked under this lock, and no users' code runs.
    fn lock(&self) -> MutexGuard<'_, TrackedState> {
        primitive::lock(&self.state)
    }

    /// Adds permits that are held by something unknown.
    pub(crate) fn find_unknown(&self, count: usize) {
        self.lock().unknown += count;
    }

    /// Adds permits that `task` has acquired.
    pub(crate) fn acquire(&self, task: u64, count: usize, kind: HoldKind) {
        let mut state = self.lock();
        if task == 0 {
            state.unknown += count;
        } else if let Some(held) = state.find(|held| held.task == task && held.kind == kind) {
            held.count += count;
        } else {
            state.held.push(Held { task, count, kind });
        }
    }

    /// Removes permits that `task` has released or forgotten.
    ///
    /// Guards do not know which task has acquired them. If this task has none, its guard was moved
    /// to it, and if it is not clear whose it was, none of the holders are known from now on.
    pub(crate) fn release(&self, task: u64, count: usize, kind: HoldKind) {
        let mut state = self.lock();
        let own = state.find(|held| held.task == task && held.kind == kind);
        if let Some(held) = own.filter(|held| held.count >= count) {
            held.count -= count;
        } else {
            state.release_moved(count, kind);
        }
        state.held.retain(|held| held.count > 0);
    }

    /// Adds a place in the queue.
    pub(crate) fn begin_wait(&self, waiting: WaitPlace) {
        self.lock().waiting.push(waiting);
    }

    /// Sets which task polls the future that is in a place.
    pub(crate) fn poll_wait(&self, node: u32, task: u64, waker: WakerKind) {
        if let Some(waiting) = self.lock().place(node) {
            (waiting.task, waiting.waker) = (task, waker);
        }
    }

    /// Adds permits to a place in the queue.
    pub(crate) fn grant(&self, node: u32, count: usize) {
        if let Some(waiting) = self.lock().place(node) {
            waiting.granted += count;
            waiting.missing -= count;
        }
    }

    /// Removes a place.
    pub(crate) fn end_wait(&self, node: u32) {
        self.lock().waiting.retain(|waiting| waiting.node != node);
    }

    /// Notifies all places, without permits.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state
            .waiting
            .iter_mut()
            .for_each(|waiting| waiting.missing = 0);
    }

    /// Notes that a task has sent a message, if it is a task.
    pub(crate) fn sent(&self, task: Option<u64>) {
        self.lock().peers.sender = task;
    }

    /// Notes that a task has received a message, if it is a task.
    pub(crate) fn received(&self, task: Option<u64>) {
        let mut state = self.lock();
        state.peers.receiver = task;
        if let Some(task) = task {
            state.receivers.remove(&task);
        }
    }

    /// Notes that a task waits for a message. `is_current` says whether another place may still be
    /// that of a task that waits.
    pub(crate) fn wait_for_message(
        &self,
        task: u64,
        mut place: ReceiverPlace,
        is_current: impl Fn(&ReceiverPlace) -> bool,
    ) {
        let mut state = self.lock();
        let receivers = &mut state.receivers;
        // The capacity doubles when most places are current.
        if receivers.len() >= RECEIVERS_SWEEP_MIN && receivers.len() == receivers.capacity() {
            receivers.retain(|_, place| is_current(place));
        }
        match receivers.entry(task) {
            Entry::Occupied(mut entry) => {
                let before = entry.get();
                // It has waited in each of its polls since then.
                if place.poll.wrapping_sub(before.poll) <= 1 && place.what == before.what {
                    place.since = before.since;
                }
                entry.insert(place);
            }
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
        }
    }

    /// Returns the present state.
    pub(crate) fn now(&self) -> TrackedNow {
        let state = self.lock();
        TrackedNow {
            peers: state.peers,
            receivers: state
                .receivers
                .iter()
                .map(|(id, place)| (*id, *place))
                .collect(),
            held: state.held.clone(),
            unknown: state.unknown,
            waiting: state.waiting.clone(),
        }
    }
}

impl TrackedState {
    fn find(&mut self, mut is_it: impl FnMut(&Held) -> bool) -> Option<&mut Held> {
        self.held.iter_mut().find(|held| is_it(held))
    }

    fn place(&mut self, node: u32) -> Option<&mut WaitPlace> {
        let mut waiting = self.waiting.iter_mut();
        waiting.find(|waiting| waiting.node == node)
    }

    /// Removes permits of a guard of which it is not known which task has acquired it.
    fn release_moved(&mut self, count: usize, kind: HoldKind) {
        let of_kind = |held: &&Held| held.kind == kind;
        let candidates = self.held.iter().filter(of_kind).count();
        let is_clear = candidates == 1 && self.unknown == 0;
        if is_clear && let Some(held) = self.find(|held| held.kind == kind && held.count >= count) {
            held.count -= count;
            return;
        }
        let moved: usize = self
            .held
            .iter()
            .filter(of_kind)
            .map(|held| held.count)
            .sum();
        self.held.retain(|held| held.kind != kind);
        self.unknown = (self.unknown + moved).saturating_sub(count);
    }
}

/// What is known of the wakers of a scope whose members all wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeNow {
    /// The task that polls the scope.
    pub(crate) task: u64,
    /// The waker with which it polls.
    pub(crate) waker: WakerKind,
    /// How many clones of its members' wakers exist that do not wait for another member.
    pub(crate) clones: usize,
}

/// A scope, while waits are tracked.
#[derive(Debug)]
pub(crate) struct ScopeRecord(Mutex<ScopeNow>);

impl ScopeRecord {
    pub(crate) fn new(now: ScopeNow) -> Arc<Self> {
        Arc::new(ScopeRecord(Mutex::new(now)))
    }

    pub(crate) fn set(&self, now: ScopeNow) {
        *primitive::lock(&self.0) = now;
    }

    pub(crate) fn get(&self) -> ScopeNow {
        *primitive::lock(&self.0)
    }
}

/// The primitives that tasks of one loop have waited for, and their scopes.
#[derive(Debug, Default)]
pub(crate) struct WaitRegistry {
    tracked: RefCell<Vec<Weak<Tracked>>>,
    scopes: RefCell<Vec<Weak<ScopeRecord>>>,
}

/// A registry with fewer entries is not searched for those that are gone.
const REGISTRY_SWEEP_MIN: usize = 64;

impl WaitRegistry {
    /// Adds a primitive, unless the loop with this id knows it already.
    pub(crate) fn add(&self, loop_id: u32, tracked: &Arc<Tracked>) {
        let mut state = tracked.lock();
        if state.loops.contains(&loop_id) {
            return;
        }
        state.loops.push(loop_id);
        drop(state);
        push(&mut self.tracked.borrow_mut(), tracked);
    }

    /// Adds a scope.
    pub(crate) fn add_scope(&self, scope: &Arc<ScopeRecord>) {
        push(&mut self.scopes.borrow_mut(), scope);
    }

    /// Returns the scopes that still exist.
    pub(crate) fn scopes(&self) -> Vec<ScopeNow> {
        let scopes = self.scopes.borrow();
        let scopes = scopes.iter().filter_map(Weak::upgrade);
        scopes.map(|scope| scope.get()).collect()
    }

    /// Returns the primitives that still exist.
    pub(crate) fn all(&self) -> Vec<Arc<Tracked>> {
        self.tracked
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// Adds a reference, and removes those to what is gone when there is no room.
fn push<T>(list: &mut Vec<Weak<T>>, entry: &Arc<T>) {
    // The capacity doubles when most entries are alive.
    if list.len() >= REGISTRY_SWEEP_MIN && list.len() == list.capacity() {
        list.retain(|weak| weak.strong_count() > 0);
    }
    list.push(Arc::downgrade(entry));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(poll: u32, since: u64) -> ReceiverPlace {
        ReceiverPlace {
            loop_id: 1,
            key: Key::from_bits(7),
            poll,
            since,
            what: "a message",
        }
    }

    fn tracked() -> Arc<Tracked> {
        Tracked::new("room", Location::caller(), PermitKind::Room)
    }

    #[test]
    fn tasks_that_have_given_up_are_forgotten() {
        let tracked = tracked();
        for task in 0..10_000 {
            // Each hundredth task goes on waiting.
            tracked.wait_for_message(task, place(1, task), |other| other.since % 100 == 0);
        }

        let receivers = tracked.now().receivers;
        assert!(receivers.len() < 500, "{}", receivers.len());
        let waiting = receivers.iter().filter(|(task, _)| task % 100 == 0);
        assert_eq!(waiting.count(), 100);
    }

    #[test]
    fn a_wait_begins_anew_after_a_poll_without_it() {
        let tracked = tracked();
        let since = |poll, now| {
            tracked.wait_for_message(1, place(poll, now), |_| true);
            tracked.now().receivers[0].1.since
        };
        assert_eq!(since(1, 10), 10);
        assert_eq!(since(2, 20), 10);
        assert_eq!(since(2, 25), 10);
        assert_eq!(since(4, 40), 40);
        tracked.received(Some(1));
        assert_eq!(since(5, 50), 50);
        tracked.received(Some(2));
        assert_eq!(since(6, 60), 50, "another task has received");
    }
}
