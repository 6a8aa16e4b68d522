//! The handshake between a loop and the threads that wake it, in every interleaving.
//!
//! The files that do it, `src/inbox.rs` and `src/tasks/header.rs`, are compiled here against the
//! model checker's locks and atomics. The loop's side, which in the crate is spread over the poll
//! phase and `tasks`, is written down again as [`Home`]. A wake that is lost is a loop that sleeps
//! for ever, and the checker calls that a deadlock.
//!
//! Three ways to break the handshake stand beside it, each in a process of its own, for the checker
//! ends the process where it finds something: a model that finds no fault with those proves
//! nothing.

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize as Count;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::sync::{Arc, Mutex, Notify};
use loom::thread;

use check::{check, find_fault};
use header::{Header, Message};
use inbox::Inbox;
use ready::LoopId;
use slots::Key;

mod check;

mod primitive {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().expect("the checker stops at a panic")
    }
}

mod ready {
    #[derive(Clone, Copy)]
    pub(crate) struct LoopId;
}

mod slots {
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Key(pub(crate) u64);

    impl Key {
        pub(crate) fn to_bits(self) -> u64 {
            self.0
        }

        pub(crate) fn from_bits(bits: u64) -> Self {
            Key(bits)
        }
    }
}

mod trace {
    /// A header without a span.
    pub(crate) struct AtomicSpanId;

    impl AtomicSpanId {
        pub(crate) fn none() -> Self {
            AtomicSpanId
        }

        pub(crate) fn clear(&self) {}
    }
}

#[allow(
    dead_code,
    reason = "only what takes part in the handshake is modelled"
)]
#[path = "../../src/inbox.rs"]
mod inbox;

#[allow(
    dead_code,
    reason = "only what takes part in the handshake is modelled"
)]
#[path = "../../src/tasks/header.rs"]
mod header;

#[test]
fn no_message_is_lost_and_a_sleep_is_ended_at_most_once() {
    check(|| {
        let (bell, ring) = Bell::new();
        messages_of_two_threads_arrive(&bell, Arc::new(Inbox::new(ring)));
    });
}

#[test]
fn a_loop_whose_wait_has_ended_is_not_rung() {
    check(|| {
        let (bell, ring) = Bell::new();
        let inbox = Inbox::new(ring);
        assert!(inbox.fall_asleep());
        // A socket or the time ends the wait.
        inbox.fetch(|message| panic!("{message} comes from nowhere"));

        inbox.push(1).unwrap();
        assert_eq!(bell.rings(), 0, "the loop looks by itself");

        assert!(!inbox.fall_asleep(), "there is a message");
        inbox.fetch(|message| assert_eq!(message, 1));
        assert!(inbox.fall_asleep());
        inbox.push(2).unwrap();
        assert_eq!(bell.rings(), 1);
    });
}

#[test]
fn no_wake_is_lost_and_each_leads_to_a_poll_that_sees_what_came_before_it() {
    check(|| two_threads_wake_a_task(Order::ClearThenPoll));
}

#[test]
fn a_task_that_wakes_itself_misses_no_wake_of_another_thread() {
    check(|| {
        let (bell, ring) = Bell::new();
        let mut home = Home::new(bell, ring);
        let written = Arc::new(AtomicUsize::new(0));
        let waker = wake_elsewhere(&home.header, &written, 1);

        let mut polls = 0;
        home.wake_here();
        home.run_until(Order::ClearThenPoll, |home| {
            polls += 1;
            if polls == 2 {
                // In the queue when the other thread's message comes.
                home.wake_here();
            }
            written.load(Ordering::Relaxed) == 1
        });

        waker.join().unwrap();
        home.end();
    });
}

#[test]
fn of_an_abort_and_the_start_of_a_job_one_wins() {
    check(|| {
        let (_, ring) = Bell::new();
        let header = Arc::new(Header::new(LoopId, Arc::new(Inbox::new(ring))));
        let theirs = Arc::clone(&header);
        let worker = thread::spawn(move || theirs.start_job());

        let unref = Arc::clone(&header);
        let other = thread::spawn(move || unref.set_awaited_at_end(false));
        let was_aborted = header.abort();

        let has_started = worker.join().unwrap();
        other.join().unwrap();
        assert_ne!(was_aborted, has_started);
        assert_eq!(header.is_aborted(), was_aborted);
        assert!(!header.is_awaited_at_end() && header.is_ref());
    });
}

