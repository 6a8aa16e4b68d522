//! State that its owner and jobs on the pool use in turn, with one operation in flight.
//!
//! The owner stores a request in the state and starts a job that carries it out. The request and
//! its result are in the state, not in the handle of the job. So if a future is dropped, its
//! request is still carried out, and the next operation begins after it. A job carries out
//! whichever request it finds in the state. So the order of jobs does not matter, and a job of
//! another loop, which may never run, can be replaced by one of the current loop.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError, Weak};
use std::task::{Context, Poll, ready};

use crate::blocking::{self, Purpose};
use crate::context;
use crate::coop;
use crate::primitive;
use crate::ready::LoopId;
use crate::task::JoinHandle;
use std::panic::Location;

/// State that holds a request.
pub(super) trait Operate: Send + 'static {
    /// Carries out the request, if there is one. Runs on a worker.
    fn operate(&mut self);

    /// Returns whether there is a request that has not been carried out.
    fn has_request(&self) -> bool;

    /// Ends the request, if there is one, with an error, because its job could not run or panicked.
    fn fail(&mut self, error: io::Error);
}

/// The owner's handle of the state.
pub(super) struct InFlight<S> {
    state: Arc<Mutex<S>>,
    job: Option<RequestJob>,
    /// Where the handle was created. It is the location of jobs that trait methods start, because
    /// these are not called by user code.
    location: &'static Location<'static>,
}

/// A job that carries out the request. The handle only says when it has ended.
struct RequestJob {
    handle: JoinHandle<()>,
    loop_id: LoopId,
}

impl Drop for RequestJob {
    fn drop(&mut self) {
        // So that the job does not keep its loop alive.
        self.handle.abort();
    }
}

/// Locks the state. Only for workers, because a job may hold the lock for a long time.
pub(super) fn lock<S>(state: &Mutex<S>) -> MutexGuard<'_, S> {
    primitive::lock(state)
}

