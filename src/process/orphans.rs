//! Orphans: processes that run although their [`Child`](super::Child) was dropped.
//!
//! A process that has ended remains as a zombie until its parent asks for its status, so a loop
//! waits for each orphan. It waits outside of any task: the waker of an orphan asks for the status
//! itself. An orphan does not keep the loop alive.
//!
//! Orphans that no loop waits for are kept until a loop spawns the next child.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::running::Process;
use crate::context;
use crate::primitive::lock;
use crate::tasks::Message;

/// The orphans that no loop waits for. Children are per process, so this is, too.
static HOMELESS: Mutex<Vec<Process>> = Mutex::new(Vec::new());

/// Gives a process to the current loop or, in a job, to the loop that has started the job.
pub(super) fn adopt(mut process: Process) {
    process.become_orphan();
    send_home(Orphan(Some(process)));
    adopt_homeless();
}

/// Gives the orphans that no loop waits for to the current loop, if there is one.
pub(super) fn adopt_homeless() {
    if lock(&HOMELESS).is_empty() || context::current_shared().is_none() {
        return;
    }
    let homeless = std::mem::take(&mut *lock(&HOMELESS));
    for process in homeless {
        send_home(Orphan(Some(process)));
    }
}

/// Sends an orphan to the current loop, in a message, because a task may be running: the orphan
/// would count as something that this task waits for.
fn send_home(orphan: Orphan) {
    let Some(shared) = context::current_shared().filter(|shared| !shared.is_closed()) else {
        return;
    };
    let reaper = Arc::new(Reaper(Mutex::new(Some(orphan))));
    // If the loop refuses it, the orphan is dropped, and goes where it is kept.
    let first_poll = Message::Call(Box::new(move || reaper.wake()));
    let _refused = shared.inbox.push(first_poll);
}

/// A process without a [`Child`](super::Child). If it is dropped, it is kept for the next loop.
#[derive(Debug)]
struct Orphan(Option<Process>);

impl Orphan {
    /// Returns whether it has ended. If it has not, `waker` is woken when it may have.
    fn has_ended(&mut self, waker: &Waker) -> bool {
        let Some(process) = &mut self.0 else {
            return true;
        };
        match process.poll_exit(&Context::from_waker(waker)) {
            Poll::Pending => false,
            Poll::Ready(Ok(_)) => {
                self.0 = None;
                true
            }
            // It cannot be waited for now: it is kept, and tried again.
            Poll::Ready(Err(_)) => true,
        }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let Some(mut process) = self.0.take() else {
            return;
        };
        if let Ok(None) = process.try_wait() {
            process.become_orphan();
            lock(&HOMELESS).push(process);
        }
    }
}

/// Waits for an orphan. The loop holds it as a waker among the waiters of the orphan's exit.
#[derive(Debug)]
struct Reaper(Mutex<Option<Orphan>>);

impl Wake for Reaper {
    fn wake(self: Arc<Self>) {
        // Not under the lock: a poll may drop the waker that it replaces.
        let Some(mut orphan) = lock(&self.0).take() else {
            return;
        };
        let waker = Waker::from(Arc::clone(&self));
        if !orphan.has_ended(&waker) {
            *lock(&self.0) = Some(orphan);
        }
    }
}
