//! The poll phase: events of the OS, and messages from other threads.
//!
//! Once a tick it asks the OS for events, and waits for one if there is no other work. Then it
//! takes the messages of the inbox. It delivers, each as a callback: ready sources in the order of
//! the kernel, then messages (worker results, wakes from other threads) in order of arrival, then
//! signals.
//!
//! A *source* is a descriptor that is registered with the poller; `io::Source` owns it. All sources
//! are edge-triggered: the OS reports a change of readiness once, and not again while the source
//! stays ready. So the readiness of all sources is recorded as soon as events are fetched, before
//! any callback runs, and stays recorded until an operation has drained the source; see
//! [`sources`]. Readiness is a hint, as in mio: spurious wake-ups are possible, so an operation
//! that is woken may find that it would block.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "poll/alarm/portable.rs"
)]
mod alarm;
#[cfg(feature = "signal")]
mod bell;
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "poll/descriptor/portable.rs"
)]
mod descriptor;
#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "poll/events/portable.rs"
)]
mod events;
mod sources;
mod waiters;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Token};

use super::{Callback, Deliver};
use crate::clock::Clock;
use crate::counts::LoopCounts;
use crate::panics;
use crate::rng::Rng;
use crate::slots::{self, Key};
use crate::tasks::{Message, TaskInbox};
use alarm::Alarm;
use events::Merged;

pub(crate) use descriptor::{Descriptor, Descriptors};
pub(crate) use sources::{
    Direction, KnownReadiness, Readiness, ReadinessParts, SourceKind, Sources, UncertainWaiter,
};
pub(crate) use waiters::WaiterId;

/// For how many ticks in a row, and for how long, the OS need not be asked while there is other
/// work. The system call costs about as much as running ten tasks.
const SKIPPED_TICKS_MAX: u32 = 32;
const SKIPPED_NANOS_MAX: u64 = 50_000;

// A token is a source's key, so it takes all 64 bits.
const _: () = assert!(usize::BITS == 64, "quintet needs a 64-bit target");

/// Tokens that are not keys: no key has this slot index.
const UNPARK: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);
const BELL: Token = Token(usize::MAX - 2);

/// What makes a message, after the other events of a fetch, when a descriptor with the token
/// [`BELL`] is ready.
type Bell = Box<dyn Fn() -> Option<Message>>;

/// How long poll may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PollWait {
    /// Not at all, because there is other work. The OS need not even be asked.
    Not,
    /// Not at all, but the OS is asked, and [`Deliver::idle`] is called if nothing has happened.
    Probe,
    /// Until this time of the loop's clock. With 0 it does not wait.
    Until(u64),
    /// Until something happens.
    ForEver,
}

impl PollWait {
    /// Limits the wait to end at `limit`.
    #[inline]
    pub(crate) fn at_most(self, limit: Option<u64>) -> Self {
        match (self, limit) {
            (PollWait::Until(deadline), Some(limit)) => PollWait::Until(deadline.min(limit)),
            (PollWait::ForEver, Some(limit)) => PollWait::Until(limit),
            (wait, _) => wait,
        }
    }
}

/// See the [module](self).
pub(crate) struct Poll {
    counts: Arc<LoopCounts>,
    poller: RefCell<mio::Poll>,
    events: RefCell<Events>,
    registry: Arc<mio::Registry>,
    inbox: Arc<TaskInbox>,
    alarm: RefCell<Alarm>,
    bell: RefCell<Option<Bell>>,
    pub(crate) sources: Sources,
    /// Callbacks that have been fetched and not yet delivered.
    fetched: RefCell<VecDeque<Callback>>,
    skipped_ticks: Cell<u32>,
    last_asked: Cell<u64>,
    /// The maximum duration of the next wait.
    wait_limit: Cell<Option<Duration>>,
    /// Under a seed: shuffles ready sources.
    rng: Option<Rc<Rng>>,
}

/// The poller, and the inbox that ends its wait.
pub(crate) struct Poller {
    pub(crate) poller: mio::Poll,
    pub(crate) registry: Arc<mio::Registry>,
    pub(crate) inbox: Arc<TaskInbox>,
}

impl Poller {
    pub(crate) fn open() -> io::Result<Self> {
        let poller = mio::Poll::new()?;
        let registry = Arc::new(poller.registry().try_clone()?);
        let unpark = mio::Waker::new(poller.registry(), UNPARK)?;
        let inbox = TaskInbox::new(Box::new(move || {
            // It fails only if the descriptor is closed, and then the loop has ended.
            let _lost = unpark.wake();
        }));
        Ok(Poller {
            poller,
            registry,
            inbox: Arc::new(inbox),
        })
    }
}

