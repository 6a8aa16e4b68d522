//! The end of a task: its outcome is stored, then taken by its handle or dropped.

use std::any::Any;
use std::cell::RefMut;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{self, Ordering};
use std::task::Context;

use super::work::Erased;
use super::{Caller, Header, Joiner, Note, Task, TaskBody, Tasks, Waiter};
use crate::counts::TaskEnd;
use crate::panics;
use crate::ready;
use crate::slots::{Key, Slots};

impl Tasks {
    /// Puts the body back after a poll, and ends the task if it has an `end`.
    // `always`: of its callers, only one is hot. To call it there costs `ring` 12 of 383
    // instructions.
    #[inline(always)]
    pub(super) fn end_poll(
        &self,
        key: Key,
        body: &mut Option<TaskBody>,
        end: Option<TaskEnd>,
        note: Option<Note>,
    ) {
        let mut slots = self.slots.borrow_mut();
        let Some(task) = slots.get_mut(key) else {
            // The loop was shut down in the poll.
            drop(slots);
            drop(body.take());
            return;
        };
        debug_assert!(task.body.is_none(), "it was taken");
        mem::swap(&mut task.body, body);
        task.note = note;
        if let Some(end) = end {
            self.counts.ended(end).add(1);
            self.finish(slots, key);
        }
    }

