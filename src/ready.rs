//! The ready queue: a FIFO of the tasks that were woken on the loop's thread.
//!
//! While a loop runs, its queue is in a thread-local, next to the loop's id. So a wake compares the
//! id and pushes a key, without lock or reference count. `context` puts the queue there when the
//! loop starts to run and takes it out when it stops; in between no other loop runs on this thread.
//! For a loop that does not run here, [`push`] returns false, and the wake goes through the inbox.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::{self, ManuallyDrop};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{RawWakerVTable, Waker};

use crate::scope_guard::on_drop;
use crate::slots::Key;

/// The initial capacity of the queue, so that most programs never grow it.
pub(crate) const ROOM: usize = 1024;

/// An idle loop shrinks a queue of more capacity than this.
pub(crate) const ROOM_KEPT_MAX: usize = 4096;

/// The id of a loop, unique in the process. Never zero, except in [`absent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LoopId(u32);

impl LoopId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(
            id != 0 && id & DEFERRING == 0,
            "a process makes fewer than 2^31 loops"
        );
        LoopId(id)
    }

    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }
}

/// Set in [`Home::running`] while wakes go to the deferred list instead of the queue.
const DEFERRING: u32 = 1 << 31;

/// The state of the loop that runs on a thread.
struct Home {
    /// The id of the running loop, or zero.
    running: Cell<u32>,
    // Without a destructor the thread-local needs no registration and no liveness check. Nothing
    // leaks: `stop` takes the queue out, and an empty one owns no memory.
    queue: ManuallyDrop<RefCell<VecDeque<Key>>>,
    /// Tasks that ran out of budget: woken while [`deferring`].
    deferred: ManuallyDrop<RefCell<Vec<Key>>>,
    /// The task that is being polled.
    polled: Cell<Polled>,
    /// The halves of the waker of the scope's member that is being polled, if waits are tracked.
    member: Cell<Option<(*const (), *const RawWakerVTable)>>,
    /// What that task waits for, in words.
    note: Cell<Option<&'static &'static str>>,
    /// The id of the task whose future or output is being dropped, or zero.
    acting: Cell<u64>,
    /// Whether this thread runs a closure in [`absent`].
    is_absent: Cell<bool>,
}

impl Home {
    #[inline]
    fn is_running(&self, id: LoopId) -> bool {
        self.running.get() & !DEFERRING == id.0
    }

    /// Checks what holds when the event loop takes a task and when a poll begins.
    #[inline]
    fn assert_between_polls(&self) {
        debug_assert_ne!(self.running.get(), 0, "a loop runs");
        debug_assert_eq!(self.running.get() & DEFERRING, 0, "no poll is under way");
        debug_assert!(self.polled.get().is_none(), "no task is being polled");
        debug_assert!(
            self.deferred.borrow().is_empty(),
            "the last poll's deferred tasks are in the pending phase"
        );
    }

    /// Adds a task of the `running` loop to the queue, or to the deferred list.
    fn push(&self, key: Key, running: u32) {
        debug_assert_ne!(key, Key::DANGLING, "a task has a slot");
        if running & DEFERRING == 0 {
            self.queue.borrow_mut().push_back(key);
        } else {
            self.deferred.borrow_mut().push(key);
        }
    }
}

/// A task that is being polled.
#[derive(Clone, Copy, Debug)]
struct Polled {
    key: Key,
    /// The two halves of its waker, only ever compared; null if no task is being polled.
    waker_data: *const (),
    waker_vtable: *const RawWakerVTable,
}

impl Polled {
    const NONE: Polled = Polled {
        key: Key::DANGLING,
        waker_data: ptr::null(),
        waker_vtable: ptr::null(),
    };

    #[inline]
    fn is_waker(&self, waker: &Waker) -> bool {
        self.waker_data == waker.data() && ptr::eq(self.waker_vtable, waker.vtable())
    }

    fn is_none(self) -> bool {
        self.key == Key::DANGLING
    }
}

thread_local! {
    static HOME: Home = const {
        Home {
            running: Cell::new(0),
            queue: ManuallyDrop::new(RefCell::new(VecDeque::new())),
            deferred: ManuallyDrop::new(RefCell::new(Vec::new())),
            polled: Cell::new(Polled::NONE),
            member: Cell::new(None),
            note: Cell::new(None),
            acting: Cell::new(0),
            is_absent: Cell::new(false),
        }
    };
}

/// The state before [`start`], which [`stop`] restores.
#[derive(Debug)]
pub(crate) struct Outer {
    running: u32,
    queue: VecDeque<Key>,
    polled: Polled,
    note: Option<&'static &'static str>,
    acting: u64,
}

