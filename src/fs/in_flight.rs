//! A state that its owner and the pool use in turn: one operation in flight.
//!
//! The owner puts a request into the state and starts a job that carries it out. The request and
//! its outcome stay in the state, not in the job's handle. So a dropped future takes neither away:
//! its request is carried out, and what begins next begins after it. A job carries out whatever
//! request it finds. So it does not matter which one comes first, and a job of another loop, which
//! may never run, is replaced by one of this loop.

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

/// A state that holds requests.
pub(super) trait Operate: Send + 'static {
    /// Carries out the request, if there is one. Runs on a worker.
    fn operate(&mut self);

    /// Whether there is a request that has not been carried out.
    fn has_request(&self) -> bool;

    /// Ends the request, if there is one, with an error: its job could not run, or panicked.
    fn fail(&mut self, error: io::Error);
}

/// The owner's side.
pub(super) struct InFlight<S> {
    state: Arc<Mutex<S>>,
    job: Option<RequestJob>,
    /// Where it was made: for jobs that are started by a trait's method, whose caller is no user.
    location: &'static Location<'static>,
}

/// A job in flight. Only its end matters here.
struct RequestJob {
    handle: JoinHandle<()>,
    loop_id: LoopId,
}

impl Drop for RequestJob {
    fn drop(&mut self) {
        // Its loop need not wait for it.
        self.handle.abort();
    }
}

/// Waits for the state. Only workers may do this, because a job may hold it for long.
pub(super) fn lock<S>(state: &Mutex<S>) -> MutexGuard<'_, S> {
    primitive::lock(state)
}

/// Takes the state if no job holds it.
pub(super) fn try_lock<S>(state: &Mutex<S>) -> Option<MutexGuard<'_, S>> {
    match state.try_lock() {
        Ok(state) => Some(state),
        Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// An error if there is no loop on which a job can be started.
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

    /// For jobs that need the state too, if it is still there.
    pub(super) fn share(&self) -> Weak<Mutex<S>> {
        Arc::downgrade(&self.state)
    }

    /// Whether a request is still to be carried out, or is being carried out.
    pub(super) fn is_busy(&self) -> bool {
        self.job.is_some() && try_lock(&self.state).is_none_or(|state| state.has_request())
    }

    /// The state, if no job holds it.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, S>> {
        try_lock(&self.state)
    }

    /// Starts a job that carries out the request in the state. Needs a loop; see [`check_loop`].
    pub(super) fn start(&mut self, purpose: Purpose) {
        self.job = Some(self.spawn(purpose));
    }

    fn spawn(&self, purpose: Purpose) -> RequestJob {
        let loop_id = context::expect_current().id();
        // Once the owner is dropped, what has not begun does not begin. The abort is not enough: it
        // happens where the job's task next stands in its loop's queue.
        let state = Arc::downgrade(&self.state);
        let job = move || {
            if let Some(state) = state.upgrade() {
                lock(&state).operate();
            }
        };
        let location = blocking::call_site(self.location);
        RequestJob {
            handle: blocking::spawn_helper(job, purpose, location),
            loop_id,
        }
    }

    /// Waits for the end of the job in flight, if there is one, and takes the state.
    ///
    /// An error says that there is no loop on which to wait.
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
                        // A handle can be awaited only on its loop. A job of this loop finds the
                        // request, or waits for the lock until it has been carried out.
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
                // A job has it that is not waited for here. The loop must not wait for the lock.
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

    use futures::poll;

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
                assert_ne!(number, 13, "as it is meant to");
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
    fn a_state_that_another_job_has_is_waited_for_on_a_worker() {
        crate::block_on(async {
            let mut in_flight = InFlight::new(Sum::default());
            let shared = in_flight.share().upgrade().expect("the owner is here");
            let (has_it, it_has) = futures::channel::oneshot::channel();
            let (release, held) = mpsc::channel::<()>();
            let job = crate::spawn_blocking(move || {
                let mut state = lock(&shared);
                has_it.send(()).expect("it is awaited");
                let _released = held.recv();
                state.sum = 1;
            });
            it_has.await.expect("the job sends it");

            let mut taken = pin!(take(&mut in_flight));
            assert!(poll!(taken.as_mut()).is_pending());
            drop(release);
            assert_eq!(taken.await.0, 1);
            job.await.unwrap();
        });
    }

    #[test]
    fn a_job_that_panics_is_an_error_and_leaves_the_state() {
        crate::block_on(async {
            let mut in_flight = InFlight::new(Sum::default());
            start(&mut in_flight, 7);
            assert_eq!(take(&mut in_flight).await, (7, None));
            start(&mut in_flight, 13);
            let (sum, error) = take(&mut in_flight).await;
            let error = error.expect("the request ends with the panic");
            assert!(error.contains("as it is meant to"), "{error}");
            assert_eq!(sum, 7);
            assert_eq!(take(&mut in_flight).await, (7, None));
        });
    }

    #[test]
    fn a_request_is_carried_out_once_by_the_job_that_comes_first() {
        crate::block_on(async {
            let mut in_flight = InFlight::new(Sum::default());
            start(&mut in_flight, 7);
            let shared = in_flight.share().upgrade().expect("the owner is here");
            let other = crate::spawn_blocking(move || lock(&shared).operate());
            other.await.unwrap();
            assert!(!in_flight.is_busy());
            assert_eq!(take(&mut in_flight).await, (7, None));
        });
    }
}
