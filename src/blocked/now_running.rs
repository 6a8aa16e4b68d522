//! What a loop runs at present, as its watcher sees it.
//!
//! The loop writes with plain stores, so the watcher may see some of them and not yet the others.
//! This does no harm: it reports only what it has seen unchanged for long. What the loop counts
//! anyway, its ticks, it does not write again, and what is the same in all polls of a task, the
//! watcher looks up.

use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use super::origins::{self, KnownOrigins};
use super::user_call::{CallKind, PollCause, TickPosition, UserCall};
use super::user_code::UserCode;
use crate::counts::LoopCounts;
use crate::identity::Identity;
use crate::report::TaskMeta;

/// The loop runs.
const BUSY: u8 = 0;
/// The loop sleeps, or is not driven. It is this at first.
const IDLE: u8 = 1;
/// The same, and the watcher is parked until the loop runs.
const PARKED: u8 = 2;
/// The loop has ended.
const ENDED: u8 = 3;

/// See the [module](self).
pub(crate) struct NowRunning {
    state: AtomicU8,
    /// The number of the run of the loop.
    drive: AtomicU64,
    task: AtomicU64,
    site: AtomicUsize,
    position: AtomicU64,
    kind: AtomicU8,
    /// What the call does: a poll, except while something else is noted.
    within: AtomicU8,
    counts: Arc<LoopCounts>,
    pub(super) origins: KnownOrigins,
    /// The thread of the watcher, or none if it could not be started.
    watcher: OnceLock<Option<Thread>>,
}

/// What a loop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopState {
    Busy,
    Idle,
    Ended,
}

impl NowRunning {
    /// Of a loop that counts its ticks in `counts`.
    pub(crate) fn new(counts: Arc<LoopCounts>) -> Self {
        NowRunning {
            state: AtomicU8::new(IDLE),
            drive: AtomicU64::new(0),
            task: AtomicU64::new(0),
            site: AtomicUsize::new(0),
            position: AtomicU64::new(0),
            kind: AtomicU8::new(0),
            within: AtomicU8::new(UserCode::POLL.to_bits()),
            counts,
            origins: KnownOrigins::default(),
            watcher: OnceLock::new(),
        }
    }

    /// The loop is about to poll a task here, if it is to be polled.
    #[inline]
    pub(crate) fn prepare_poll(&self, position: TickPosition, cause: PollCause) {
        self.position.store(position.to_bits(), Ordering::Relaxed);
        let kind = CallKind::poll(cause);
        self.kind.store(kind.0, Ordering::Relaxed);
    }

    /// The loop polls this task.
    #[inline]
    pub(super) fn poll(&self, task: u64, location: &'static Location<'static>) {
        self.task.store(task, Ordering::Relaxed);
        self.site
            .store(origins::address(location), Ordering::Relaxed);
    }

    /// The loop runs user code that is no poll.
    pub(crate) fn begin_outside(&self, position: TickPosition, what: UserCode) {
        self.task.store(0, Ordering::Relaxed);
        self.position.store(position.to_bits(), Ordering::Relaxed);
        let kind = CallKind::outside(what);
        self.kind.store(kind.0, Ordering::Relaxed);
    }

    /// What is called now does `what`, until [`leave`](NowRunning::leave).
    #[inline]
    pub(super) fn enter(&self, what: UserCode) {
        self.within.store(what.to_bits(), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn leave(&self) {
        let poll = UserCode::POLL.to_bits();
        self.within.store(poll, Ordering::Relaxed);
    }

    /// A run of the loop begins.
    pub(super) fn begin_drive(&self) {
        let before = self.drive.load(Ordering::Relaxed);
        self.drive.store(before + 1, Ordering::Relaxed);
        self.wakes();
    }

    /// The loop sleeps.
    pub(super) fn sleeps(&self) {
        // It fails if the loop has ended.
        let _has_ended = self.change_state(BUSY, IDLE);
    }

    /// The loop runs. A watcher that is parked is unparked.
    pub(super) fn wakes(&self) {
        match self.state.swap(BUSY, Ordering::AcqRel) {
            PARKED => self.unpark(),
            ENDED => self.end(),
            _ => {}
        }
    }

    /// The loop ends.
    pub(super) fn end(&self) {
        self.state.store(ENDED, Ordering::Release);
        self.unpark();
    }

    #[cold]
    fn unpark(&self) {
        if let Some(Some(watcher)) = self.watcher.get() {
            watcher.unpark();
        }
    }

    pub(super) fn has_watcher(&self) -> bool {
        self.watcher.get().is_some()
    }

    pub(super) fn set_watcher(&self, watcher: Option<Thread>) {
        // It is set once, by the loop's thread.
        let _is_set = self.watcher.set(watcher);
    }

    pub(super) fn state(&self) -> LoopState {
        match self.state.load(Ordering::Acquire) {
            BUSY => LoopState::Busy,
            ENDED => LoopState::Ended,
            _ => LoopState::Idle,
        }
    }

    /// The watcher is about to park. Returns false if the loop no longer sleeps.
    pub(super) fn park(&self) -> bool {
        self.change_state(IDLE, PARKED)
    }

    fn change_state(&self, from: u8, to: u8) -> bool {
        self.state
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Whether the watcher may stay parked.
    pub(super) fn is_parked(&self) -> bool {
        self.state.load(Ordering::Acquire) == PARKED
    }

    pub(super) fn running(&self) -> UserCall {
        UserCall {
            drive: self.drive.load(Ordering::Relaxed),
            tick: self.counts.ticks.get(),
            position: self.position.load(Ordering::Relaxed),
            task: self.task.load(Ordering::Relaxed),
            site: self.site.load(Ordering::Relaxed),
            kind: CallKind(self.kind.load(Ordering::Relaxed)),
            within: UserCode::from_bits(self.within.load(Ordering::Relaxed)),
        }
    }

    /// The task of a call. It has no name here after its end.
    pub(super) fn task_of(&self, call: UserCall) -> Option<TaskMeta> {
        let id = Some(call.task).filter(|id| *id != 0)?;
        let origin = self.origins.find(id, call.site)?;
        Some(TaskMeta::new(Identity { id, origin }))
    }
}

#[cfg(test)]
impl Default for NowRunning {
    fn default() -> Self {
        NowRunning::new(Arc::default())
    }
}

impl fmt::Debug for NowRunning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NowRunning")
            .field("state", &self.state)
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}
