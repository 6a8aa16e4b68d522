//! One call of user code, as a watcher sees it.

use super::user_code::UserCode;
use crate::counts::TickStage;

/// Where a loop is in its tick. No two polls of a task have the same place in the same tick.
// In this order, so that both are copied at once.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct TickPosition {
    /// How many polls the running phase has left.
    pub(crate) budget: u32,
    /// The running phase of this tick.
    pub(crate) stage: TickStage,
}

impl TickPosition {
    #[inline]
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.budget) | (self.stage as u64) << STAGE_SHIFT
    }
}

const STAGE_SHIFT: u32 = 32;

/// The names of the phases, by their number in the tick. Before the first phase there is none.
const PHASES: [Option<&str>; 6] = [
    None,
    Some("timers"),
    Some("pending"),
    Some("poll"),
    Some("check"),
    Some("close"),
];

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

/// What kind of call it is: the number of a [`PollCause`], or with this bit that of the user code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallKind(pub(super) u8);

const OUTSIDE: u8 = 0x80;

impl CallKind {
    #[inline]
    pub(super) fn poll(cause: PollCause) -> Self {
        CallKind(cause as u8)
    }

    /// Of user code that is no poll.
    pub(super) fn outside(what: UserCode) -> Self {
        CallKind(OUTSIDE | what.to_bits())
    }
}

/// See the [module](self). No other call is the same in all of these, except for `within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UserCall {
    /// The number of the run of the loop.
    pub(super) drive: u64,
    pub(super) tick: u64,
    /// The bits of its [`TickPosition`].
    pub(super) position: u64,
    /// The id of the task, or zero.
    pub(super) task: u64,
    /// The address of its spawn site.
    pub(super) site: usize,
    pub(super) kind: CallKind,
    /// What the call does at present: a poll may drop a future.
    pub(super) within: UserCode,
}

impl UserCall {
    /// Whether both are of the same call. What it does may differ.
    pub(super) fn is_same(self, other: UserCall) -> bool {
        let within = self.within;
        self == UserCall { within, ..other }
    }

    /// What the loop calls.
    pub(super) fn what(self) -> UserCode {
        match self.kind.0 {
            kind if self.within == UserCode::POLL && kind & OUTSIDE != 0 => {
                UserCode::from_bits(kind & !OUTSIDE)
            }
            _ => self.within,
        }
    }

    fn stage(self) -> u64 {
        self.position >> STAGE_SHIFT
    }

    /// The name of the phase.
    pub(super) fn phase(self) -> Option<&'static str> {
        PHASES.get(self.stage() as usize).copied().flatten()
    }

    /// A number that changes when the loop asks the OS for events, which it does in the poll phase.
    ///
    /// It also changes between the end of a tick and the next call, and back. A look just then
    /// takes one stretch for several.
    pub(super) fn stretch(self) -> u64 {
        self.tick + u64::from(self.stage() >= TickStage::Poll as u64)
    }

    /// What has woken the task, in words.
    pub(super) fn woken_by(self) -> Option<&'static str> {
        if self.task == 0 {
            return None;
        }
        woken_by(self.kind, self.phase())
    }
}

/// What has woken a task that is polled in a phase for this `cause`, in words.
pub(crate) fn cause_in_words(cause: PollCause, stage: TickStage) -> Option<&'static str> {
    woken_by(CallKind::poll(cause), phase_name(stage))
}

/// The name of a phase, or `None` before the first one.
pub(crate) fn phase_name(stage: TickStage) -> Option<&'static str> {
    PHASES[stage as usize]
}

fn woken_by(kind: CallKind, phase: Option<&'static str>) -> Option<&'static str> {
    if kind == CallKind::poll(PollCause::Message) {
        return Some("a message of another thread");
    }
    match phase {
        Some("pending") => Some("an earlier tick, which had no budget left"),
        _ if kind == CallKind::poll(PollCause::Queued) => Some("running code"),
        Some("timers") => Some("a timer"),
        Some("poll") => Some("the readiness of a source"),
        Some("check") => Some("its turn in the check phase"),
        Some("close") => Some("the end of a close"),
        _ => None,
    }
}

#[cfg(test)]
impl UserCall {
    /// A poll of the task for a timer.
    pub(super) fn of_timer(number: u32, task: u64, tick: u64) -> Self {
        let position = TickPosition {
            budget: number,
            stage: TickStage::Timers,
        };
        UserCall {
            drive: 1,
            tick,
            position: position.to_bits(),
            task,
            site: 0,
            kind: CallKind::poll(PollCause::Event),
            within: UserCode::POLL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tick: u64, stage: TickStage, kind: CallKind, within: UserCode) -> UserCall {
        let position = TickPosition {
            budget: u32::MAX,
            stage,
        };
        UserCall {
            position: position.to_bits(),
            kind,
            within,
            ..UserCall::of_timer(0, 7, tick)
        }
    }

    #[test]
    fn a_call_is_known_by_its_parts() {
        let message = CallKind::poll(PollCause::Message);
        let poll = call(7, TickStage::Close, message, UserCode::POLL);
        assert_eq!(poll.phase(), Some("close"));
        assert_eq!(poll.woken_by(), Some("a message of another thread"));
        assert_eq!(poll.what(), UserCode::POLL);
        let dropping = call(7, TickStage::Close, message, UserCode::FUTURE);
        assert_eq!(dropping.what(), UserCode::FUTURE);
        assert!(poll.is_same(dropping));
        assert!(!poll.is_same(call(8, TickStage::Close, message, UserCode::POLL)));
        assert!(!poll.is_same(call(7, TickStage::Check, message, UserCode::POLL)));

        let outside = CallKind::outside(UserCode::WAKER);
        let waker = call(7, TickStage::Start, outside, UserCode::POLL);
        assert_eq!((waker.phase(), waker.what()), (None, UserCode::WAKER));
        let waker = call(7, TickStage::Start, outside, UserCode::FUTURE);
        assert_eq!(waker.what(), UserCode::FUTURE);
        assert_eq!(UserCall { task: 0, ..poll }.woken_by(), None);
    }

    #[test]
    fn a_stretch_is_from_one_poll_phase_to_the_next() {
        let kind = CallKind::poll(PollCause::Queued);
        let stretch = |tick, stage| call(tick, stage, kind, UserCode::POLL).stretch();
        use TickStage::{Check, Close, Pending, Poll, Timers};
        for (tick, stage) in [(7, Check), (7, Close), (8, Timers), (8, Pending)] {
            assert_eq!(stretch(7, Poll), stretch(tick, stage), "{tick} {stage:?}");
        }
        assert_ne!(stretch(7, Pending), stretch(7, Poll));
        assert_ne!(stretch(8, Pending), stretch(8, Poll));
    }
}
