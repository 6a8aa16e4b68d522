//! What a loop runs at present, as its watcher sees it.
//!
//! The loop writes with plain stores, so the watcher may see some of them and not yet the others.
//! This does no harm: it reports only what it has seen unchanged for long.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread::Thread;

use super::user_code::UserCode;
use crate::identity::Origin;
use crate::primitive;

/// The loop runs.
const BUSY: u8 = 0;
/// The loop sleeps, or is not driven. It is this at first.
const IDLE: u8 = 1;
/// The same, and the watcher is parked until the loop runs.
const PARKED: u8 = 2;
/// The loop has ended.
const ENDED: u8 = 3;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct NowRunning {
    state: AtomicU8,
    run: AtomicU64,
    task: AtomicU64,
    place: AtomicU64,
    /// The names and spawn sites of tasks, which places refer to by their number, from one.
    pub(super) origins: Mutex<Vec<Origin>>,
    /// The thread of the watcher, or none if it could not be started.
    watcher: OnceLock<Option<Thread>>,
}

impl Default for NowRunning {
    fn default() -> Self {
        NowRunning {
            state: AtomicU8::new(IDLE),
            run: AtomicU64::new(0),
            task: AtomicU64::new(0),
            place: AtomicU64::new(0),
            origins: Mutex::default(),
            watcher: OnceLock::new(),
        }
    }
}

/// What a loop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopState {
    Busy,
    Idle,
    Ended,
}

/// One call of user code. No other has the same number, task and tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UserCall {
    /// The number of calls of this drive before it.
    pub(super) run: u64,
    /// The id of the task, or zero.
    pub(super) task: u64,
    pub(super) place: Place,
}

impl UserCall {
    /// Whether both are of the same call. What it does may differ: a poll may drop a future.
    pub(super) fn is_same(self, other: UserCall) -> bool {
        let place = |running: UserCall| running.place.with_what(UserCode::POLL);
        self.run == other.run && self.task == other.task && place(self) == place(other)
    }
}

impl NowRunning {
    /// The loop calls user code.
    #[inline]
    pub(super) fn begin(&self, run: u64, task: u64, place: Place) {
        self.run.store(run, Ordering::Relaxed);
        self.task.store(task, Ordering::Relaxed);
        self.place.store(place.0, Ordering::Relaxed);
    }

    /// What is called now does `what`. Returns what [`leave`](NowRunning::leave) restores.
    pub(super) fn enter(&self, what: UserCode) -> u64 {
        let outer = self.place.load(Ordering::Relaxed);
        self.place
            .store(Place(outer).with_what(what).0, Ordering::Relaxed);
        outer
    }

    pub(super) fn leave(&self, outer: u64) {
        self.place.store(outer, Ordering::Relaxed);
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
            run: self.run.load(Ordering::Relaxed),
            task: self.task.load(Ordering::Relaxed),
            place: Place(self.place.load(Ordering::Relaxed)),
        }
    }

    /// The name and the spawn site of the task that runs at `place`.
    pub(super) fn origin_at(&self, place: Place) -> Option<Origin> {
        let index = place.origin().checked_sub(1)?;
        let origins = primitive::lock(&self.origins);
        origins.get(usize::from(index)).cloned()
    }
}

/// Where a loop is, in one word: from the lowest bit 16 for the origin of the task, 4 for the
/// phase, 4 for what has woken the task, 8 for the user code, 32 for the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

const PHASE_SHIFT: u32 = 16;
const CAUSE_SHIFT: u32 = 20;
const WHAT_SHIFT: u32 = 24;
const TICK_SHIFT: u32 = 32;

/// The names of the phases, by their number in the tick. Before the first tick there is none.
const PHASES: [Option<&str>; 6] = [
    None,
    Some("timers"),
    Some("pending"),
    Some("poll"),
    Some("check"),
    Some("close"),
];

/// The number of the poll phase.
const POLL_PHASE: u64 = 3;

/// Why a task is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum PollCause {
    /// It was in the ready queue or in pending.
    Queued,
    /// An event of a phase names it. A task that is in a queue is not polled now but from there.
    Event,
    /// The same, if the event is a message of another thread.
    Message,
}

impl Place {
    #[inline]
    pub(crate) fn new(tick: u64, phase: u64, cause: PollCause) -> Self {
        Place(tick << TICK_SHIFT | phase << PHASE_SHIFT | (cause as u64) << CAUSE_SHIFT)
    }

    #[inline]
    pub(super) fn with_origin(self, origin: u16) -> Self {
        Place(self.0 | u64::from(origin))
    }

    pub(super) fn with_what(self, what: UserCode) -> Self {
        let mask = 0xff << WHAT_SHIFT;
        Place(self.0 & !mask | u64::from(what.to_bits()) << WHAT_SHIFT)
    }

    fn origin(self) -> u16 {
        self.0 as u16
    }

    fn phase_number(self) -> u64 {
        self.0 >> PHASE_SHIFT & 0xf
    }

    /// The name of the phase.
    pub(crate) fn phase(self) -> Option<&'static str> {
        PHASES.get(self.phase_number() as usize).copied().flatten()
    }

    pub(super) fn what(self) -> UserCode {
        UserCode::from_bits((self.0 >> WHAT_SHIFT) as u8)
    }

    /// A number that changes when the loop asks the OS for events, which it does in the poll phase.
    pub(super) fn stretch(self) -> u64 {
        (self.0 >> TICK_SHIFT) + u64::from(self.phase_number() >= POLL_PHASE)
    }

    /// What has woken the task, in words.
    pub(crate) fn woken_by(self) -> Option<&'static str> {
        let is = |cause: PollCause| self.0 >> CAUSE_SHIFT & 0xf == cause as u64;
        if is(PollCause::Message) {
            return Some("a message of another thread");
        }
        match self.phase() {
            Some("pending") => Some("an earlier tick, which had no budget left"),
            _ if is(PollCause::Queued) => Some("running code"),
            Some("timers") => Some("a timer"),
            Some("poll") => Some("the readiness of a source"),
            Some("check") => Some("its turn in the check phase"),
            Some("close") => Some("the end of a close"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_room_for_all_its_parts() {
        let place = Place::new(u64::from(u32::MAX), 5, PollCause::Message)
            .with_origin(u16::MAX)
            .with_what(UserCode::WAKER);
        assert_eq!(place.origin(), u16::MAX);
        assert_eq!(place.phase(), Some("close"));
        assert_eq!(place.woken_by(), Some("a message of another thread"));
        assert_eq!(place.what(), UserCode::WAKER);
        assert_eq!(place.stretch(), u64::from(u32::MAX) + 1);
        let place = place.with_what(UserCode::POLL);
        assert_eq!((place.what(), place.origin()), (UserCode::POLL, u16::MAX));
        assert_eq!(Place::new(7, 0, PollCause::Queued).phase(), None);
    }

    #[test]
    fn a_stretch_is_from_one_poll_phase_to_the_next() {
        let stretch = |tick, phase| Place::new(tick, phase, PollCause::Queued).stretch();
        for (tick, phase) in [(7, 4), (7, 5), (8, 1), (8, 2)] {
            assert_eq!(stretch(7, 3), stretch(tick, phase), "{tick} {phase}");
        }
        assert_ne!(stretch(7, 2), stretch(7, 3));
        assert_ne!(stretch(8, 2), stretch(8, 3));
    }
}