#[test]
fn a_wake_after_the_end_is_given_back_and_nothing_stays_behind() {
    check(|| {
        let (bell, ring) = Bell::new();
        let home = Home::new(bell, ring);
        let written = Arc::new(AtomicUsize::new(0));
        let wakers = [(); 2].map(|()| wake_elsewhere(&home.header, &written, 1));

        // What is left counts on the header's references: the checker finds a leak.
        let left = home.inbox.close();
        assert!(left.len() <= 1, "the second wake is part of the first");
        drop(left);
        let late = home.inbox.push(Message::Wake(Arc::clone(&home.header)));
        assert!(matches!(late, Err(Message::Wake(_))));

        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

#[test]
fn releasing_a_held_loop_ends_its_sleep_and_loses_no_message() {
    check(|| {
        let (bell, ring) = Bell::new();
        let inbox = Arc::new(Inbox::new(ring));
        let holders = [true, false].map(|has_message| {
            inbox.add_keep_alive();
            let inbox = Arc::clone(&inbox);
            thread::spawn(move || {
                if has_message {
                    inbox.push(()).expect("the loop is there");
                }
                inbox.remove_keep_alive();
            })
        });

        let mut arrived = 0;
        while !inbox.is_idle() {
            // It may be released right here, after it was seen to be held.
            if inbox.fall_asleep() {
                bell.wait();
            }
            inbox.fetch(|()| arrived += 1);
        }

        assert_eq!(arrived, 1);
        for holder in holders {
            holder.join().expect("no panic");
        }
    });
}

#[test]
fn a_late_wake_never_reaches_the_next_task_of_its_header() {
    check(|| {
        let (bell, ring) = Bell::new();
        let mut home = Home::new(bell, ring);
        let first_written = Arc::new(AtomicUsize::new(0));
        let first_waker = wake_elsewhere(&home.header, &first_written, 2);
        home.wake_here();
        home.run_until(Order::ClearThenPoll, |_| {
            first_written.load(Ordering::Relaxed) > 0
        });

        home.next_task();
        let written = Arc::new(AtomicUsize::new(0));
        let waker = wake_elsewhere(&home.header, &written, 1);
        let mut polls = 0;
        home.wake_here();
        home.run_until(Order::ClearThenPoll, |_| {
            polls += 1;
            let is_done = written.load(Ordering::Relaxed) == 1;
            assert!(is_done || polls == 1, "another task's wake");
            is_done
        });

        first_waker.join().unwrap();
        waker.join().unwrap();
        home.end();
    });
}

#[test]
fn the_model_finds_a_loop_that_falls_asleep_without_a_look_at_the_queue() {
    find_fault(
        "the_model_finds_a_loop_that_falls_asleep_without_a_look_at_the_queue",
        || {
            let (bell, ring) = Bell::new();
            messages_of_two_threads_arrive(&bell, Arc::new(Careless(Inbox::new(ring))));
        },
    );
}

#[test]
fn the_model_finds_a_sleep_that_is_not_noted_under_the_queues_lock() {
    find_fault(
        "the_model_finds_a_sleep_that_is_not_noted_under_the_queues_lock",
        || {
            let (bell, ring) = Bell::new();
            messages_of_two_threads_arrive(&bell, Arc::new(TwoSteps::new(ring)));
        },
    );
}

#[test]
fn the_model_finds_a_wake_that_is_forgotten_after_the_poll_instead_of_before() {
    find_fault(
        "the_model_finds_a_wake_that_is_forgotten_after_the_poll_instead_of_before",
        || two_threads_wake_a_task(Order::PollThenClear),
    );
}

/// Two threads push, and the loop must get everything.
fn messages_of_two_threads_arrive(bell: &Bell, door: Arc<impl Door + 'static>) {
    let pushers = [1, 2].map(|number| {
        let door = Arc::clone(&door);
        thread::spawn(move || (0..number).for_each(|message| door.push((number, message))))
    });

    let mut arrived = Vec::new();
    let mut sleeps = 0;
    while arrived.len() < 3 {
        // Now a tick with other work, now one without.
        if door.has_pending() {
            door.fetch(&mut |message| arrived.push(message));
            continue;
        }
        let is_asleep = door.fall_asleep();
        if is_asleep {
            sleeps += 1;
            bell.wait();
        }
        if is_asleep || door.has_pending() {
            door.fetch(&mut |message| arrived.push(message));
        }
    }

    arrived.sort_by_key(|&(number, _)| number);
    assert_eq!(arrived, [(1, 0), (2, 0), (2, 1)], "each thread's in order");
    for pusher in pushers {
        pusher.join().expect("no panic");
    }
    assert!(bell.rings() <= sleeps);
}

/// Two threads write and wake, and the task must see everything.
fn two_threads_wake_a_task(order: Order) {
    let (bell, ring) = Bell::new();
    let mut home = Home::new(bell, ring);
    let written = Arc::new(AtomicUsize::new(0));
    let wakers = [(); 2].map(|()| wake_elsewhere(&home.header, &written, 1));

    home.wake_here();
    home.run_until(order, |_| written.load(Ordering::Relaxed) == 2);

    for waker in wakers {
        waker.join().expect("no panic");
    }
    assert!(home.bell.rings() <= home.sleeps);
    home.end();
}

/// Starts a thread that writes and wakes so many times.
fn wake_elsewhere(
    header: &Arc<Header>,
    written: &Arc<AtomicUsize>,
    wakes: usize,
) -> thread::JoinHandle<()> {
    let (header, written) = (Arc::clone(header), Arc::clone(written));
    thread::spawn(move || {
        for _ in 0..wakes {
            // Relaxed: that the poll sees it is the handshake's doing.
            written.fetch_add(1, Ordering::Relaxed);
            Header::wake_remote(&header);
        }
    })
}

/// What ends the loop's sleep, like the poller's eventfd: a ring before the wait counts.
struct Bell {
    notify: Arc<Notify>,
    /// Not part of what is modelled.
    rings: std::sync::Arc<Count>,
}

type Ring = Box<dyn Fn() + Send + Sync>;

impl Bell {
    fn new() -> (Self, Ring) {
        let bell = Bell {
            notify: Arc::new(Notify::new()),
            rings: std::sync::Arc::default(),
        };
        let notify = Arc::clone(&bell.notify);
        let rings = std::sync::Arc::clone(&bell.rings);
        let ring = move || {
            rings.fetch_add(1, Ordering::Relaxed);
            notify.notify();
        };
        (bell, Box::new(ring))
    }

    fn wait(&self) {
        self.notify.wait();
    }

    fn rings(&self) -> usize {
        self.rings.load(Ordering::Relaxed)
    }
}

/// When a task forgets that a wake was on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    ClearThenPoll,
    PollThenClear,
}

/// The loop's side: one task, the ready queue, and the poll phase.
struct Home {
    inbox: Arc<Inbox<Message>>,
    /// The slot's own two references: the header and the task's waker.
    header: Arc<Header>,
    waker: Arc<Header>,
    /// The task in the slot.
    key: Key,
    ready: VecDeque<Key>,
    bell: Bell,
    sleeps: usize,
}

impl Home {
    fn new(bell: Bell, ring: Ring) -> Self {
        let inbox = Arc::new(Inbox::new(ring));
        let header = Arc::new(Header::new(LoopId, Arc::clone(&inbox)));
        let key = Key(1);
        header.assign(key);
        Home {
            inbox,
            waker: Arc::clone(&header),
            header,
            key,
            ready: VecDeque::new(),
            bell,
            sleeps: 0,
        }
    }

    /// As the end of a shutdown: what was not fetched holds the header, which holds the inbox.
    fn end(self) {
        drop(self.inbox.close());
    }

    /// As a wake while the loop runs, on its own thread.
    fn wake_here(&mut self) {
        self.ready.extend(self.header.enqueue());
    }

    /// As `Tasks::recycle` and the next `Tasks::insert`.
    fn next_task(&mut self) {
        self.key = Key(self.key.0 + 1);
        if Arc::strong_count(&self.header) == 2 {
            fence(Ordering::Acquire);
        } else {
            self.header = Arc::new(Header::new(LoopId, Arc::clone(&self.inbox)));
            self.waker = Arc::clone(&self.header);
        }
        self.header.assign(self.key);
    }

    /// Runs until `poll`, the task, is done.
    fn run_until(&mut self, order: Order, mut poll: impl FnMut(&mut Self) -> bool) {
        loop {
            while let Some(key) = self.ready.pop_front() {
                if self.run(key, true, order, &mut poll) {
                    return;
                }
            }
            let is_asleep = self.inbox.fall_asleep();
            if is_asleep {
                self.sleeps += 1;
                self.bell.wait();
            }
            let mut fetched = Vec::new();
            if is_asleep || self.inbox.has_pending() {
                self.inbox.fetch(|message| fetched.push(message));
            }
            for message in fetched {
                let Message::Wake(header) = message else {
                    unreachable!("no calls are made");
                };
                if self.run(header.key(), false, order, &mut poll) {
                    return;
                }
            }
        }
    }

    /// As `Tasks::run`: whether the task ended.
    fn run(
        &mut self,
        key: Key,
        is_queued: bool,
        order: Order,
        poll: &mut impl FnMut(&mut Self) -> bool,
    ) -> bool {
        if key != self.key || self.header.is_queued() != is_queued {
            return false;
        }
        let header = Arc::clone(&self.header);
        let is_done = match order {
            Order::ClearThenPoll => {
                header.begin_poll(is_queued);
                poll(self)
            }
            Order::PollThenClear => {
                let is_done = poll(self);
                header.begin_poll(header.is_queued());
                is_done
            }
        };
        drop(header);
        is_done
    }
}

/// An inbox, whole or broken.
trait Door: Send + Sync {
    fn push(&self, message: (u32, u32));
    fn has_pending(&self) -> bool;
    fn fall_asleep(&self) -> bool;
    fn fetch(&self, take: &mut dyn FnMut((u32, u32)));
}

impl Door for Inbox<(u32, u32)> {
    fn push(&self, message: (u32, u32)) {
        let refused = Inbox::push(self, message);
        assert!(refused.is_ok());
    }

    fn has_pending(&self) -> bool {
        Inbox::has_pending(self)
    }

    fn fall_asleep(&self) -> bool {
        Inbox::fall_asleep(self)
    }

    fn fetch(&self, take: &mut dyn FnMut((u32, u32))) {
        Inbox::fetch(self, take);
    }
}

/// Broken: sleeps whatever the queue says.
struct Careless(Inbox<(u32, u32)>);

impl Door for Careless {
    fn push(&self, message: (u32, u32)) {
        Door::push(&self.0, message);
    }

    fn has_pending(&self) -> bool {
        self.0.has_pending()
    }

    fn fall_asleep(&self) -> bool {
        let _ignored = self.0.fall_asleep();
        true
    }

    fn fetch(&self, take: &mut dyn FnMut((u32, u32))) {
        self.0.fetch(take);
    }
}

/// Broken: "the queue is empty" and "the loop is asleep" are two steps.
struct TwoSteps {
    queue: Mutex<Vec<(u32, u32)>>,
    asleep: AtomicBool,
    unpark: Ring,
}

impl TwoSteps {
    fn new(unpark: Ring) -> Self {
        TwoSteps {
            queue: Mutex::new(Vec::new()),
            asleep: AtomicBool::new(false),
            unpark,
        }
    }
}

impl Door for TwoSteps {
    fn push(&self, message: (u32, u32)) {
        self.queue.lock().expect("not poisoned").push(message);
        if self.asleep.swap(false, Ordering::AcqRel) {
            (self.unpark)();
        }
    }

    fn has_pending(&self) -> bool {
        !self.queue.lock().expect("not poisoned").is_empty()
    }

    fn fall_asleep(&self) -> bool {
        let is_empty = !self.has_pending();
        self.asleep.store(is_empty, Ordering::Release);
        is_empty
    }

    fn fetch(&self, take: &mut dyn FnMut((u32, u32))) {
        self.asleep.store(false, Ordering::Release);
        let mut queue = self.queue.lock().expect("not poisoned");
        queue.drain(..).for_each(take);
    }
}
