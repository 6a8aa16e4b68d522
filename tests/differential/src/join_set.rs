//! `JoinSet`: tasks that end, panic, are aborted or detached, and joins of them.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    5 Spawn { slot: SLOTS };
    3 Finish { slot: SLOTS, value: 100 };
    1 Panic { slot: SLOTS };
    1 Abort { slot: SLOTS };
    1 AbortAll;
    1 DetachAll;
    8 Join { waker: WAKERS };
    2 TryJoin;
}

on_both_sides! {
    use super::Op;
    use crate::driver::{SLOTS, Trace};
    use futures::channel::oneshot::{Sender, channel};
    use side::task::{AbortHandle, JoinError, JoinSet, unconstrained, yield_now};
    use std::panic::resume_unwind;

    /// A task, by what ends it.
    struct Task {
        /// With a value it ends, without one it panics.
        end: Option<Sender<Option<usize>>>,
        abort: AbortHandle,
    }

    impl Task {
        fn spawn(set: &mut JoinSet<usize>) -> Self {
            let (end, ended) = channel::<Option<usize>>();
            let abort = set.spawn(async {
                match ended.await {
                    Ok(Some(value)) => value,
                    // No hook prints it.
                    Ok(None) => resume_unwind(Box::new(())),
                    Err(_) => std::future::pending().await,
                }
            });
            Task { end: Some(end), abort }
        }

        fn end(&mut self, value: Option<usize>) {
            if let Some(end) = self.end.take() {
                // The task may be gone.
                let _gone = end.send(value);
            }
        }
    }

    fn joined(result: Result<usize, JoinError>) -> Result<usize, &'static str> {
        result.map_err(|error| if error.is_panic() { "panicked" } else { "cancelled" })
    }

    async fn run_tasks(program: &[Op], trace: &mut Trace) {
        let mut set = JoinSet::new();
        let mut tasks: [Option<Task>; SLOTS] = Default::default();
        // Whether the last poll of the set was in vain.
        let mut is_waiting = false;
        for op in program {
            let was_waiting = is_waiting;
            match *op {
                Op::Spawn { slot } => tasks[slot] = Some(Task::spawn(&mut set)),
                Op::Finish { slot, value } => {
                    trace.note(tasks[slot].as_mut().map(|task| task.end(Some(value))));
                }
                Op::Panic { slot } => {
                    trace.note(tasks[slot].as_mut().map(|task| task.end(None)));
                }
                Op::Abort { slot } => {
                    trace.note(tasks[slot].as_ref().map(|task| task.abort.abort()));
                }
                Op::AbortAll => set.abort_all(),
                Op::DetachAll => set.detach_all(),
                Op::Join { waker } => {
                    let polled = set.poll_join_next(&mut trace.context(waker));
                    is_waiting = polled.is_pending();
                    trace.note(polled.map(|result| result.map(joined)));
                }
                Op::TryJoin => trace.note(set.try_join_next().map(joined)),
            }
            for _ in 0..2 {
                yield_now().await;
            }
            let is_finished = |task: &Option<Task>| {
                task.as_ref().map(|task| task.abort.is_finished())
            };
            trace.note((set.len(), set.is_empty(), tasks.each_ref().map(is_finished)));
            // Tokio's set keeps the waker of a poll that was not in vain.
            if side::IS_TOKIO && !was_waiting && !is_waiting {
                trace.ignore_wakes();
            }
            trace.end_step();
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        side::block_on(unconstrained(run_tasks(program, trace)));
    }
}

#[test]
fn join_set() {
    compare("join_set", ours::run, theirs::run);
}