/// Makes `id` the running loop of this thread, with `queue` as its ready queue.
pub(crate) fn start(id: LoopId, queue: VecDeque<Key>) -> Outer {
    HOME.with(|home| Outer {
        running: home.running.replace(id.0),
        queue: home.queue.replace(queue),
        polled: home.polled.replace(Polled::NONE),
        note: home.note.take(),
        acting: home.acting.replace(0),
    })
}

/// Restores the state before [`start`] and returns the ready queue.
pub(crate) fn stop(outer: Outer) -> VecDeque<Key> {
    HOME.with(|home| {
        home.running.set(outer.running);
        home.polled.set(outer.polled);
        home.note.set(outer.note);
        home.acting.set(outer.acting);
        home.queue.replace(outer.queue)
    })
}

/// Whether some loop runs on this thread.
pub(crate) fn is_any_running() -> bool {
    HOME.with(|home| home.running.get() != 0)
}

/// If loop `id` runs on this thread, queues the key that `enqueue` returns. Otherwise returns false
/// and does not call `enqueue`.
#[inline]
pub(crate) fn push(id: LoopId, enqueue: impl FnOnce() -> Option<Key>) -> bool {
    HOME.with(|home| {
        let running = home.running.get();
        if running & !DEFERRING != id.0 {
            return false;
        }
        if let Some(key) = enqueue() {
            home.push(key, running);
        }
        true
    })
}

/// Queues a key ahead of all others.
pub(crate) fn push_front(key: Key) {
    HOME.with(|home| home.queue.borrow_mut().push_front(key));
}

/// Takes the first task. The caller is the event loop, between two polls.
#[inline]
pub(crate) fn pop() -> Option<Key> {
    HOME.with(|home| {
        home.assert_between_polls();
        home.queue.borrow_mut().pop_front()
    })
}

#[inline]
pub(crate) fn len() -> usize {
    HOME.with(|home| home.queue.borrow().len())
}

#[inline]
pub(crate) fn is_empty() -> bool {
    len() == 0
}

/// Frees the memory of a past burst. To be called when the queue is empty and no task is about to
/// fill it again.
#[inline]
pub(crate) fn trim() {
    HOME.with(|home| {
        let mut queue = home.queue.borrow_mut();
        if queue.capacity() > ROOM_KEPT_MAX {
            queue.shrink_to(ROOM);
        }
    });
}

/// Takes the tasks that were queued since the queue had `mark` entries.
pub(crate) fn split_off(mark: usize) -> VecDeque<Key> {
    HOME.with(|home| home.queue.borrow_mut().split_off(mark))
}

/// Calls `wake`. The tasks of the running loop that it wakes are put on the deferred list, for the
/// pending phase, instead of the queue. For a task without budget, which wakes itself.
pub(crate) fn deferring(wake: impl FnOnce()) {
    let outer = HOME.with(|home| {
        let running = home.running.get();
        if running != 0 {
            home.running.set(running | DEFERRING);
        }
        running
    });
    let _restore = on_drop(|| HOME.with(|home| home.running.set(outer)));
    wake();
}

/// The task of loop `id` that is being polled.
#[inline]
pub(crate) fn polled_task(id: LoopId) -> Option<Key> {
    HOME.with(|home| {
        let key = home.polled.get().key;
        (home.is_running(id) && key != Key::DANGLING).then_some(key)
    })
}

/// Whether loop `id` runs on this thread.
pub(crate) fn is_running(id: LoopId) -> bool {
    HOME.with(|home| home.is_running(id))
}

/// Calls `f` as if no loop ran on this thread: wakes go through the inbox. For blocking jobs that
/// run on the loop's thread.
pub(crate) fn absent(f: impl FnOnce()) {
    // No loop has this id.
    let outer = start(LoopId(0), VecDeque::new());
    let was_absent = HOME.with(|home| home.is_absent.replace(true));
    let _restore = on_drop(|| {
        drop(stop(outer));
        HOME.with(|home| home.is_absent.set(was_absent));
    });
    f();
}

/// Whether the caller runs in [`absent`].
pub(crate) fn is_absent() -> bool {
    HOME.with(|home| home.is_absent.get())
}

/// Whether the deferred list has tasks.
#[inline]
pub(crate) fn has_deferred() -> bool {
    HOME.with(|home| !home.deferred.borrow().is_empty())
}

/// Calls `take` with each task of the deferred list, and empties the list.
#[cold]
pub(crate) fn drain_deferred(take: impl FnMut(Key)) {
    let deferred = HOME.with(|home| {
        debug_assert!(
            home.polled.get().is_none(),
            "deferred tasks are taken between polls"
        );
        mem::take(&mut *home.deferred.borrow_mut())
    });
    deferred.into_iter().for_each(take);
}

