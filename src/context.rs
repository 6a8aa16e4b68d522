//! The current loop of a thread.
//!
//! To enter a runtime makes its loop current; to leave it restores the one before. A loop is
//! *running* only while it is driven: then its ready queue is in a thread-local.
//!
//! While a blocking job runs there is no current loop. The job holds the part of its loop that
//! other threads may use. So does a guard of `Handle::enter` on another thread than the loop's.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use crate::clock;
use crate::event_loop::{EventLoop, LoopShared};
use crate::ready::{self, LoopId, Outer};
use crate::report::{self, Reporter, TaskMeta};
use crate::scope_guard::on_drop;
use crate::tasks::{Message, Note, TaskInbox};
use crate::vars;

thread_local! {
    static CURRENT: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
    /// The loops that belong to this thread, current or not.
    static THREAD_LOOPS: RefCell<Vec<Weak<EventLoop>>> = const { RefCell::new(Vec::new()) };
    /// For each guard that exists: its number, and what was current before it.
    static BEFORE: RefCell<Vec<(u64, Option<Rc<EventLoop>>)>> = const { RefCell::new(Vec::new()) };
    /// The runtimes of other threads that guards have entered here, each with its number.
    static ELSEWHERE: RefCell<Vec<(u64, Arc<LoopShared>)>> = const { RefCell::new(Vec::new()) };
    /// The job that this thread runs.
    static JOB: RefCell<Option<RunningJob>> = const { RefCell::new(None) };
}

/// The loop and the id of a blocking job that runs.
pub(crate) struct RunningJob {
    /// The loop that it belongs to.
    pub(crate) shared: Arc<LoopShared>,
    /// The job's id as a task.
    pub(crate) id: u64,
}

/// Returns the message for an operation that needs a current loop when there is none.
pub(crate) fn no_loop() -> &'static str {
    with_job(|_| IN_A_JOB)
        .or_else(|| with_home(|_| ENTERED_ELSEWHERE))
        .unwrap_or(NO_LOOP)
}

const ENTERED_ELSEWHERE: &str = "the quintet runtime that this thread has entered by \
     `Handle::enter` runs on another thread; spawn onto it with `Handle::current().spawn(…)`, or \
     wait for a future with `Handle::current().block_on(…)`";

const IN_A_JOB: &str = "a blocking job has no event loop on its thread; run async code on its \
     runtime with `Handle::current().block_on(…)` or `Handle::current().spawn(…)`, or block the \
     thread with `std::thread::sleep` and the sockets and files of the standard library";

const NO_LOOP: &str = "no quintet runtime is current on this thread; call this inside \
     `Runtime::block_on` or `#[quintet::main]`, or while a guard of `Runtime::enter` lives";

/// Makes a loop current, or none, while it exists. Guards may be dropped in any order.
#[derive(Debug)]
pub(crate) struct Entered {
    number: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // In the destructor of another thread-local, these may have been destroyed already.
        let was_current = BEFORE.try_with(|before| self.leave(&mut before.borrow_mut()));
        drop(was_current);
    }
}

impl Entered {
    /// Removes the guard, and returns the loop that only it has made current. The caller drops that
    /// outside of the borrow.
    fn leave(&self, before: &mut Vec<(u64, Option<Rc<EventLoop>>)>) -> Option<Rc<EventLoop>> {
        let index = before
            .iter()
            .rposition(|(number, _)| *number == self.number)?;
        let (_, previous) = before.remove(index);
        match before.get_mut(index) {
            // There is a later guard. It will restore what was current before this one.
            Some((_, own)) => std::mem::replace(own, previous),
            None => replace_current(previous),
        }
    }
}

pub(crate) fn enter(event_loop: &Rc<EventLoop>) -> Entered {
    make_current(Some(Rc::clone(event_loop)))
}

fn make_current(event_loop: Option<Rc<EventLoop>>) -> Entered {
    // A runtime in a thread-local may be dropped after these have been destroyed.
    let previous = replace_current(event_loop);
    let number = BEFORE.try_with(|before| {
        let mut before = before.borrow_mut();
        let number = before.last().map_or(0, |(number, _)| number + 1);
        before.push((number, previous));
        number
    });
    Entered {
        number: number.unwrap_or(u64::MAX),
    }
}

/// Sets which loop is current, and with it where reports of this thread go. Returns the one before.
fn replace_current(event_loop: Option<Rc<EventLoop>>) -> Option<Rc<EventLoop>> {
    let reports = event_loop.as_ref().map(|event_loop| report::Current {
        reporter: event_loop.shared.reporter.clone(),
        polled_task,
    });
    let previous = CURRENT.try_with(|current| current.replace(event_loop));
    drop(report::make_current(reports));
    previous.ok().flatten()
}