impl Poll {
    /// Creates the phase, which fetches up to `events_max` events at once.
    pub(crate) fn new(
        poller: Poller,
        counts: Arc<LoopCounts>,
        events_max: usize,
        rng: Option<Rc<Rng>>,
    ) -> Self {
        Poll {
            counts,
            poller: RefCell::new(poller.poller),
            events: RefCell::new(Events::with_capacity(events_max)),
            registry: poller.registry,
            alarm: RefCell::new(Alarm::new(ALARM, Arc::clone(&poller.inbox))),
            inbox: poller.inbox,
            bell: RefCell::new(None),
            sources: Sources::new(),
            fetched: RefCell::new(VecDeque::new()),
            skipped_ticks: Cell::new(0),
            last_asked: Cell::new(0),
            wait_limit: Cell::new(None),
            rng,
        }
    }

    /// Fetches events and messages, waiting as long as `wait` says, and delivers them. If `always`
    /// is set, the OS is asked even if there is other work, or a message.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call that waits.
    // `always`, and `fetch` as well: each has one caller. To call one of them costs `yield-1` 28
    // instructions.
    #[inline(always)]
    pub(crate) fn run(
        &self,
        turn: &mut impl Deliver,
        wait: PollWait,
        always: bool,
        clock: &Clock,
    ) -> io::Result<()> {
        debug_assert!(
            self.fetched.borrow().is_empty(),
            "an earlier tick has delivered or deferred all"
        );
        if !turn.may_go_on() {
            return Ok(());
        }
        let was_asked = self.fetch(wait, always, clock)?;
        turn.has_fetched();
        if wait == PollWait::Probe && was_asked && self.fetched.borrow().is_empty() {
            turn.idle();
        }
        let mut must_defer = turn.has_pending();
        while let Some(callback) = self.next_fetched() {
            must_defer = must_defer || !turn.may_go_on() || turn.is_timer_due();
            if must_defer {
                turn.defer(callback);
            } else {
                turn.deliver(callback);
            }
        }
        debug_assert!(
            self.fetched.borrow().is_empty(),
            "each callback that was fetched is delivered or deferred"
        );
        Ok(())
    }

    fn next_fetched(&self) -> Option<Callback> {
        self.fetched.borrow_mut().pop_front()
    }

    /// Queues what has happened in `fetched`. Returns whether the OS was asked as `wait` says: not
    /// if there was a message, or if the last keep-alive has been removed.
    #[inline(always)]
    fn fetch(&self, wait: PollWait, always: bool, clock: &Clock) -> io::Result<bool> {
        let mut signals = Vec::new();
        let may_sleep = wait != PollWait::Not && self.inbox.fall_asleep();
        if may_sleep {
            self.ask(wait, clock)?;
            self.record(&mut signals);
        } else if always || self.is_asking_due(clock) {
            self.ask(PollWait::Not, clock)?;
            self.record(&mut signals);
        }
        let mut fetched = self.fetched.borrow_mut();
        if may_sleep || self.inbox.has_pending() {
            let before = fetched.len();
            self.inbox
                .fetch(|message| fetched.push_back(Callback::Message(message)));
            self.counts.messages.add((fetched.len() - before) as u64);
        }
        if !signals.is_empty() {
            self.counts.signals.add(signals.len() as u64);
            fetched.extend(signals);
        }
        Ok(may_sleep)
    }

    /// Returns whether the OS has to be asked even while there is other work. Without a source only
    /// the inbox can have news, and that is looked at without a system call.
    fn is_asking_due(&self, clock: &Clock) -> bool {
        if !self.has_descriptors() {
            return false;
        }
        let skipped = self.skipped_ticks.get() + 1;
        self.skipped_ticks.set(skipped);
        skipped > SKIPPED_TICKS_MAX || clock.now() - self.last_asked.get() >= SKIPPED_NANOS_MAX
    }

    fn has_descriptors(&self) -> bool {
        !self.sources.is_empty() || self.bell.borrow().is_some()
    }

    /// While the loop does not run: makes the poller's descriptor readable when a message comes,
    /// and at `deadline`. Returns false if it will not be, because the OS gives no timer.
    pub(crate) fn watch_until(&self, deadline: Option<u64>, clock: &Clock) -> bool {
        if !self.inbox.fall_asleep() {
            self.inbox.unpark();
            return true;
        }
        let Some(deadline) = deadline else {
            return true;
        };
        let mut alarm = self.alarm.borrow_mut();
        if alarm.is_set_to(deadline) {
            return true;
        }
        let now = clock.now();
        if deadline <= now {
            self.inbox.unpark();
            return true;
        }
        alarm.set_precisely(deadline, now, &self.registry)
    }

    /// Whether the OS may have more events than fitted into the last fetch. For those that are left
    /// it does not make the poller's descriptor readable anew.
    pub(crate) fn may_have_more_events(&self) -> bool {
        let events = self.events.borrow();
        events.iter().count() >= events.capacity()
    }

