//! What the tests of the loop's order share.
//!
//! A *case* is a small program that logs lines; [`record`] runs it and returns the lines. Each case
//! is run in three [ways](Way), with the same outcome:
//!
//! - Beside the future of a `block_on`, on real time. That future spawns the case's root and then
//!   only waits for the lines. It is polled once before the case begins, once when the root ends
//!   and once after the last line. No phase notices these polls, except that they count towards the
//!   phase budget. So the root is first in the ready queue, and is drained before the first tick.
//! - By `Runtime::run`, on real time. The root is spawned, and the run must end by itself after the
//!   last line. What a case leaves waiting for ever must be unreferenced.
//! - The same on paused time, which only the case moves ([`block`], [`block_until`],
//!   [`time_passes`]), or the loop when it has nothing else to do.
//!
//! Nothing here relies on time. [`block`] and [`block_until`] make timers overdue, which no delay
//! can undo. A case waits for what happens outside of the loop ([`jobs_are_done`], [`arrived`]) and
//! keeps the loop alive for what another thread is going to do ([`keep_alive`]). What is to happen
//! before a deadline says so ([`in_time`]): the case is repeated if the thread was held up.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::process;
use std::rc::Rc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use quintet::fs;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Handle, KeepAlive, Runtime, Stalled, on_exit};
use quintet::task::{JoinHandle, yield_now};
use quintet::time::{Duration, Instant, Sleep, advance, is_paused, sleep, sleep_until};
use quintet::{spawn, spawn_blocking};
use socket2::SockRef;

use super::wakers::poll;

/// How long a test may take. All are through in a small part of it; one that hangs is to be named.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a case is tried whose thread is held up.
const ATTEMPTS_MAX: u32 = 10;

/// For how many ticks more a case is watched when all its lines have come: it might log too many.
const TICKS_WATCHED: u32 = 4;

// ---- The log ---------------------------------------------------------------------------------

/// What has been logged, and the task that waits for it.
pub(crate) struct Journal {
    state: Mutex<State>,
}

struct State {
    lines: Vec<String>,
    /// Told when there are so many lines.
    waiter: Option<(usize, Waker)>,
}

thread_local! {
    static JOURNAL: Arc<Journal> = Arc::new(Journal {
        state: Mutex::new(State { lines: Vec::new(), waiter: None }),
    });
    static HELD_UP: Cell<bool> = const { Cell::new(false) };
    /// The number of the present attempt, from one on.
    static ATTEMPT: Cell<u32> = const { Cell::new(1) };
    static ELAPSED: RefCell<Option<Sleep>> = const { RefCell::new(None) };
}

impl Journal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line; from any thread.
    pub(crate) fn log(&self, line: impl Into<String>) {
        let mut state = self.lock();
        state.lines.push(line.into());
        let count = state.lines.len();
        let waiter = state.waiter.take_if(|(wanted, _)| *wanted <= count);
        drop(state);
        if let Some((_, waker)) = waiter {
            waker.wake();
        }
    }

    fn poll_lines(&self, count: usize, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.lines.len() >= count {
            return Poll::Ready(());
        }
        state.waiter = Some((count, cx.waker().clone()));
        Poll::Pending
    }
}

/// The log of this test, for other threads.
pub(crate) fn journal() -> Arc<Journal> {
    JOURNAL.with(Arc::clone)
}

/// Logs a line.
pub(crate) fn log(line: impl Into<String>) {
    JOURNAL.with(|journal| journal.log(line));
}

/// Waits until so many lines have been logged.
pub(crate) async fn lines(count: usize) {
    let journal = journal();
    poll_fn(|cx| journal.poll_lines(count, cx)).await;
}

/// How many lines have been logged.
pub(crate) fn line_count() -> usize {
    JOURNAL.with(|journal| journal.lock().lines.len())
}

/// Takes what has been logged.
pub(crate) fn take_log() -> Vec<String> {
    JOURNAL.with(|journal| std::mem::take(&mut journal.lock().lines))
}

// ---- Running a case --------------------------------------------------------------------------

