//! Runs a program on both sides and compares what can be seen.

use std::fmt::{self, Debug};
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::lock::OwnedMutexGuard;

use crate::programs::{self, Operation};

/// Futures, guards and handles that a program has at a time.
pub(crate) const SLOTS: usize = 4;

/// Wakers that a program polls with.
pub(crate) const WAKERS: usize = 3;

/// Wakers that a program polls the receiver of a channel with, beside the others. Their numbers
/// come after those.
pub(crate) const RECEIVER_WAKERS: usize = 2;

/// Operations of the longest program.
const LENGTH: usize = 40;

/// Defines the same items on both sides, in modules `ours` and `theirs`: there `side` has `sync`,
/// `task` and `time` of quintet, and of tokio.
macro_rules! on_both_sides {
    ($($item:item)*) => {
        mod ours {
            use crate::driver::ours as side;
            $($item)*
        }

        mod theirs {
            use crate::driver::theirs as side;
            $($item)*
        }
    };
}
pub(crate) use on_both_sides;

/// Quintet's.
pub(crate) mod ours {
    use quintet::runtime::{Builder, UnhandledPanic};
    pub(crate) use quintet::{sync, task, time};

    pub(crate) const IS_TOKIO: bool = false;

    /// Runs a future on a runtime with paused time.
    pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
        let mut builder = Builder::new();
        let builder = builder
            .start_paused(true)
            .unhandled_panic(UnhandledPanic::Ignore);
        let runtime = builder.build().expect("descriptors for a runtime");
        runtime.block_on(future)
    }
}

/// Tokio's.
pub(crate) mod theirs {
    pub(crate) use tokio::{sync, time};

    pub(crate) mod task {
        pub(crate) use tokio::task::{
            AbortHandle, JoinError, JoinHandle, JoinSet, coop::unconstrained, spawn_local as spawn,
            yield_now,
        };
        pub(crate) use tokio_util::sync::CancellationToken;
        pub(crate) use tokio_util::task::TaskTracker;
        pub(crate) use tokio_util::task::task_tracker::TaskTrackerToken;
    }

    pub(crate) const IS_TOKIO: bool = true;

    /// Runs a future on a runtime with paused time.
    pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build();
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime.expect("a runtime"), future)
    }
}

/// What a side does with a program.
type Run<O> = fn(&[O], &mut Trace);

/// Compares what both sides do with many programs. `test` is the name of the test.
pub(crate) fn compare<O: Operation>(test: &str, ours: Run<O>, theirs: Run<O>) {
    compare_by(Vec::clone, test, ours, theirs);
}

/// The same where tokio promises no order of the wakes of one operation.
pub(crate) fn compare_unordered<O: Operation>(test: &str, ours: Run<O>, theirs: Run<O>) {
    let sorted = |woken: &Vec<usize>| {
        let mut woken = woken.clone();
        woken.sort_unstable();
        woken
    };
    compare_by(sorted, test, ours, theirs);
}

fn compare_by<O: Operation>(
    woken: fn(&Vec<usize>) -> Vec<usize>,
    test: &str,
    ours: Run<O>,
    theirs: Run<O>,
) {
    let command = format!("cargo test -p quintet-differential {test}");
    programs::check(&command, LENGTH, |program| {
        let ours = Trace::of(program, ours);
        let theirs = Trace::of(program, theirs);
        for (step, pair) in ours.steps.iter().zip(&theirs.steps).enumerate() {
            let (ours, theirs) = pair;
            if ours.seen != theirs.seen || woken(&ours.woken) != woken(&theirs.woken) {
                return Err(format!(
                    "at {step}: quintet {ours:?}\n      tokio   {theirs:?}"
                ));
            }
        }
        assert_eq!(ours.steps.len(), theirs.steps.len());
        match ours.kept_wakers() {
            0 => Ok(()),
            kept => Err(format!("{kept} clones of wakers are left at the end")),
        }
    });
}

/// What could be seen of a program.
pub(crate) struct Trace {
    wakers: Vec<(Arc<Bell>, Waker)>,
    woken: Woken,
    /// Of the present operation.
    seen: Vec<String>,
    steps: Vec<Step>,
}

/// The numbers of wakers, in the order of their wakes.
type Woken = Arc<Mutex<Vec<usize>>>;

/// What could be seen of one operation.
#[derive(Debug)]
struct Step {
    seen: String,
    woken: Vec<usize>,
}

/// A waker that notes its wakes.
struct Bell {
    number: usize,
    woken: Woken,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.woken
            .lock()
            .expect("a push does not panic")
            .push(self.number);
    }
}

