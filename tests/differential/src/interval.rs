//! Intervals with each `MissedTickBehavior`: ticks that come late, are given up or reset, on paused
//! time.
//!
//! Times are whole milliseconds, which is what tokio's timers can keep, and periods are longer than
//! the 5 ms that both call late: quintet also calls a tick late that is late by a shorter period.

use crate::driver::{compare, on_both_sides};
use crate::programs::operations;

/// Milliseconds of a wait or a period.
const LONG: usize = 60;

operations! {
    1 Every { period: LONG, start: LONG };
    1 Behave { behavior: 3 };
    8 Tick;
    3 TickWithin { millis: LONG };
    4 Wait { millis: LONG };
    2 WaitABit { millis: 8 };
    1 Reset;
    1 ResetImmediately;
    1 ResetAfter { millis: LONG };
    1 ResetAt { millis: LONG };
}

on_both_sides! {
    use super::Op;
    use crate::driver::Trace;
    use side::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
    use std::time::Duration;

    fn ms(millis: usize) -> Duration {
        Duration::from_millis(millis as u64)
    }

    async fn run_ticks(program: &[Op], trace: &mut Trace) {
        let start = Instant::now();
        let mut interval = interval_at(start, ms(10));
        // The defaults differ: tokio's is to burst.
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for op in program {
            match *op {
                Op::Every { period, start } => {
                    let behavior = interval.missed_tick_behavior();
                    interval = interval_at(Instant::now() + ms(start), ms(6 + period));
                    interval.set_missed_tick_behavior(behavior);
                }
                Op::Behave { behavior } => interval.set_missed_tick_behavior([
                    MissedTickBehavior::Skip,
                    MissedTickBehavior::Delay,
                    MissedTickBehavior::Burst,
                ][behavior]),
                Op::Tick => trace.note(interval.tick().await.duration_since(start)),
                Op::TickWithin { millis } => {
                    let due = timeout(ms(millis), interval.tick()).await.ok();
                    trace.note(due.map(|due| due.duration_since(start)));
                }
                Op::Wait { millis } | Op::WaitABit { millis } => sleep(ms(millis)).await,
                Op::Reset => interval.reset(),
                Op::ResetImmediately => interval.reset_immediately(),
                Op::ResetAfter { millis } => interval.reset_after(ms(millis)),
                Op::ResetAt { millis } => interval.reset_at(start + ms(10 * millis)),
            }
            trace.note((start.elapsed(), interval.period(), interval.missed_tick_behavior()));
            trace.end_step();
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        side::block_on(run_ticks(program, trace));
    }
}

#[test]
fn interval() {
    compare("interval", ours::run, theirs::run);
}
