//! How long phases take, if that is measured.

use super::{TICKS_PER_CLOCK_READ, Turn};
use crate::counts::TickStage;
use crate::ready;

/// The beginning of the running phase.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PhaseTiming {
    /// For how long the loop had been active.
    active: u64,
    /// How much the phase had done in earlier ticks.
    work: u64,
}

impl Turn<'_> {
    /// Ends a phase before `next`, if there is more to do for that than usual.
    #[cold]
    pub(super) fn end_phase(&mut self, next: TickStage) {
        if !ready::is_empty() {
            self.defer_ready_tasks();
        }
        self.time_phase(next);
    }

    /// Records how long the phase took that ends now. The time in which the loop has waited is not
    /// part of it.
    fn time_phase(&mut self, next: TickStage) {
        let Some(times) = &self.counts.times else {
            return;
        };
        let (_, active) = self.event_loop.clock.active().read();
        let PhaseTiming {
            active: began,
            work,
        } = self.timing;
        if let Some(recorder) = times.phase(self.position.stage)
            && self.counts.work(self.position.stage) != work
        {
            recorder.record(active.saturating_sub(began));
        }
        self.timing = PhaseTiming {
            active,
            work: self.counts.work(next),
        };
    }

    /// What is done at the end of some ticks only, or of each if phases are measured.
    #[cold]
    pub(super) fn end_tick_specially(&mut self, ticks: u64) {
        self.time_phase(TickStage::Start);
        if ticks.is_multiple_of(TICKS_PER_CLOCK_READ) {
            self.event_loop.clock.now();
            self.event_loop.update_counts();
            self.event_loop.watch_pool();
        }
    }
}
