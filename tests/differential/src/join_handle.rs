//! `JoinHandle`: tasks that end, panic or are aborted, before they are awaited, while, and after
//! nothing is left of them but an `AbortHandle`.

use crate::driver::{SLOTS, WAKERS, compare, on_both_sides};
use crate::programs::operations;

operations! {
    4 Spawn { slot: SLOTS };
    3 Finish { slot: SLOTS, value: 100 };
    1 Panic { slot: SLOTS };
    2 Abort { slot: SLOTS };
    8 Poll { slot: SLOTS, waker: WAKERS };
    1 Drop { slot: SLOTS };
}

on_both_sides! {
    use super::Op;
    use crate::driver::{SLOTS, Trace, Value, Values};
    use futures::FutureExt;
    use futures::channel::oneshot::{Sender, channel};
    use side::task::{AbortHandle, JoinHandle, spawn, unconstrained, yield_now};
    use std::panic::resume_unwind;
    use std::task::Poll;

    /// A task, by what ends it.
    struct Task {
        /// With a value it ends, without one it panics.
        end: Option<Sender<Option<Value>>>,
        abort: AbortHandle,
        handle: Option<JoinHandle<Value>>,
    }

    impl Task {
        /// Spawns a task that holds a value until it ends.
        fn spawn(held: Value) -> Self {
            let (end, ended) = channel::<Option<Value>>();
            let handle = spawn(async move {
                let _held = held;
                match ended.await {
                    Ok(Some(value)) => value,
                    // No hook prints it.
                    Ok(None) => resume_unwind(Box::new(())),
                    Err(_) => std::future::pending().await,
                }
            });
            Task { end: Some(end), abort: handle.abort_handle(), handle: Some(handle) }
        }

        fn end(&mut self, value: Option<Value>) {
            if let Some(end) = self.end.take() {
                // The task may be gone.
                let _gone = end.send(value);
            }
        }

        /// Polls the handle, which is gone when it has resolved.
        fn poll(&mut self, waker: usize, trace: &mut Trace) {
            let Some(handle) = &mut self.handle else { return };
            let Poll::Ready(result) = handle.poll_unpin(&mut trace.context(waker)) else {
                return trace.note("pending");
            };
            self.handle = None;
            trace.note(result.map_err(|error| (error.is_panic(), error.is_cancelled())));
        }
    }

    async fn run_tasks(program: &[Op], trace: &mut Trace) {
        let values = Values::default();
        let mut tasks: [Option<Task>; SLOTS] = Default::default();
        for op in program {
            if let Op::Spawn { slot } = *op {
                tasks[slot] = Some(Task::spawn(values.make(0)));
            }
            if let Op::Finish { slot, .. }
            | Op::Panic { slot }
            | Op::Abort { slot }
            | Op::Poll { slot, .. }
            | Op::Drop { slot } = *op
                && let Some(task) = &mut tasks[slot]
            {
                match *op {
                    Op::Finish { value, .. } => task.end(Some(values.make(value))),
                    Op::Panic { .. } => task.end(None),
                    Op::Abort { .. } => task.abort.abort(),
                    Op::Poll { waker, .. } => task.poll(waker, trace),
                    Op::Drop { .. } => task.handle = None,
                    Op::Spawn { .. } => {}
                }
            }
            for _ in 0..2 {
                yield_now().await;
            }
            let is_finished = |task: &Option<Task>| {
                task.as_ref().map(|task| task.abort.is_finished())
            };
            trace.note((tasks.each_ref().map(is_finished), values.alive()));
            trace.end_step();
        }
    }

    pub(super) fn run(program: &[Op], trace: &mut Trace) {
        side::block_on(unconstrained(run_tasks(program, trace)));
    }
}

#[test]
fn join_handle() {
    compare("join_handle", ours::run, theirs::run);
}