/// Locks the state if no job holds the lock.
pub(super) fn try_lock<S>(state: &Mutex<S>) -> Option<MutexGuard<'_, S>> {
    match state.try_lock() {
        Ok(state) => Some(state),
        Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Returns an error if there is no loop on which a job can be started.
pub(super) fn check_loop() -> io::Result<()> {
    current().map(|_| ())
}

fn current() -> io::Result<LoopId> {
    context::with(|event_loop| event_loop.id()).ok_or_else(|| io::Error::other(context::no_loop()))
}

impl<S: Operate> InFlight<S> {
    #[track_caller]
    pub(super) fn new(state: S) -> Self {
        InFlight {
            state: Arc::new(Mutex::new(state)),
            job: None,
            location: blocking::call_site(Location::caller()),
        }
    }

    /// Returns a reference to the state, for other jobs that need it while the owner lives.
    pub(super) fn share(&self) -> Weak<Mutex<S>> {
        Arc::downgrade(&self.state)
    }

    /// Returns whether a request is carried out now, or has not been carried out yet.
    pub(super) fn is_busy(&self) -> bool {
        self.job.is_some() && try_lock(&self.state).is_none_or(|state| state.has_request())
    }

    /// Locks the state if no job holds the lock.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, S>> {
        try_lock(&self.state)
    }

    /// Starts a job that carries out the request in the state. Needs a loop; see [`check_loop`].
    pub(super) fn start(&mut self, purpose: Purpose) {
        self.job = Some(self.spawn(purpose));
    }

    fn spawn(&self, purpose: Purpose) -> RequestJob {
        let loop_id = context::expect_current().id();
        // Once the owner is dropped, a request that has not begun is not carried out. Aborting the
        // job is not enough for that: the loop aborts it later, and a worker may begin it before.
        let state = Arc::downgrade(&self.state);
        let job = move || {
            if let Some(state) = state.upgrade() {
                lock(&state).operate();
            }
        };
        let location = blocking::call_site(self.location);
        RequestJob {
            handle: blocking::spawn_internal(job, purpose, location),
            loop_id,
        }
    }

    /// Waits for the end of the job in flight, if there is one, and locks the state.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no loop on which to wait.
    pub(super) fn poll_lock(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<MutexGuard<'_, S>>> {
        loop {
            let mut failure = None;
            match &mut self.job {
                None => ready!(coop::poll_proceed(cx)),
                Some(job) => {
                    let here = current()?;
                    if job.loop_id != here {
                        // A handle can be awaited only on its loop. A job of the current loop
                        // either finds the request, or waits for the lock until it has been
                        // carried out.
                        self.job = Some(self.spawn(Purpose::Change));
                        continue;
                    }
                    let end = ready!(Pin::new(&mut job.handle).poll(cx));
                    self.job = None;
                    failure = end.err();
                }
            }
            match try_lock(&self.state) {
                Some(mut state) => {
                    if let Some(failure) = failure {
                        state.fail(failure.into());
                    }
                    return Poll::Ready(Ok(state));
                }
                // Another job holds the lock. The loop must not block on it, so a worker does.
                None => {
                    check_loop()?;
                    self.job = Some(self.spawn(Purpose::Change));
                }
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for InFlight<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("state", &self.state)
            .field("has_job", &self.job.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io;
    use std::pin::pin;
    use std::sync::mpsc;

    use futures::future::poll_immediate;

    use super::{InFlight, Operate, Purpose, lock};

    /// Adds what is requested, and panics at 13.
    #[derive(Default)]
    struct Sum {
        sum: u32,
        request: Option<u32>,
        error: Option<String>,
    }

    impl Operate for Sum {
        fn operate(&mut self) {
            if let Some(number) = self.request {
                assert_ne!(number, 13, "on purpose");
                self.sum += number;
                self.request = None;
            }
        }

        fn has_request(&self) -> bool {
            self.request.is_some()
        }

        fn fail(&mut self, error: io::Error) {
            if self.request.take().is_some() {
                self.error = Some(error.to_string());
            }
        }
    }

    async fn take(in_flight: &mut InFlight<Sum>) -> (u32, Option<String>) {
        let taken = poll_fn(|cx| {
            let state = in_flight.poll_lock(cx);
            state.map_ok(|mut state| (state.sum, state.error.take()))
        });
        taken.await.unwrap()
    }

    fn start(in_flight: &mut InFlight<Sum>, number: u32) {
        lock(&in_flight.state).request = Some(number);
        in_flight.start(Purpose::Change);
    }

    #[test]
    fn a_worker_waits_for_the_state_while_another_job_holds_it() {
        crate::block_on(async {
            let mut in_flight = InFlight::new(Sum::default());
            let shared = in_flight.share().upgrade().expect("the owner lives");
            let (locked, is_locked) = futures::channel::oneshot::channel();
            let (release, held) = mpsc::channel::<()>();
            let job = crate::spawn_blocking(move || {
                let mut state = lock(&shared);
                locked.send(()).expect("the test waits");
                let _released = held.recv();
                state.sum = 1;
            });
            is_locked.await.expect("the job sends it");

            let mut taken = pin!(take(&mut in_flight));
            assert!(poll_immediate(taken.as_mut()).await.is_none());
            drop(release);
            assert_eq!(taken.await.0, 1);
            job.await.unwrap();
        });
    }

    #[test]
    fn a_job_that_panics_is_an_error_and_the_state_stays_usable() {
        crate::block_on(async {
            let mut in_flight = InFlight::new(Sum::default());
            start(&mut in_flight, 7);
            assert_eq!(take(&mut in_flight).await, (7, None));
            start(&mut in_flight, 13);
            let (sum, error) = take(&mut in_flight).await;
            let error = error.expect("the request ends with the panic");
            assert!(error.contains("on purpose"), "{error}");
            assert_eq!(sum, 7);
            assert_eq!(take(&mut in_flight).await, (7, None));
        });
    }

    #[test]
    fn a_request_is_carried_out_once_by_the_first_job_that_runs() {
        crate::block_on(async {
            let mut in_flight = InFlight::new(Sum::default());
            start(&mut in_flight, 7);
            let shared = in_flight.share().upgrade().expect("the owner lives");
            let other = crate::spawn_blocking(move || lock(&shared).operate());
            other.await.unwrap();
            assert!(!in_flight.is_busy());
            assert_eq!(take(&mut in_flight).await, (7, None));
        });
    }
}
