//! The thread that waits for the loops, tells them to shut down, and decides what is returned.

use std::future::poll_fn;
use std::io;
use std::panic::{self, Location};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use super::threads::{self, LoopSpec, MemberOutcome, StartFailure};
use super::{Cluster, Member};
use crate::panics::{self, Payload};
use crate::ready;
use crate::runtime::Builder;
use crate::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use crate::task::{CancellationToken, WaitForCancellationFutureOwned};
use crate::time::{Sleep, sleep};

/// See [`Cluster::run`].
#[track_caller]
pub(super) fn run<F, T, E, U>(
    cluster: Cluster<U>,
    main: &F,
    location: &'static Location<'static>,
) -> Result<Vec<T>, E>
where
    F: AsyncFn(Member) -> Result<T, E> + Sync,
    T: Send,
    E: From<io::Error> + Send,
    U: Future,
{
    assert!(
        !ready::is_any_running(),
        "a quintet runtime is running on this thread already, and a cluster would block it; start \
         the cluster in `main`, or inside `spawn_blocking`"
    );
    let names = thread_names(&cluster)?;
    let supervisor = Builder::new().name("cluster").build()?;
    let shutdown = CancellationToken::new();
    let (outcomes, ended) = unbounded_channel();
    let spec = LoopSpec {
        main,
        configure: &*cluster.configure,
        location,
        cut_off: CancellationToken::new(),
        supervisor: supervisor.handle().clone(),
        outcomes,
    };
    let supervision = Supervision {
        running: cluster.loops,
        drain_timeout: cluster.drain_timeout,
        ended,
        told: shutdown.clone().cancelled_owned(),
        shutdown,
        cut_off: spec.cut_off.clone(),
        deadline: None,
    };
    let ended = thread::scope(|scope| {
        let threads = threads::start(scope, names, &supervision.shutdown, &spec)?;
        let verdict = supervisor.block_on(supervision.run(cluster.until));
        threads.join();
        Ok(verdict)
    });
    match ended {
        Ok(verdict) => verdict.into_result(),
        Err(StartFailure::Error(error)) => Err(error.into()),
        Err(StartFailure::Panicked(payload)) => panic::resume_unwind(payload),
    }
}

/// With a NUL byte in a name, the standard library would panic.
fn thread_names<U>(cluster: &Cluster<U>) -> io::Result<Vec<String>> {
    let names: Vec<String> = (0..cluster.loops).map(&cluster.thread_name).collect();
    match names.iter().find(|name| name.contains('\0')) {
        None => Ok(names),
        Some(name) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the name of a loop's thread must not contain a NUL byte: {name:?}"),
        )),
    }
}

/// What the supervisor waits for.
struct Supervision<T, E> {
    /// How many members have not ended.
    running: usize,
    drain_timeout: Duration,
    ended: UnboundedReceiver<(usize, MemberOutcome<T, E>)>,
    shutdown: CancellationToken,
    /// Completes when `shutdown` is cancelled.
    told: WaitForCancellationFutureOwned,
    cut_off: CancellationToken,
    /// Set while the cluster shuts down, until the deadline.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// What has happened.
enum Event<T, E> {
    /// A member has ended.
    Ended(usize, MemberOutcome<T, E>),
    /// The future at whose completion the cluster shuts down has panicked.
    Panicked(Payload),
}

impl<T, E> Supervision<T, E> {
    /// Waits until all members have ended.
    async fn run<U: Future>(mut self, until: U) -> Verdict<T, E> {
        let mut verdict = Verdict {
            outputs: (0..self.running).map(|_| None).collect(),
            first_failure: None,
            cut_off: Vec::new(),
            drain_timeout: self.drain_timeout,
        };
        let mut until = pin!(until);
        let (mut has_stopped, mut was_told) = (false, false);
        while self.running > 0 {
            let event = poll_fn(|cx| {
                if !has_stopped {
                    let stops = panics::contain(|| until.as_mut().poll(cx).is_ready());
                    has_stopped = stops.as_ref().map_or(true, |is_ready| *is_ready);
                    if has_stopped {
                        self.shutdown.cancel();
                    }
                    if let Err(payload) = stops {
                        return Poll::Ready(Event::Panicked(payload));
                    }
                }
                self.poll_end(&mut was_told, cx)
            });
            match event.await {
                Event::Ended(index, outcome) => {
                    self.running -= 1;
                    if verdict.add(index, outcome) {
                        self.shutdown.cancel();
                    }
                }
                Event::Panicked(payload) => verdict.fail(MemberFailure::Panicked(payload)),
            }
        }
        verdict
    }

    /// Polls for the end of a member, and for the deadline if the cluster shuts down.
    fn poll_end(&mut self, was_told: &mut bool, cx: &mut Context<'_>) -> Poll<Event<T, E>> {
        if !*was_told && Pin::new(&mut self.told).poll(cx).is_ready() {
            *was_told = true;
            self.deadline = Some(Box::pin(sleep(self.drain_timeout)));
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
            self.cut_off.cancel();
        }
        self.ended.poll_recv(cx).map(|ended| {
            let (index, outcome) = ended.expect("the threads have senders");
            Event::Ended(index, outcome)
        })
    }
}

/// Why the cluster fails.
enum MemberFailure<E> {
    Error(E),
    Panicked(Payload),
}

/// What the members have returned.
struct Verdict<T, E> {
    outputs: Vec<Option<T>>,
    first_failure: Option<MemberFailure<E>>,
    /// The numbers of those that were dropped at the deadline.
    cut_off: Vec<usize>,
    drain_timeout: Duration,
}

impl<T, E> Verdict<T, E> {
    /// Adds the outcome of a member. Returns whether that ends the cluster.
    fn add(&mut self, index: usize, outcome: MemberOutcome<T, E>) -> bool {
        match outcome {
            MemberOutcome::Output(output) => {
                self.outputs[index] = Some(output);
                return false;
            }
            MemberOutcome::Failed(error) => self.fail(MemberFailure::Error(error)),
            MemberOutcome::Panicked(payload) => self.fail(MemberFailure::Panicked(payload)),
            MemberOutcome::CutOff => self.cut_off.push(index),
        }
        true
    }

    /// Keeps the first failure.
    fn fail(&mut self, failure: MemberFailure<E>) {
        match (&self.first_failure, failure) {
            (None, failure) => self.first_failure = Some(failure),
            (Some(_), MemberFailure::Error(error)) => {
                panics::drop_contained(error, "the destructor of a member's error");
            }
            (Some(_), MemberFailure::Panicked(payload)) => panics::discard(payload),
        }
    }

    fn into_result(mut self) -> Result<Vec<T>, E>
    where
        E: From<io::Error>,
    {
        match self.first_failure {
            Some(MemberFailure::Error(error)) => return Err(error),
            Some(MemberFailure::Panicked(payload)) => panic::resume_unwind(payload),
            None => {}
        }
        if self.cut_off.is_empty() {
            return Ok(self.outputs.into_iter().flatten().collect());
        }
        self.cut_off.sort_unstable();
        let numbers: Vec<String> = self.cut_off.iter().map(usize::to_string).collect();
        let (numbers, after) = (numbers.join(", "), self.drain_timeout);
        Err(E::from(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("these loops of the cluster did not end within {after:?}: {numbers}"),
        )))
    }
}