    /// Ends a task whose outcome is stored.
    fn finish<'a>(&'a self, mut slots: RefMut<'a, Slots<Task>>, key: Key) {
        let Some(task) = slots.get_mut(key) else {
            return;
        };
        let (id, vars) = (task.id, task.take_vars());
        if !vars.is_empty() {
            // The values are dropped before the joiner is woken.
            drop(slots);
            let what = "the destructor of a context variable's value";
            ready::acting_for(id, || panics::drop_contained(vars, what));
            slots = self.slots.borrow_mut();
        }
        let Some(task) = slots.get_mut(key) else {
            return;
        };
        task.header.set_finished();
        if task.is_job {
            let is_counted = task.is_counted;
            self.count_jobs(|jobs| {
                jobs.all -= 1;
                jobs.referenced -= u32::from(is_counted);
            });
        }
        match &mut task.joiner {
            Joiner::Held => drop(slots),
            Joiner::Returned(_) => self.discard(slots, key),
            joiner @ Joiner::Awaited(_) => {
                let joiner = mem::replace(joiner, Joiner::Held);
                drop(slots);
                if let Joiner::Awaited(waiter) = joiner {
                    self.wake(waiter);
                }
            }
        }
    }

    /// Registers the task that polls with `cx` to be woken when the unfinished task `key` ends.
    /// Returns false, and does nothing, if a foreign waker is involved: see
    /// [`await_end`](Tasks::await_end).
    ///
    /// It runs no foreign code, so the caller may hold a borrow of the current loop. To take a
    /// counted reference to the loop instead costs `spawn-join` 79 of 1522 instructions.
    #[inline]
    pub(crate) fn await_end_plainly(&self, key: Key, cx: &Context<'_>) -> bool {
        let Some(own) = Caller::new(self.home, cx.waker()).as_task() else {
            return false;
        };
        let mut slots = self.slots.borrow_mut();
        match slots.get_mut(key).map(|task| &mut task.joiner) {
            Some(joiner @ (Joiner::Held | Joiner::Awaited(Waiter::Task(_)))) => {
                *joiner = Joiner::Awaited(Waiter::Task(own));
                true
            }
            _ => false,
        }
    }

    /// Registers the waker of `cx` to be woken when the unfinished task `key` ends.
    pub(crate) fn await_end(&self, key: Key, cx: &Context<'_>) {
        let caller = Caller::new(self.home, cx.waker());
        if let Some(task) = self.slots.borrow().get(key)
            && let Joiner::Awaited(joiner) = &task.joiner
            && caller.is(joiner)
        {
            return;
        }
        // Cloning and dropping a waker runs foreign code, so not under a borrow.
        let joiner = Joiner::Awaited(caller.to_waiter());
        let mut slots = self.slots.borrow_mut();
        let task = slots.get_mut(key);
        let old = task.map(|task| mem::replace(&mut task.joiner, joiner));
        drop(slots);
        drop(old);
    }

    /// Moves the outcome of a finished task to `out`, an `Option<Outcome<T>>`, and frees the slot.
    /// `handle` is the reference of the join handle. After the end of the loop there is no outcome.
    /// Runs no user code.
    #[inline]
    pub(crate) fn take_outcome(&self, handle: Arc<Header>, out: &mut dyn Any) {
        let key = handle.key();
        let mut slots = self.slots.borrow_mut();
        let task = slots.get_mut(key);
        let Some((task, mut work)) = task.and_then(Task::take_work) else {
            return;
        };
        task.vacate(handle);
        vacate(&mut slots, key);
        drop(slots);
        work.as_mut().take(out);
        self.spare_boxes.keep(work);
    }

    /// Detaches the handle of a task that has not ended and that no foreign waker awaits. Runs no
    /// user code, so the caller may hold a borrow of the current loop.
    ///
    /// Otherwise returns the handle, for [`detach`](Tasks::detach).
    #[inline]
    pub(crate) fn detach_plainly(&self, handle: Arc<Header>) -> Option<Arc<Header>> {
        let mut slots = self.slots.borrow_mut();
        let joiner = slots.get_mut(handle.key()).map(|task| &mut task.joiner);
        match joiner {
            Some(joiner @ (Joiner::Held | Joiner::Awaited(Waiter::Task(_))))
                if !handle.is_finished() =>
            {
                *joiner = Joiner::Returned(handle);
                None
            }
            _ => Some(handle),
        }
    }

    /// Detaches the handle: the task continues, and its slot is freed when it ends.
    pub(crate) fn detach(&self, handle: Arc<Header>) {
        let key = handle.key();
        let mut slots = self.slots.borrow_mut();
        let Some(task) = slots.get_mut(key) else {
            return;
        };
        let joiner = mem::replace(&mut task.joiner, Joiner::Returned(handle));
        if task.header.is_finished() {
            self.discard(slots, key);
        } else {
            drop(slots);
        }
        drop(joiner);
    }

    /// Frees the slot of a finished task whose outcome no handle takes from here.
    fn discard(&self, mut slots: RefMut<'_, Slots<Task>>, key: Key) {
        let task = slots.get_mut(key);
        let Some((task, mut work)) = task.and_then(Task::take_work) else {
            return;
        };
        let id = task.id;
        let extras = task.extras.as_mut();
        if let Some(sink) = extras.and_then(|extras| extras.sink.take()) {
            task.extras = None;
            vacate(&mut slots, key);
            drop(slots);
            sink.fill(&mut |out| work.as_mut().take(out));
            self.spare_boxes.keep(work);
            return;
        }
        let payload = work.as_mut().take_panic();
        let panicked = payload.map(|payload| (task.identity(), payload));
        let extras = task.extras.take();
        vacate(&mut slots, key);
        drop(slots);
        if let Some((identity, payload)) = panicked {
            self.panic_unhandled(&identity, payload);
        }
        self.release(id, work);
        // Until now a watcher knew the name.
        drop(extras);
    }

    /// Drops the outcome of the task `id`. A panic of its destructor is reported.
    ///
    /// An outcome may own the handle of another task, whose outcome owns a third one, and so on.
    /// They are dropped in a loop and not by recursion.
    fn release(&self, id: u64, work: Pin<Box<dyn Erased>>) {
        if self.is_releasing.replace(true) {
            self.released.borrow_mut().push_back((id, work));
            return;
        }
        let mut next = Some((id, work));
        while let Some((id, mut work)) = next {
            ready::acting_for(id, || work.as_mut().drop_outcome());
            self.spare_boxes.keep(work);
            next = self.released.borrow_mut().pop_front();
        }
        self.is_releasing.set(false);
    }

    /// Drops all futures in the order in which they were spawned, and ends their tasks as
    /// cancelled.
    ///
    /// The event loop refuses tasks that the destructors spawn.
    pub(crate) fn cancel_all(&self) {
        for key in self.unfinished_in_order() {
            let mut body = self
                .slots
                .borrow_mut()
                .get_mut(key)
                .and_then(|task| task.body.take());
            if let Some(present) = &mut body {
                self.end_body(key, present);
                self.end_poll(key, &mut body, Some(TaskEnd::Cancelled), None);
            }
        }
    }

    /// Drops the future of a task that is cancelled.
    pub(super) fn end_body(&self, key: Key, body: &mut TaskBody) {
        let (id, mut vars) = match self.slots.borrow_mut().get_mut(key) {
            Some(task) => (task.id, task.take_vars()),
            None => return,
        };
        if let Some(work) = &mut body.work {
            let end = || ready::acting_for(id, || work.as_mut().end());
            vars.with(|| body.span.in_scope(end));
        }
        body.span.close();
        self.keep_vars(key, vars);
    }

    /// Drops all tasks that are left, with the outcomes that were not taken.
    pub(crate) fn release_all(&self) {
        let keys: Vec<Key> = self.slots.borrow().iter().map(|(key, _)| key).collect();
        for key in keys {
            let task = self.slots.borrow_mut().remove(key);
            let Some(mut task) = task else { continue };
            if !task.header.is_finished() {
                // It is being polled, and has ended the loop.
                self.counts.ended(TaskEnd::Cancelled).add(1);
            }
            let identity = task.identity();
            if let Some((_, mut work)) = task.take_work() {
                if let Some(payload) = work.as_mut().take_panic() {
                    self.panic_unhandled(&identity, payload);
                }
                self.release(identity.id, work);
            }
            task.header.set_finished();
            panics::drop_contained(task, "the destructor of a waker");
        }
    }
}

/// Frees the slot of a task that was made vacant. The next task reuses the header, unless something
/// else still refers to it and could wake the next task by mistake.
// `always`: the three that free a slot save 66 instructions of spawn-join in this way.
#[inline(always)]
pub(super) fn vacate(slots: &mut Slots<Task>, key: Key) {
    // Three references: those of the slot, the handle and the waker. More could only come from a
    // clone of one of these three, which are all here.
    let is_free = slots
        .get(key)
        .is_some_and(|task| Arc::strong_count(&task.header) == 3);
    if is_free {
        // Pairs with the release decrement of the count by the last other owner.
        atomic::fence(Ordering::Acquire);
        slots.vacate(key);
    } else {
        slots.remove(key);
    }
}
