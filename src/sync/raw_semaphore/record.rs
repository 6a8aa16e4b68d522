//! The queue of a semaphore, and the record of the tasks that hold permits and that wait.
//!
//! There is no record until [waits](crate::waits) are tracked, and then from the first acquisition
//! or wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{FREE_SHIFT, RECORDED, RawSemaphore};
use crate::context;
use crate::sync::lock;
use crate::sync::peers::record_wait;
use crate::sync::wait_list::{PollWaker, WaitKey, WaitList};
use crate::waits::{self, HoldKind, PermitKind, Tracked, WaitPlace, WakerKind};

/// The waiters of a semaphore.
pub(super) struct Queue {
    /// Their notes are the numbers of permits that they still wait for.
    pub(super) waiters: WaitList<usize>,
    record: Option<Arc<Tracked>>,
}

/// The id of the task that runs here, or zero.
fn acting_task() -> u64 {
    context::acting_id().unwrap_or(0)
}

impl Queue {
    pub(super) const fn new() -> Self {
        Queue {
            waiters: WaitList::new(),
            record: None,
        }
    }

    /// Records that the waiter is polled again.
    #[inline]
    pub(super) fn poll_wait(&self, key: &WaitKey, waker: &PollWaker<'_>) {
        if let Some(record) = &self.record {
            record.poll_wait(key.index(), acting_task(), waker.kind());
        }
    }

    /// Records that permits are given to the first waiter.
    #[inline]
    pub(super) fn grant(&self, count: usize) {
        if let Some(record) = &self.record {
            record.grant(self.waiters.first_index(), count);
        }
    }

    /// Records that a waiter leaves.
    #[inline]
    pub(super) fn end_wait(&self, key: &WaitKey) {
        if let Some(record) = &self.record {
            record.end_wait(key.index());
        }
    }

    /// Records that all waiters are notified.
    #[inline]
    pub(super) fn close(&self) {
        if let Some(record) = &self.record {
            record.close();
        }
    }

    /// Records that the task no longer holds permits.
    #[inline]
    pub(super) fn forget_held(&self, count: usize, kind: HoldKind) {
        if let Some(record) = &self.record {
            record.release(acting_task(), count, kind);
        }
    }
}

impl RawSemaphore {
    /// Records that the task has acquired permits, if waits are tracked.
    #[inline]
    pub(in crate::sync) fn acquired(&self, count: usize, kind: HoldKind) {
        if waits::are_tracked() {
            self.record_acquired(count, kind);
        }
    }

    #[cold]
    fn record_acquired(&self, count: usize, kind: HoldKind) {
        if count == 0 {
            return;
        }
        let mut queue = lock(&self.queue);
        let record = self.make_record(&mut queue, count);
        record.acquire(acting_task(), count, kind);
    }

    /// Returns the record. If there was none, permits that are not free and not among the `own`
    /// ones of the caller have an unknown holder.
    ///
    /// A thread that has acquired permits and is about to record that is counted twice then. The
    /// semaphore has an unknown holder for ever, and is in no cycle.
    fn make_record<'a>(&self, queue: &'a mut Queue, own: usize) -> &'a Arc<Tracked> {
        queue.record.get_or_insert_with(|| {
            let record = Tracked::new(self.what, self.made_at, self.kind);
            if self.kind != PermitKind::Room {
                let total = self.total.load(Ordering::Relaxed);
                let state = self.state.fetch_or(RECORDED, Ordering::Relaxed);
                let held = total.saturating_sub(state >> FREE_SHIFT);
                record.find_unknown(held.saturating_sub(own));
            }
            record
        })
    }

    /// Records that the task has sent a message through the channel whose room this is, if waits
    /// are tracked.
    #[inline]
    pub(in crate::sync) fn sent(&self) {
        if waits::are_tracked() {
            self.room_record().sent(context::acting_id());
        }
    }

    /// Records that the task has received a message, if waits are tracked.
    #[inline]
    pub(in crate::sync) fn received(&self) {
        if waits::are_tracked() {
            self.room_record().received(context::acting_id());
        }
    }

    /// Records that the task waits for a message, if waits are tracked.
    #[inline]
    pub(in crate::sync) fn waits_for_message(&self) {
        if waits::are_tracked() {
            self.record_receiver();
        }
    }

    #[cold]
    fn record_receiver(&self) {
        record_wait(&self.room_record(), &"a message (mpsc)");
    }

    #[cold]
    fn room_record(&self) -> Arc<Tracked> {
        Arc::clone(self.make_record(&mut lock(&self.queue), 0))
    }

    /// Records that permits of a guard are forgotten: there are fewer from now on.
    pub(in crate::sync) fn forget_held(&self, count: usize, kind: HoldKind) {
        lock(&self.queue).forget_held(count, kind);
        self.total.fetch_sub(count, Ordering::Relaxed);
    }

    /// Records a new waiter, if waits are tracked: its registered waker, and how many permits it
    /// has and still waits for.
    #[inline]
    pub(super) fn begin_wait(
        &self,
        queue: &mut Queue,
        key: &WaitKey,
        waker: Option<&PollWaker<'_>>,
        permits: (usize, usize),
    ) {
        if waits::are_tracked() {
            self.record_wait(queue, key, waker, permits);
        }
    }

    #[cold]
    fn record_wait(
        &self,
        queue: &mut Queue,
        key: &WaitKey,
        waker: Option<&PollWaker<'_>>,
        (granted, missing): (usize, usize),
    ) {
        let record = self.make_record(queue, granted);
        let since = context::with(|event_loop| {
            event_loop.waits.add(event_loop.id().to_bits(), record);
            event_loop.clock.recent()
        });
        record.begin_wait(WaitPlace {
            node: key.index(),
            task: acting_task(),
            waker: waker.map_or(WakerKind::Other, PollWaker::kind),
            granted,
            missing,
            since: since.unwrap_or(0),
        });
    }
}
