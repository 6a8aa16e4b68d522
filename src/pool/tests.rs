//! Tests of the pool.
//!
//! They do not sleep. A job that blocks its worker prevents what must not happen yet, and a test
//! waits for what must happen. `TIMEOUT` only turns a hang into a failure.

mod cancel;
mod classes;
mod order;
mod panics;
mod results;
mod room;
mod search;
mod shutdown;
mod stress;
mod threads;

use std::any::Any;
use std::future::Future;
use std::mem;
use std::panic::{self, Location};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};

use super::Backend;
use super::workers::Workers;
use super::{Class, Config, JobResult, JobTicket, Label, Load, Pool, QueuedJob};
use crate::panics::Payload;

/// A test that waits for longer than this fails. Far longer than any test takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a test repeats an attempt to hit a race. Only a busy machine does not reach the number
/// of attempts before.
const ATTEMPTS_TIME_MAX: Duration = Duration::from_secs(2);

/// A stack size larger than the address space, so that no thread can be started.
const STACK_IMPOSSIBLE: usize = 1 << 46;

fn workers(pool: &Pool) -> &Arc<Workers> {
    match &pool.backend {
        Backend::Workers(groups) => &groups.plain,
        Backend::Inline(_) => unreachable!("these pools have threads"),
    }
}

/// How busy the workers for plain jobs are.
fn load(pool: &Pool) -> Load {
    pool.load(Class::Plain)
}

fn config(workers: usize) -> Config {
    Config {
        workers,
        ..Config::default()
    }
}

fn pool_of(workers: usize) -> Pool {
    Pool::new(config(workers))
}

#[track_caller]
fn here() -> Label {
    Label {
        class: Class::Plain,
        name: None,
        location: Location::caller(),
    }
}

#[track_caller]
fn dns() -> Label {
    Label {
        class: Class::Dns,
        ..here()
    }
}

fn submit<T: Send + 'static>(pool: &Pool, f: impl FnOnce() -> T + Send + 'static) -> TestJob<T> {
    submit_as(pool, here(), f)
}

fn submit_as<T: Send + 'static>(
    pool: &Pool,
    label: Label,
    f: impl FnOnce() -> T + Send + 'static,
) -> TestJob<T> {
    let (queued, job) = job(label, f);
    pool.push(queued).unwrap();
    job
}

/// Parks the thread until the job ends, and returns its result.
fn wait<T>(job: impl Future<Output = Result<T, JobError>>) -> Result<T, JobError> {
    struct Unparker(Thread);
    impl Wake for Unparker {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unparker(thread::current())));
    let mut job = pin!(job);
    let begin = Instant::now();
    loop {
        if let Poll::Ready(result) = job.as_mut().poll(&mut Context::from_waker(&waker)) {
            return result;
        }
        assert!(begin.elapsed() < TIMEOUT, "the job does not end");
        thread::park_timeout(TIMEOUT);
    }
}

fn poll_with<J: Future + Unpin>(job: &mut J, waker: &Waker) -> Poll<J::Output> {
    Pin::new(job).poll(&mut Context::from_waker(waker))
}

/// Polls `condition` until it is true.
fn until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < TIMEOUT, "the condition stays false");
        thread::yield_now();
    }
}

fn is_cancelled<T>(result: Result<T, JobError>) -> bool {
    matches!(result, Err(JobError::Cancelled))
}

fn panic_of<T>(result: Result<T, JobError>) -> Box<dyn Any + Send> {
    match result {
        Err(JobError::Panicked(payload)) => payload,
        _ => panic!("the job should have panicked"),
    }
}

/// Checks that the only worker of `pool` still runs on the thread `worker`.
fn assert_alive(pool: &Pool, worker: ThreadId) {
    assert_eq!(
        wait(submit(pool, || thread::current().id())).unwrap(),
        worker
    );
}

/// Pushes a job that waits at `barrier`.
fn wait_at(pool: &Pool, label: Label, barrier: &Arc<Barrier>) -> TestJob<()> {
    let barrier = Arc::clone(barrier);
    submit_as(pool, label, move || {
        barrier.wait();
    })
}

/// A job that blocks its worker until it is released, or its `HeldJob` is dropped.
struct HeldJob {
    job: TestJob<()>,
    started: mpsc::Receiver<()>,
    release: Option<mpsc::Sender<()>>,
}

fn hold(pool: &Pool) -> HeldJob {
    hold_as(pool, here())
}

fn hold_as(pool: &Pool, label: Label) -> HeldJob {
    let (start, started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let job = submit_as(pool, label, move || {
        // An error means that the test has dropped its end, which releases the job too.
        let _ = start.send(());
        let _ = released.recv();
    });
    HeldJob {
        job,
        started,
        release: Some(release),
    }
}

impl HeldJob {
    fn wait_for_start(&self) {
        self.started.recv_timeout(TIMEOUT).expect("the job begins");
    }

    fn has_started(&self) -> bool {
        self.job.has_started()
    }

    fn unblock(&mut self) {
        self.release = None;
    }

    /// Unblocks the job and waits for its end.
    fn release(mut self) {
        self.unblock();
        wait(self.job).unwrap();
    }
}

/// Panics when it is dropped, and sends the id of the thread that dropped it.
struct PanicsOnDrop(mpsc::Sender<ThreadId>);

impl PanicsOnDrop {
    fn new() -> (PanicsOnDrop, mpsc::Receiver<ThreadId>) {
        let (sender, receiver) = mpsc::channel();
        (PanicsOnDrop(sender), receiver)
    }
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        // The test may have dropped the receiver.
        let _ = self.0.send(thread::current().id());
        panic!("a destructor panics");
    }
}