/// Calls `poll`, which polls the task `key` with the task's own `waker`. Also returns what the task
/// waits for, in words.
#[inline]
pub(crate) fn polling<R>(
    key: Key,
    waker: &Waker,
    poll: impl FnOnce() -> R,
) -> (R, Option<&'static &'static str>) {
    let polled = Polled {
        key,
        waker_data: waker.data(),
        waker_vtable: waker.vtable(),
    };
    HOME.with(|home| {
        home.assert_between_polls();
        home.polled.set(polled);
        // A future that was polled outside of all tasks may have left a note.
        home.note.set(None);
    });
    let result = poll();
    let note = HOME.with(|home| {
        debug_assert_eq!(
            home.polled.get().key,
            key,
            "a poll restores what it changes"
        );
        // Not the former value: a poll within a poll is one of another loop, and `stop` restores
        // it.
        home.polled.set(Polled::NONE);
        home.note.get()
    });
    (result, note)
}

/// Sets what the task that is being polled waits for.
#[inline]
pub(crate) fn set_note(what: &'static &'static str) {
    HOME.with(|home| home.note.set(Some(what)));
}

/// What the task that is being polled waits for.
#[inline]
pub(crate) fn note() -> Option<&'static &'static str> {
    HOME.with(|home| home.note.get())
}

/// Calls `f`, which drops a future or output of the task with this id outside of a poll.
#[inline]
pub(crate) fn acting_for<R>(id: u64, f: impl FnOnce() -> R) -> R {
    let _acting = Acting::begin(id);
    f()
}

/// A call of [`acting_for`]: its part that is compiled once.
struct Acting {
    outer: u64,
}

impl Acting {
    fn begin(id: u64) -> Self {
        Acting {
            outer: HOME.with(|home| home.acting.replace(id)),
        }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        HOME.with(|home| home.acting.set(self.outer));
    }
}

/// The id of the task of the innermost [`acting_for`].
pub(crate) fn acting() -> Option<u64> {
    HOME.with(|home| Some(home.acting.get()).filter(|id| *id != 0))
}

/// The task of loop `id` that is being polled, or [`Key::DANGLING`], and whether `waker` is its
/// own.
///
/// Both halves of the waker are compared: a combinator may wrap a waker and keep its data pointer.
#[inline]
pub(crate) fn polled_by(id: LoopId, waker: &Waker) -> (Key, bool) {
    HOME.with(|home| {
        let polled = home.polled.get();
        if !home.is_running(id) {
            return (Key::DANGLING, false);
        }
        (polled.key, polled.is_waker(waker))
    })
}

/// Returns whether `waker` is the own waker of the task that this thread polls: cloning and
/// dropping it runs no users' code.
#[inline]
pub(crate) fn is_polled_with(waker: &Waker) -> bool {
    HOME.with(|home| home.polled.get().is_waker(waker))
}

/// Notes that a member of a scope is polled with its own `waker`, until the result is dropped.
pub(crate) fn polling_member(waker: &Waker) -> impl Drop {
    let halves = Some((waker.data(), ptr::from_ref(waker.vtable())));
    let outer = HOME.with(|home| home.member.replace(halves));
    on_drop(move || HOME.with(|home| home.member.set(outer)))
}

/// Returns whether `waker` is the own waker of the member of a scope that this thread polls. Says
/// no unless the scope polls it by [`polling_member`].
pub(crate) fn is_member_waker(waker: &Waker) -> bool {
    let halves = HOME.with(|home| home.member.get());
    halves.is_some_and(|(data, vtable)| data == waker.data() && ptr::eq(vtable, waker.vtable()))
}

/// Returns whether `waker` is the waker of a task of any loop. Says no while no task is polled.
#[inline]
pub(crate) fn is_task_waker(waker: &Waker) -> bool {
    HOME.with(|home| ptr::eq(home.polled.get().waker_vtable, waker.vtable()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waker_is_own_only_by_both_of_its_halves() {
        let id = LoopId::next();
        let key = Key::from_bits(7);
        // Both have a null data pointer, and different vtables.
        let (own, other) = (Waker::noop(), futures::task::noop_waker_ref());
        assert_eq!(own.data(), other.data());

        let outer = start(id, VecDeque::new());
        let poll = || [polled_by(id, own), polled_by(id, other)];
        let (polled, _) = polling(key, own, poll);
        assert_eq!(polled, [(key, true), (key, false)]);
        assert_eq!(polled_by(id, own), (Key::DANGLING, false));
        drop(stop(outer));
        assert_eq!(polled_by(id, own), (Key::DANGLING, false));
    }
}