/// Runs `test`. If it hangs, its name and what it has logged is said, and the process ends.
pub(crate) fn watched<R>(test: impl FnOnce() -> R) -> R {
    let _running = expect_end();
    test()
}

/// Ends the process unless the result is dropped in time.
fn expect_end() -> mpsc::Sender<()> {
    let journal = journal();
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (running, has_ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        if has_ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let lines = journal.lock().lines.join(" ");
            // Not `eprintln!`, which the harness would capture and lose.
            let _closed = writeln!(io::stderr(), "{name} hangs; it has logged: {lines}");
            process::abort();
        }
    });
    running
}

/// A builder of runtimes with one worker: so jobs run one after the other, as they were queued.
pub(crate) fn one_worker() -> Builder {
    let mut builder = Builder::new();
    builder.quiet().worker_threads(1);
    builder
}

/// How a case is run; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    BlockOn,
    Run,
    RunPaused,
}

/// All ways.
pub(crate) const EVERY_WAY: &[Way] = &[Way::BlockOn, Way::Run, Way::RunPaused];

/// For a case that measures real time, or waits for it.
pub(crate) const ON_REAL_TIME: &[Way] = &[Way::BlockOn, Way::Run];

/// For cases that count the polls of the future beside them, or its absence.
pub(crate) const BY_BLOCK_ON: &[Way] = &[Way::BlockOn];
pub(crate) const BY_RUN: &[Way] = &[Way::Run, Way::RunPaused];

/// For a case that would last too long otherwise.
pub(crate) const ON_PAUSED_TIME: &[Way] = &[Way::RunPaused];

/// What a case has logged in one of the ways.
pub(crate) struct Lines {
    way: Way,
    lines: Vec<String>,
}

impl Deref for Lines {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.way, self.lines.join(" "))
    }
}

/// Runs a case in every way, and returns its lines in each. With `block_on` it is run until it has
/// logged `count` lines, and then watched for some ticks more.
pub(crate) fn record<F>(builder: &mut Builder, count: usize, case: impl Fn() -> F) -> Vec<Lines>
where
    F: Future<Output = ()> + 'static,
{
    record_by(EVERY_WAY, builder, count, case)
}

/// The same in some ways only.
pub(crate) fn record_by<F>(
    ways: &[Way],
    builder: &mut Builder,
    count: usize,
    case: impl Fn() -> F,
) -> Vec<Lines>
where
    F: Future<Output = ()> + 'static,
{
    let in_way = |&way: &Way| {
        // What is reported is for the tests of that; here it would only look like a failure.
        let runtime = builder.quiet().start_paused(way == Way::RunPaused);
        let lines = attempts(|| {
            let runtime = runtime.build().expect("descriptors for a runtime");
            match way {
                Way::BlockOn => runtime.block_on(observe(count, case())),
                Way::Run | Way::RunPaused => run_root(&runtime, case()),
            }
        });
        Lines { way, lines }
    };
    watched(|| ways.iter().map(in_way).collect())
}

/// Repeats `attempt` until the thread was not held up, and says how often that was in vain. One
/// that is held up each time has a fault: a loaded machine does that now and then.
fn attempts(mut attempt: impl FnMut() -> Vec<String>) -> Vec<String> {
    for number in 1..=ATTEMPTS_MAX {
        ATTEMPT.set(number);
        HELD_UP.set(false);
        take_log();
        let lines = attempt();
        if !HELD_UP.get() {
            return lines;
        }
        eprintln!("attempt {number} was held up: {}", lines.join(" "));
    }
    panic!("the thread was held up in each of {ATTEMPTS_MAX} attempts");
}

/// A margin for what is to happen before a deadline: so long, and twice as long in each attempt
/// after one that was held up.
pub(crate) fn margin(duration: Duration) -> Duration {
    duration * 2_u32.pow(ATTEMPT.get().saturating_sub(1))
}