/// Panics when it is dropped, with a payload that panics when it is dropped.
struct PanicsInPayload(mpsc::Sender<ThreadId>);

impl Drop for PanicsInPayload {
    fn drop(&mut self) {
        panic::panic_any(PanicsOnDrop(self.0.clone()));
    }
}

/// Makes both ends of a job that can be awaited with any waker, and can be cancelled.
fn job<T: Send + 'static>(
    label: Label,
    f: impl FnOnce() -> T + Send + 'static,
) -> (QueuedJob, TestJob<T>) {
    let (job, result) = Pool::job(None, label, f);
    let ticket = Arc::new(Mutex::new(JobProgress::Queued(None)));
    let own = Arc::clone(&ticket) as Arc<dyn JobTicket>;
    (job.with_ticket(own), TestJob { result, ticket })
}

struct TestJob<T> {
    result: JobResult<T>,
    ticket: Arc<Mutex<JobProgress>>,
}

/// The progress of a job, and the waker of the task that waits for its end.
enum JobProgress {
    Queued(Option<Waker>),
    Started(Option<Waker>),
    Ended { has_started: bool },
    Cancelled,
}

#[derive(Debug)]
enum JobError {
    Panicked(Payload),
    Cancelled,
}

impl<T> TestJob<T> {
    /// Prevents the job from beginning. Returns false if it has begun.
    fn cancel(&self) -> bool {
        let mut progress = self.ticket.lock().unwrap();
        match &*progress {
            JobProgress::Queued(_) => *progress = JobProgress::Cancelled,
            JobProgress::Started(_) | JobProgress::Ended { has_started: true } => return false,
            JobProgress::Cancelled | JobProgress::Ended { .. } => {}
        }
        true
    }

    fn has_started(&self) -> bool {
        let progress = self.ticket.lock().unwrap();
        matches!(
            *progress,
            JobProgress::Started(_) | JobProgress::Ended { has_started: true }
        )
    }
}

impl<T> Future for TestJob<T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self.ticket.lock().unwrap() {
            JobProgress::Queued(waker) | JobProgress::Started(waker) => {
                *waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            JobProgress::Cancelled => return Poll::Ready(Err(JobError::Cancelled)),
            JobProgress::Ended { .. } => {}
        }
        let result = self.result.poll();
        assert!(
            result.is_ready(),
            "the ticket was woken before the result was ready"
        );
        result.map_err(|panic| panic.map_or(JobError::Cancelled, JobError::Panicked))
    }
}

impl JobTicket for Mutex<JobProgress> {
    fn start(&self) -> bool {
        let mut progress = self.lock().unwrap();
        if let JobProgress::Queued(waker) = &mut *progress {
            *progress = JobProgress::Started(waker.take());
        }
        matches!(*progress, JobProgress::Started(_))
    }

    fn discard(&self) -> bool {
        !matches!(*self.lock().unwrap(), JobProgress::Cancelled)
    }

    fn is_ref(&self) -> bool {
        true
    }

    /// Here jobs are not asked to end.
    fn cancel(&self) {}

    fn is_cancelled(&self) -> bool {
        false
    }

    fn wake(self: Arc<Self>) {
        let mut progress = self.lock().unwrap();
        let has_started = matches!(*progress, JobProgress::Started(_));
        let old = mem::replace(&mut *progress, JobProgress::Ended { has_started });
        drop(progress);
        if let JobProgress::Queued(Some(waker)) | JobProgress::Started(Some(waker)) = old {
            waker.wake();
        }
    }
}

/// A ticket that wakes a waker.
struct WakerTicket {
    is_cancelled: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl WakerTicket {
    fn of<W: Wake + Send + Sync + 'static>(wake: &Arc<W>) -> Arc<Self> {
        Arc::new(WakerTicket {
            is_cancelled: AtomicBool::new(false),
            waker: Mutex::new(Some(Waker::from(Arc::clone(wake)))),
        })
    }
}

impl JobTicket for WakerTicket {
    fn start(&self) -> bool {
        !self.is_cancelled.load(Ordering::Relaxed)
    }

    fn discard(&self) -> bool {
        !self.is_cancelled.load(Ordering::Relaxed)
    }

    fn is_ref(&self) -> bool {
        true
    }

    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    fn wake(self: Arc<Self>) {
        let waker = self.waker.lock().unwrap().take();
        waker.expect("it is woken once").wake();
    }
}

/// A waker that records which threads wake it.
#[derive(Default)]
struct WakeLog {
    woken_by: Mutex<Vec<ThreadId>>,
}

impl Wake for WakeLog {
    fn wake(self: Arc<Self>) {
        self.woken_by.lock().unwrap().push(thread::current().id());
    }
}