/// Makes a loop current and running while it exists.
#[derive(Debug)]
pub(crate) struct RunningLoop {
    was_running: bool,
    event_loop: Rc<EventLoop>,
    outer: Option<Outer>,
    /// `None` if the loop was current already.
    _entered: Option<Entered>,
}

impl Drop for RunningLoop {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.take() {
            self.event_loop.store_queue(ready::stop(outer));
            self.event_loop.shared.set_running(self.was_running);
            if !self.was_running {
                self.event_loop.clock.active().stop();
            }
        }
    }
}

pub(crate) fn run(event_loop: &Rc<EventLoop>) -> RunningLoop {
    let is_current = with_loop(event_loop.id(), |_| ()).is_some();
    let _entered = (!is_current).then(|| enter(event_loop));
    event_loop.clock.active().start();
    RunningLoop {
        was_running: event_loop.shared.set_running(true),
        outer: Some(ready::start(event_loop.id(), event_loop.take_queue())),
        event_loop: Rc::clone(event_loop),
        _entered,
    }
}

/// Calls `f` with the current loop, if there is one. `f` must not run user code.
#[inline]
pub(crate) fn with<R>(f: impl FnOnce(&EventLoop) -> R) -> Option<R> {
    CURRENT
        .try_with(|current| current.borrow().as_deref().map(f))
        .ok()
        .flatten()
}

/// Calls `f` with the loop `id`, if that is the current one. `f` must not run user code.
#[inline]
pub(crate) fn with_loop<R>(id: LoopId, f: impl FnOnce(&EventLoop) -> R) -> Option<R> {
    with(|event_loop| (event_loop.id() == id).then(|| f(event_loop))).flatten()
}