impl Trace {
    fn of<O>(program: &[O], run: Run<O>) -> Self {
        let woken = Woken::default();
        let wakers = (0..WAKERS + RECEIVER_WAKERS).map(|number| {
            let woken = Arc::clone(&woken);
            let bell = Arc::new(Bell { number, woken });
            (Arc::clone(&bell), Waker::from(bell))
        });
        let mut trace = Trace {
            wakers: wakers.collect(),
            woken,
            seen: Vec::new(),
            steps: Vec::new(),
        };
        run(program, &mut trace);
        // What was dropped at the end.
        trace.end_step();
        trace
    }

    /// Notes something that can be seen after the present operation.
    pub(crate) fn note(&mut self, seen: impl Debug) {
        self.seen.push(format!("{seen:?}"));
    }

    /// Ends the present operation.
    pub(crate) fn end_step(&mut self) {
        let seen = mem::take(&mut self.seen).join(" ");
        let woken = mem::take(&mut *self.woken.lock().expect("a push does not panic"));
        self.steps.push(Step { seen, woken });
    }

    /// Leaves the wakes of the receiver out of the present operation.
    pub(crate) fn ignore_receiver(&mut self) {
        let mut woken = self.woken.lock().expect("a push does not panic");
        woken.retain(|&number| number < WAKERS);
    }

    /// Leaves all wakes out of the present operation.
    pub(crate) fn ignore_wakes(&mut self) {
        self.woken.lock().expect("a push does not panic").clear();
    }

    /// The context of a poll with a waker of this number.
    pub(crate) fn context(&self, waker: usize) -> Context<'_> {
        Context::from_waker(&self.wakers[waker].1)
    }

    /// The context of a poll of the receiver.
    pub(crate) fn receiver_context(&self, waker: usize) -> Context<'_> {
        self.context(WAKERS + waker)
    }

    /// How many clones of the wakers there are.
    fn kept_wakers(&self) -> usize {
        let counts = self
            .wakers
            .iter()
            .map(|(bell, _)| Arc::strong_count(bell) - 2);
        counts.sum()
    }
}

/// A place for a future, and for what it resolves to.
#[derive(Default)]
pub(crate) enum Slot<F: Future + ?Sized> {
    #[default]
    Empty,
    Waits(Pin<Box<F>>),
    Has(F::Output),
}

/// A place for futures of different types.
pub(crate) type AnySlot<'a, T> = Slot<dyn Future<Output = T> + 'a>;

impl<F: Future + ?Sized> Slot<F> {
    /// Puts a future in the place of what was there, which is dropped.
    pub(crate) fn put(&mut self, future: Pin<Box<F>>) {
        *self = Slot::Waits(future);
    }

    /// Puts what a future could have resolved to in the place of what was there, which is dropped.
    pub(crate) fn keep(&mut self, output: F::Output) {
        *self = Slot::Has(output);
    }

    /// Polls the future, if there is one. What it resolves to stays.
    pub(crate) fn poll(&mut self, mut cx: Context<'_>) -> Option<Poll<&mut F::Output>> {
        let Slot::Waits(future) = self else {
            return None;
        };
        let Poll::Ready(output) = future.as_mut().poll(&mut cx) else {
            return Some(Poll::Pending);
        };
        *self = Slot::Has(output);
        self.output().map(Poll::Ready)
    }

    pub(crate) fn future(&mut self) -> Option<Pin<&mut F>> {
        match self {
            Slot::Waits(future) => Some(future.as_mut()),
            _ => None,
        }
    }

    pub(crate) fn output(&mut self) -> Option<&mut F::Output> {
        match self {
            Slot::Has(output) => Some(output),
            _ => None,
        }
    }

    /// Takes what the future has resolved to.
    pub(crate) fn take(&mut self) -> Option<F::Output> {
        match mem::replace(self, Slot::Empty) {
            Slot::Has(output) => Some(output),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Drops what is there.
    pub(crate) fn clear(&mut self) {
        *self = Slot::Empty;
    }
}

/// Makes values, and counts those that are not dropped.
#[derive(Default)]
pub(crate) struct Values(Rc<()>);

impl Values {
    pub(crate) fn make(&self, number: usize) -> Value {
        Value(number, Rc::clone(&self.0))
    }

    pub(crate) fn alive(&self) -> usize {
        Rc::strong_count(&self.0) - 1
    }
}

/// A value whose drop is noticed.
#[derive(Clone)]
pub(crate) struct Value(usize, #[allow(dead_code, reason = "it is counted")] Rc<()>);

impl Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Something that a future may take for a while. When the future is dropped it is back.
pub(crate) struct Shared<T>(Arc<futures::lock::Mutex<T>>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Shared(Arc::new(futures::lock::Mutex::new(value)))
    }

    /// Calls `f` with it, if it is there.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut value = self.0.try_lock()?;
        Some(f(&mut value))
    }

    /// Takes it, if it is there.
    pub(crate) fn take(&self) -> Option<OwnedMutexGuard<T>> {
        self.0.try_lock_owned()
    }
}
