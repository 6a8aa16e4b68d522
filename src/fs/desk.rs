//! A state on which the pool and its owner take turns.
//!
//! The owner starts a job on the state; while there is one in flight nobody else gets at the state,
//! and the next operation waits for its end. The state and all that a job comes to stay here, and
//! not in the job's handle: whoever drops a future in between, and goes on with another one, finds
//! it all. Not even another loop makes a difference: there it is awaited by a job of that loop.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Poll, ready};

use crate::blocking::spawn_helper;
use crate::context;
use crate::coop;
use crate::pool::Class;
use crate::ready::LoopId;
use crate::task::JoinHandle;

/// The owner's side.
pub(super) struct Desk<S> {
    shared: Arc<Shared<S>>,
    job: Option<Job>,
}

/// What jobs and owner share.
pub(super) struct Shared<S> {
    state: Mutex<S>,
    /// The number of the job whose turn it is. One with another number comes too late: it was given
    /// up before it began.
    turn: AtomicU64,
}

/// A job in flight. Only its end matters here.
struct Job {
    end: JoinHandle<()>,
    home: LoopId,
}

impl Drop for Job {
    fn drop(&mut self) {
        // Its loop need not wait for it.
        self.end.abort();
    }
}

impl<S> Shared<S> {
    /// Waits for the state, which only a worker may do: a job may have it.
    pub(super) fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets no job begin that has not begun. Returns the number of the next one.
    fn next_turn(&self) -> u64 {
        // Relaxed suffices: a job reads this with the lock held. Whoever depends on an old job's
        // doing nothing has another job take the lock after this. An old job that has the lock
        // first is waited for; one that has it later sees the new number.
        self.turn.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl<S: Send + 'static> Desk<S> {
    pub(super) fn new(state: S) -> Self {
        Desk {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                turn: AtomicU64::new(0),
            }),
            job: None,
        }
    }

    /// For jobs that need the state beside what is going on here, if it is still there.
    pub(super) fn share(&self) -> Weak<Shared<S>> {
        Arc::downgrade(&self.shared)
    }

    /// Starts a job, after [`poll_lock`](Desk::poll_lock) said that there is none.
    pub(super) fn start(&mut self, work: impl FnOnce(&mut S) + Send + 'static) -> io::Result<()> {
        debug_assert!(self.job.is_none(), "one job at a time");
        self.job = Some(spawn(&self.shared, work)?);
        Ok(())
    }

    /// Waits for the end of the job in flight, if there is one, and takes the state.
    ///
    /// An error says that the job could not be run, or that no loop is here to wait for it.
    pub(super) fn poll_lock(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<MutexGuard<'_, S>>> {
        loop {
            match &mut self.job {
                None => ready!(coop::poll_proceed(cx)),
                Some(job) => {
                    let here = current()?;
                    if job.home != here {
                        // A handle answers only at home. What the job comes to is in the state; to
                        // know when, somebody here queues for the lock.
                        self.job = Some(spawn(&self.shared, |_| ())?);
                        continue;
                    }
                    let end = ready!(Pin::new(&mut job.end).poll(cx));
                    self.job = None;
                    end?;
                }
            }
            match self.shared.state.try_lock() {
                Ok(state) => return Poll::Ready(Ok(state)),
                Err(TryLockError::Poisoned(state)) => return Poll::Ready(Ok(state.into_inner())),
                // A job has it whose future was dropped. The loop must not wait for that here.
                Err(TryLockError::WouldBlock) => {
                    self.job = Some(spawn(&self.shared, |_| ())?);
                }
            }
        }
    }
}

fn current() -> io::Result<LoopId> {
    context::with(|event_loop| event_loop.id()).ok_or_else(|| io::Error::other(context::no_loop()))
}

fn spawn<S: Send + 'static>(
    shared: &Arc<Shared<S>>,
    work: impl FnOnce(&mut S) + Send + 'static,
) -> io::Result<Job> {
    let home = current()?;
    let turn = shared.next_turn();
    // A desk that is dropped is cleared away at once, and what has not begun does not begin. The
    // abort would not do: it happens where the job's task next stands in its loop's queue.
    let shared = Arc::downgrade(shared);
    let job = move || {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut state = shared.lock();
        if shared.turn.load(Ordering::Relaxed) == turn {
            work(&mut state);
        }
    };
    Ok(Job {
        end: spawn_helper(job, Class::Plain),
        home,
    })
}

impl<S: fmt::Debug> fmt::Debug for Desk<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("state", &self.shared.state)
            .field("is_busy", &self.job.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::mpsc;

    use futures::poll;

    use super::Desk;

    async fn take(desk: &mut Desk<u32>) -> std::io::Result<u32> {
        poll_fn(|cx| desk.poll_lock(cx).map_ok(|state| *state)).await
    }

    #[test]
    fn a_state_that_another_job_has_is_waited_for_on_a_worker() {
        crate::block_on(async {
            let mut desk = Desk::new(0);
            let shared = desk.share().upgrade().expect("the desk is here");
            let (has_it, it_has) = futures::channel::oneshot::channel();
            let (release, held) = mpsc::channel::<()>();
            let job = crate::spawn_blocking(move || {
                let mut state = shared.lock();
                has_it.send(()).expect("somebody waits");
                let _released = held.recv();
                *state = 1;
            });
            it_has.await.expect("the job says it");

            let mut taken = pin!(take(&mut desk));
            assert!(poll!(taken.as_mut()).is_pending());
            drop(release);
            assert_eq!(taken.await.unwrap(), 1);
            job.await.unwrap();
        });
    }

    #[test]
    fn a_job_that_panics_is_an_error_and_leaves_the_state() {
        crate::block_on(async {
            let mut desk = Desk::new(7);
            desk.start(|_| panic!("as it is meant to")).unwrap();
            let error = take(&mut desk).await.unwrap_err();
            assert!(error.to_string().contains("as it is meant to"), "{error}");
            assert_eq!(take(&mut desk).await.unwrap(), 7);
        });
    }
}