async fn observe<F>(count: usize, case: F) -> Vec<String>
where
    F: Future<Output = ()> + 'static,
{
    let mut root = Some(spawn(case));
    let journal = journal();
    poll_fn(|cx| {
        if let Some(handle) = &mut root
            && let Poll::Ready(result) = Pin::new(handle).poll(cx)
        {
            result.expect("the root of the case ends well");
            root = None;
        }
        journal.poll_lines(count, cx)
    })
    .await;
    for _ in 0..TICKS_WATCHED {
        yield_now().await;
    }
    take_log()
}

fn run_root<F>(runtime: &Runtime, case: F) -> Vec<String>
where
    F: Future<Output = ()> + 'static,
{
    let mut root = runtime.spawn(case);
    let result = runtime.run();
    let lines = take_log();
    assert!(root.is_finished(), "{result:?} after {lines:?}");
    runtime
        .block_on(&mut root)
        .expect("the root of the case ends well");
    if let Err(stalled) = result {
        panic!("{stalled}\nafter {lines:?}");
    }
    lines
}

/// Runs a case in every way and asserts that it logs the words of `expected`, in this order, and no
/// others.
#[track_caller]
pub(crate) fn in_order<F>(expected: &str, case: impl Fn() -> F)
where
    F: Future<Output = ()> + 'static,
{
    in_order_on(&mut one_worker(), expected, case);
}

/// The same on another runtime.
#[track_caller]
pub(crate) fn in_order_on<F>(builder: &mut Builder, expected: &str, case: impl Fn() -> F)
where
    F: Future<Output = ()> + 'static,
{
    in_order_by(EVERY_WAY, builder, expected, case);
}

/// The same in some ways only.
#[track_caller]
pub(crate) fn in_order_by<F>(
    ways: &[Way],
    builder: &mut Builder,
    expected: &str,
    case: impl Fn() -> F,
) where
    F: Future<Output = ()> + 'static,
{
    let expected: Vec<&str> = expected.split_whitespace().collect();
    for lines in record_by(ways, builder, expected.len(), case) {
        assert_eq!(lines.join(" "), expected.join(" "), "{:?}", lines.way);
    }
}

/// Runs a case by `Runtime::run` to the end of the runtime, on real and on paused time, and asserts
/// what it logs. A line `exit` is added when the runtime ends, and before it `stalled` if the run
/// says so. Returns the results of the runs, on real and on paused time.
#[track_caller]
pub(crate) fn in_order_to_exit<F>(expected: &str, case: impl Fn() -> F) -> [Result<(), Stalled>; 2]
where
    F: Future<Output = ()> + 'static,
{
    [Way::Run, Way::RunPaused].map(|way| {
        let mut result = Ok(());
        let lines = watched(|| {
            attempts(|| {
                let mut builder = one_worker();
                // A job that the runtime waits for, but must not, is to be noticed.
                builder.shutdown_grace(2 * PATIENCE);
                let runtime = builder.start_paused(way == Way::RunPaused).build();
                let runtime = runtime.expect("descriptors for a runtime");
                let entered = runtime.enter();
                on_exit(|_| log("exit"));
                drop(entered);
                drop(runtime.spawn(case()));
                result = runtime.run();
                if result.is_err() {
                    log("stalled");
                }
                drop(runtime);
                take_log()
            })
        });
        let expected: Vec<&str> = expected.split_whitespace().collect();
        assert_eq!(lines.join(" "), expected.join(" "), "{way:?}");
        result
    })
}

/// Asserts that each of `order` was logged once, and in this order, whatever stands in between.
#[track_caller]
pub(crate) fn assert_order(lines: &Lines, order: &[&str]) {
    let found: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| order.contains(line))
        .collect();
    assert_eq!(found, order, "all lines: {lines:?}");
}

/// Words `name0 name1 …`, of the numbers of `range`.
pub(crate) fn numbered(name: &str, range: impl Iterator<Item = usize>) -> String {
    let words: Vec<String> = range.map(|n| format!("{name}{n}")).collect();
    words.join(" ")
}

// ---- Holding the thread ----------------------------------------------------------------------

/// Holds the thread for at least so long; or moves paused time by this.
pub(crate) fn block(millis: u64) {
    hold(Duration::from_millis(millis));
}