    /// Called when the loop's clock has been moved, paused or resumed: the alarm is set by its old
    /// time.
    pub(crate) fn forget_alarm(&self) {
        self.alarm.borrow_mut().reset();
    }

    /// Limits the duration of the next wait, by the system's clock.
    pub(crate) fn limit_next_wait(&self, limit: Duration) {
        self.wait_limit.set(Some(limit));
    }

    /// Makes the system call. Afterwards `events` holds the events.
    fn ask(&self, wait: PollWait, clock: &Clock) -> io::Result<()> {
        let may_wait = matches!(wait, PollWait::Until(1..) | PollWait::ForEver);
        let timeout = match wait {
            PollWait::Not | PollWait::Probe | PollWait::Until(0) => Some(Duration::ZERO),
            PollWait::ForEver => None,
            PollWait::Until(deadline) => {
                let mut alarm = self.alarm.borrow_mut();
                alarm.set(deadline, clock.now(), &self.registry)
            }
        };
        let timeout = match self.wait_limit.take() {
            Some(limit) => Some(timeout.map_or(limit, |timeout| timeout.min(limit))),
            None => timeout,
        };
        self.counts
            .sleeps
            .add(u64::from(timeout != Some(Duration::ZERO)));
        let mut events = self.events.borrow_mut();
        if may_wait {
            clock.active().stop();
        }
        let result = self.poller.borrow_mut().poll(&mut events, timeout);
        self.skipped_ticks.set(0);
        // After a wait the cached time is old, so the clock is read.
        if may_wait {
            clock.active().start();
        }
        if wait == PollWait::Until(0) {
            // As at each turn of a guest, whose clock was read at its beginning.
            self.last_asked.set(clock.recent());
        } else if may_wait || self.has_descriptors() {
            self.last_asked.set(clock.now());
        }
        match result {
            // A signal handler ran. The next tick computes the timeout anew.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            other => other,
        }
    }

    /// Records the readiness of all sources that have an event, and queues their callbacks.
    fn record(&self, signals: &mut Vec<Callback>) {
        let mut fetched = self.fetched.borrow_mut();
        let mut shuffled = Vec::new();
        let mut merged = Merged::default();
        for event in &*self.events.borrow() {
            match event.token() {
                UNPARK => continue,
                ALARM => {
                    self.alarm.borrow_mut().reset();
                    continue;
                }
                BELL => {
                    // Once, if several signals have arrived.
                    let bell = self.bell.borrow();
                    let message = bell.as_ref().and_then(|ring| ring());
                    signals.extend(message.map(Callback::Message));
                    continue;
                }
                _ => {}
            }
            let key = Key::from_bits(event.token().0 as u64);
            match self.sources.record(key, event) {
                None => {}
                Some(_) if !merged.is_first(key) => {}
                Some(SourceKind::Signal) => signals.push(Callback::Source(key)),
                Some(SourceKind::Ordinary) if self.rng.is_none() => {
                    fetched.push_back(Callback::Source(key));
                }
                // The kernel also reports events that no task waits for, for example that the other
                // end has acknowledged data. When those come depends on timing, not on the seed.
                Some(SourceKind::Ordinary) if !self.sources.has_ready_waiters(key) => {}
                Some(SourceKind::Ordinary) => shuffled.push(key),
            }
        }
        if let Some(rng) = &self.rng {
            // The order of the kernel depends on timing.
            let shuffled = shuffled.into_iter().map(|key| (key.to_bits(), key));
            let mut shuffled = slots::in_order(shuffled);
            rng.shuffle(&mut shuffled);
            fetched.extend(shuffled.into_iter().map(Callback::Source));
        }
        self.counts.source_events.add(fetched.len() as u64);
    }

    /// Registers `fd` for `parts` of its readiness, edge-triggered. The OS reports the present
    /// readiness with the next events, so no earlier change is lost.
    ///
    /// # Errors
    ///
    /// Returns an error if the poller does not accept the descriptor.
    pub(crate) fn register(
        &self,
        fd: BorrowedFd<'_>,
        kind: SourceKind,
        parts: ReadinessParts,
    ) -> io::Result<Key> {
        let raw = fd.as_raw_fd();
        let key = self.sources.insert(kind, Descriptor::new(fd));
        let token = Token(key.to_bits() as usize);
        let interest = events::interest(parts);
        let result = self.registry.register(&mut SourceFd(&raw), token, interest);
        if let Err(error) = result {
            self.sources.remove(key);
            return Err(error);
        }
        self.counts.registered.add(1);
        self.counts.sources.set(self.sources.len() as u64);
        Ok(key)
    }

    /// Frees the slot of a closed source.
    pub(crate) fn release(&self, source: Key) {
        let waiters = self.sources.remove(source);
        self.counts.sources.set(self.sources.len() as u64);
        for waiter in waiters {
            panics::drop_contained(waiter, "the destructor of a waker");
        }
    }
}

impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poll").finish_non_exhaustive()
    }
}