/// Returns the current loop. Unlike in [`with`], user code may run while the caller holds it.
pub(crate) fn current() -> Option<Rc<EventLoop>> {
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// Returns the loop `id`, if it is the current one.
pub(crate) fn current_if(id: LoopId) -> Option<Rc<EventLoop>> {
    current().filter(|event_loop| event_loop.id() == id)
}

/// Returns the loop `id`, if it belongs to this thread, whether it is current or not. A caller that
/// needs something from that loop must not wait for its own thread.
pub(crate) fn loop_of_thread(id: LoopId) -> Option<Rc<EventLoop>> {
    let found = THREAD_LOOPS.try_with(|loops| {
        let loops = loops.borrow();
        let mut found = loops.iter().filter_map(Weak::upgrade);
        found.find(|event_loop| event_loop.id() == id)
    });
    found.ok().flatten()
}

/// Adds a loop to those of this thread.
pub(crate) fn add_to_thread(event_loop: &Rc<EventLoop>) {
    let weak = Rc::downgrade(event_loop);
    // It fails only while the thread ends.
    let _ending = THREAD_LOOPS.try_with(|loops| loops.borrow_mut().push(weak));
}

/// Removes a loop that has ended.
pub(crate) fn remove_from_thread(event_loop: &Rc<EventLoop>) {
    let _ending = THREAD_LOOPS.try_with(|loops| {
        let is_other = |other: &Weak<EventLoop>| other.as_ptr() != Rc::as_ptr(event_loop);
        loops.borrow_mut().retain(is_other);
    });
}

/// Calls `f` with the loop `id`: at once if that is the current one, or else later, through its
/// inbox. If the loop has ended, `f` is not called.
pub(crate) fn call_on_loop(
    id: LoopId,
    inbox: &TaskInbox,
    f: impl FnOnce(&EventLoop) + Send + 'static,
) {
    match current_if(id) {
        Some(event_loop) => f(&event_loop),
        None => {
            let call = move || {
                if let Some(event_loop) = current_if(id) {
                    f(&event_loop);
                }
            };
            let _refused = inbox.push(Message::Call(Box::new(call)));
        }
    }
}

/// Returns the current loop.
///
/// # Panics
///
/// Panics if there is none.
#[track_caller]
pub(crate) fn expect_current() -> Rc<EventLoop> {
    match current() {
        Some(event_loop) => event_loop,
        None => panic!("{}", no_loop()),
    }
}

/// Describes which loop is current, for messages.
pub(crate) fn describe_current() -> String {
    match with(|event_loop| describe(event_loop.id())) {
        Some(current) => format!("{current} is current on this thread"),
        None => "no loop is current on this thread".to_owned(),
    }
}

/// Describes a loop, for messages.
pub(crate) fn describe(id: LoopId) -> String {
    format!("quintet loop {}", id.to_bits())
}

/// Returns the task of the current loop that is being polled, for reports.
fn polled_task() -> Option<TaskMeta> {
    with(|event_loop| event_loop.tasks.polled_identity())
        .flatten()
        .map(TaskMeta::new)
}

/// Returns the id of the task that is being polled, or whose future or output is being dropped, or
/// of the blocking job that runs on this thread.
pub(crate) fn acting_id() -> Option<u64> {
    ready::acting()
        .or_else(|| with(|event_loop| event_loop.tasks.polled_id()).flatten())
        .or_else(|| with_job(|job| job.id))
}

/// Returns whether the task that is being polled is unreferenced.
pub(crate) fn is_polled_unref() -> bool {
    let is_unref = with(|event_loop| {
        let polled = ready::polled_task(event_loop.id());
        polled.is_some_and(|key| !event_loop.tasks.is_ref(key))
    });
    is_unref.unwrap_or(false)
}

/// Records what the task that is being polled waits for, for dumps. A leaf future calls this before
/// it returns `Pending`.
#[inline]
pub(crate) fn waits_for(what: Note) {
    ready::set_note(what);
}

/// Calls `f`, the closure of a blocking job, without a current loop, even on the thread of one, and
/// without values of context variables. Then calls `end`, also after a panic.
#[inline]
pub(crate) fn run_job<R>(
    job: RunningJob,
    f: impl FnOnce() -> R,
    end: impl FnOnce(&RunningJob),
) -> R {
    clock::expect_virtual();
    report::expect_job(job_reporter);
    let _no_loop = with(|_| ()).map(|()| make_current(None));
    let outer = JOB.replace(Some(job));
    let _restore = on_drop(|| {
        if let Ok(Some(ended)) = JOB.try_with(|running| running.replace(outer)) {
            end(&ended);
        }
    });
    vars::without(f)
}

/// Returns where the reports of the job go that runs on this thread.
fn job_reporter() -> Option<Reporter> {
    with_job(|job| job.shared.reporter.clone())
}

/// Calls `f` with the job that runs on this thread, if there is one. `f` must not run user code.
pub(crate) fn with_job<R>(f: impl FnOnce(&RunningJob) -> R) -> Option<R> {
    JOB.try_with(|running| running.borrow().as_ref().map(f))
        .ok()
        .flatten()
}

/// Calls `f` with the loop whose job runs on this thread, or that this thread has entered
/// elsewhere. `f` must not run user code.
pub(crate) fn with_home<R>(f: impl FnOnce(&Arc<LoopShared>) -> R) -> Option<R> {
    let job = with_job(|job| Arc::clone(&job.shared));
    let home = job.or_else(|| {
        let entered = ELSEWHERE.try_with(|entered| {
            let entered = entered.borrow();
            entered.last().map(|(_, shared)| Arc::clone(shared))
        });
        entered.ok().flatten()
    });
    home.map(|shared| f(&shared))
}

/// Returns the shared part of the current loop, of the loop whose job runs on this thread, or of
/// the loop of another thread that this thread has entered.
pub(crate) fn current_shared() -> Option<Arc<LoopShared>> {
    with(|event_loop| Arc::clone(&event_loop.shared)).or_else(|| with_home(Arc::clone))
}

/// Makes no loop current, and a loop of another thread the home of this thread, while it exists.
/// Guards may be dropped in any order.
#[derive(Debug)]
pub(crate) struct EnteredElsewhere {
    number: u64,
    _no_loop: Entered,
}

pub(crate) fn enter_elsewhere(shared: Arc<LoopShared>) -> EnteredElsewhere {
    clock::expect_virtual();
    let number = ELSEWHERE.with(|entered| {
        let mut entered = entered.borrow_mut();
        let number = entered.last().map_or(0, |(number, _)| number + 1);
        entered.push((number, shared));
        number
    });
    EnteredElsewhere {
        number,
        _no_loop: make_current(None),
    }
}

impl Drop for EnteredElsewhere {
    fn drop(&mut self) {
        // In the destructor of another thread-local, these may have been destroyed already.
        let left = ELSEWHERE.try_with(|entered| {
            let mut entered = entered.borrow_mut();
            let is_own = |(number, _): &(u64, _)| *number == self.number;
            let index = entered.iter().rposition(is_own)?;
            Some(entered.remove(index))
        });
        drop(left);
    }
}