/// The same, exactly to say.
pub(crate) fn hold(duration: Duration) {
    if is_paused() {
        drop(advance(duration));
    } else {
        thread::sleep(duration);
    }
}

/// Holds the thread until `deadline` has passed; or moves paused time there.
pub(crate) fn block_until(deadline: Instant) {
    while Instant::now() < deadline {
        hold(deadline.duration_since(Instant::now()));
    }
}

/// For what goes on until some time has passed: real time passes by itself.
pub(crate) fn time_passes() {
    if is_paused() {
        hold(Duration::from_micros(50));
    }
}

/// Lets the loop wait for what another thread will do, while the guard lives there. It also keeps
/// paused time from moving on.
pub(crate) fn keep_alive() -> KeepAlive {
    Handle::current().keep_alive()
}

/// Says that the case means what it is to mean only if `deadline` has not passed here. If it has,
/// the case is repeated. Paused time does not pass, but by the case itself.
pub(crate) fn in_time(deadline: Instant) {
    let is_in_time = Instant::now() < deadline;
    assert!(is_in_time || !is_paused(), "time is paused");
    void_unless(is_in_time);
}

/// Says that the case means something only if `condition` holds. If not, the case is repeated.
pub(crate) fn void_unless(condition: bool) {
    if !condition {
        HELD_UP.set(true);
    }
}

/// Holds the thread until all jobs that were queued before are done and their results stand in the
/// loop's inbox. There must be one worker.
pub(crate) fn jobs_are_done() {
    drop(hold_worker());
}

/// The same, and keeps the worker busy until the returned sender is dropped.
///
/// A job behind the others begins only when the worker is done with them, which includes the wakes
/// that bring their results home.
pub(crate) fn hold_worker() -> mpsc::Sender<()> {
    let (begin, has_begun) = mpsc::channel();
    let (release, is_released) = mpsc::channel();
    let behind = spawn_blocking(move || {
        let _gone = begin.send(());
        let _released = is_released.recv();
    });
    has_begun.recv().expect("the job behind begins");
    drop(behind);
    release
}

/// Holds the thread until `count` bytes can be read from `stream`.
///
/// The look takes the socket's lock, so when it sees the bytes the poller has been told, too.
pub(crate) fn arrived(stream: &impl AsFd, count: usize) {
    let mut bytes = vec![MaybeUninit::uninit(); count];
    loop {
        match SockRef::from(stream).peek(&mut bytes) {
            Ok(n) if n >= count => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("no bytes: {error}"),
            _ => thread::sleep(Duration::from_micros(20)),
        }
    }
}

/// Lets another thread wake, and holds this one until it has: the wake stands in the inbox then.
pub(crate) fn wake_elsewhere(wake: impl FnOnce() + Send + 'static) {
    let other = thread::spawn(wake);
    other.join().expect("a wake does not panic");
}

// ---- Reaching a phase ------------------------------------------------------------------------

/// Goes on in the next timers phase.
pub(crate) async fn in_timers() {
    sleep(Duration::ZERO).await;
}

/// Goes on in the next pending phase: spends all of the task's budget.
pub(crate) async fn in_pending() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if has_waited {
            return Poll::Ready(());
        }
        while poll_elapsed(cx).is_ready() {}
        has_waited = true;
        Poll::Pending
    })
    .await;
}

/// Goes on in the next poll phase to fetch something: is woken by another thread.
pub(crate) async fn in_poll() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        let waker = cx.waker().clone();
        wake_elsewhere(|| waker.wake());
        Poll::Pending
    })
    .await;
}

/// Goes on in the next check phase.
pub(crate) async fn in_check() {
    yield_now().await;
}

/// Goes on in the next close phase.
pub(crate) async fn in_close() {
    listen().await.close().await;
}

/// Spends `units` of the task's budget for its present poll.
pub(crate) async fn spend(units: u32) {
    for _ in 0..units {
        poll_fn(poll_elapsed).await;
    }
}

/// Spends what is left of the task's budget for its present poll, and returns how much that was.
pub(crate) async fn units_left() -> u32 {
    poll_fn(|cx| {
        let mut units = 0;
        while poll_elapsed(cx).is_ready() {
            units += 1;
        }
        Poll::Ready(units)
    })
    .await
}

/// Polls a sleep that has ended long ago: an operation of one unit that is always ready.
fn poll_elapsed(cx: &mut Context<'_>) -> Poll<()> {
    ELAPSED.with_borrow_mut(|elapsed| Pin::new(elapsed.get_or_insert_with(make_elapsed)).poll(cx))
}

/// An ended sleep. It is made on another thread, where no runtime runs.
fn make_elapsed() -> Sleep {
    let end = || {
        let mut ended = sleep(Duration::ZERO);
        quintet::block_on(&mut ended);
        ended
    };
    let other = thread::spawn(end);
    other.join().expect("a sleep ends")
}

/// Counts the ticks: in the check phase of each the number goes up, before anything else runs there
/// that was asked for later than this. Meanwhile poll never waits. It keeps nothing alive.
pub(crate) fn count_ticks() -> Rc<Cell<usize>> {
    let ticks = Rc::new(Cell::new(0));
    let counted = Rc::clone(&ticks);
    let counter = spawn(async move {
        loop {
            yield_now().await;
            counted.set(counted.get() + 1);
        }
    });
    counter.unref();
    ticks
}

// ---- Things to wait for ----------------------------------------------------------------------

/// Arms a sleep now: from here on it has its place in the order of timers.
pub(crate) async fn arm(deadline: Instant) -> Sleep {
    let mut sleep = sleep_until(deadline);
    assert!(
        poll!(&mut sleep).is_pending(),
        "a sleep ends in the timers phase only"
    );
    sleep
}

/// Spawns a task that logs `line` when `sleep` ends.
pub(crate) fn log_after(sleep: Sleep, line: impl Into<String>) -> JoinHandle<()> {
    let line = line.into();
    spawn(async move {
        sleep.await;
        log(line);
    })
}

/// Looks at a file, which takes a trip to a worker that has begun here, and logs `line` when it is
/// back.
pub(crate) async fn log_after_stat(line: impl Into<String>) -> JoinHandle<()> {
    let line = line.into();
    let mut stat = Box::pin(fs::metadata("."));
    assert!(poll!(&mut stat).is_pending(), "a worker looks");
    spawn(async move {
        stat.await.expect("there is a current directory");
        log(line);
    })
}

/// The same where nothing can be awaited, with a job that does nothing.
pub(crate) fn log_after_job(line: impl Into<String>) -> JoinHandle<()> {
    let line = line.into();
    let job = spawn_blocking(|| ());
    spawn(async move {
        job.await.expect("the job does nothing");
        log(line);
    })
}

/// A listener on a free port.
pub(crate) async fn listen() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    listener.expect("a free port")
}

/// A connection: one end for the loop, the other for the test, which may block. It has not been
/// used: no poller knows it.
pub(crate) fn connection() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let peer = std::net::TcpStream::connect(addr).expect("it listens");
    let (own, _) = listener.accept().expect("it is connected");
    for end in [&own, &peer] {
        end.set_nodelay(true).expect("a TCP option");
    }
    (
        TcpStream::from_std(own).expect("it can be made non-blocking"),
        peer,
    )
}

/// Holds the thread until so many connections wait to be accepted.
pub(crate) fn backlog_is(addr: SocketAddr, count: usize) {
    let port = format!(":{:04X}", addr.port());
    let is_listener = |fields: &[&str]| fields[1].ends_with(&port) && fields[3] == "0A";
    loop {
        let table =
            std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table of sockets");
        let waiting = table.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (_, waiting) = fields[4].split_once(':').filter(|_| is_listener(&fields))?;
            usize::from_str_radix(waiting, 16).ok()
        });
        if waiting == Some(count) {
            return;
        }
        thread::sleep(Duration::from_micros(50));
    }
}

/// Writes to the test's end, and waits until the loop's end has it.
pub(crate) fn deliver(mut peer: &std::net::TcpStream, own: &impl AsFd, bytes: &[u8]) {
    peer.write_all(bytes).expect("the connection is open");
    arrived(own, bytes.len());
}
