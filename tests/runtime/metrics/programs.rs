//! Random programs that keep their own tally, which the metrics must equal.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use quintet::blocking::{self, Class};
use quintet::net::UnixStream;
use quintet::runtime::{Builder, Handle, Metrics, Phase};
use quintet::sync::oneshot;
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::{Duration, sleep};

use crate::support::panics::on_panic;
use crate::support::random::Random;

const PROGRAMS: u64 = 1000;

/// How long the tasks sleep that are alive at the end.
const FOR_LONG: Duration = Duration::from_secs(1_000_000);

/// What a program has done.
#[derive(Debug, Default)]
struct Tally {
    polls: Cell<u64>,
    spawned: Cell<u64>,
    returned: Cell<u64>,
    panicked: Cell<u64>,
    aborted: Cell<u64>,
    armed: Cell<u64>,
    fired: Cell<u64>,
    immediates: Cell<u64>,
    closes: Cell<u64>,
    /// Reads that had to wait.
    reads: Cell<u64>,
    registered: Cell<u64>,
    jobs: [Cell<u64>; 3],
    /// Timers and sockets of tasks that are alive at the end.
    left_timers: Cell<u64>,
    left_sources: Cell<u64>,
    left_tasks: Cell<u64>,
}

fn add(cell: &Cell<u64>, n: u64) {
    cell.set(cell.get() + n);
}

/// Counts the polls of the task that awaits this.
async fn polled<F: Future>(tally: &Tally, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        add(&tally.polls, 1);
        future.as_mut().poll(cx)
    })
    .await
}

/// Counts, in `waits`, how often `future` had to wait.
async fn waiting<F: Future>(waits: &Cell<u64>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let result = future.as_mut().poll(cx);
        add(waits, u64::from(result.is_pending()));
        result
    })
    .await
}

struct Program {
    tally: Rc<Tally>,
    random: RefCell<Random>,
    /// The tasks that await others.
    watches: RefCell<Vec<JoinHandle<()>>>,
}

impl Program {
    fn below(&self, end: usize) -> usize {
        self.random.borrow_mut().below(end)
    }

    fn spawn(self: &Rc<Self>, future: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        let program = Rc::clone(self);
        add(&self.tally.spawned, 1);
        quintet::spawn(async move { polled(&program.tally, future).await })
    }

    /// A task that does some steps, and may spawn others.
    fn steps(self: Rc<Self>, depth: usize) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            for _ in 0..1 + self.below(6) {
                self.step(depth).await;
            }
        })
    }

    async fn step(self: &Rc<Self>, depth: usize) {
        let tally = &self.tally;
        match self.below(12) {
            0 => {
                add(&tally.immediates, 1);
                yield_now().await;
            }
            1 => {
                add(&tally.immediates, 1);
                add(&tally.spawned, 1);
                let tally = Rc::clone(tally);
                let immediate = set_immediate(move || add(&tally.polls, 1));
                immediate.await.unwrap();
                let tally = &self.tally;
                add(&tally.returned, 1);
            }
            2 | 3 => {
                add(&tally.armed, 1);
                sleep(Duration::from_millis(self.below(5) as u64)).await;
                add(&tally.fired, 1);
            }
            4 => {
                // A timer that is cancelled.
                let mut sleep = pin!(sleep(FOR_LONG));
                add(&tally.armed, 1);
                let polled = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
            }
            5 | 6 => self.job().await,
            7 => self.socket_pair().await,
            8 => self.aborted().await,
            9 => self.panicking().await,
            10 => self.message().await,
            _ if depth > 0 => {
                let task = self.spawn(Rc::clone(self).steps(depth - 1));
                if self.below(2) == 0 {
                    task.await.unwrap();
                    add(&tally.returned, 1);
                } else {
                    self.leave(task);
                }
            }
            _ => {}
        }
    }

    /// Awaits `task` in a task of its own.
    fn leave(self: &Rc<Self>, task: JoinHandle<()>) {
        let program = Rc::clone(self);
        let watch = self.spawn(async move {
            task.await.unwrap();
            add(&program.tally.returned, 1);
        });
        // The root awaits all of them.
        self.watches.borrow_mut().push(watch);
    }

    async fn job(self: &Rc<Self>) {
        let tally = &self.tally;
        let class = self.below(3);
        let panics = self.below(4) == 0;
        add(&tally.spawned, 1);
        add(&tally.jobs[class], 1);
        let job = blocking::Builder::new().class([Class::Plain, Class::Dns, Class::Cpu][class]);
        let job = job.spawn(move || assert!(!panics, "{QUIET}"));
        // The job's task is polled once, when the job has ended.
        add(&tally.polls, 1);
        match job.await {
            Ok(()) => add(&tally.returned, 1),
            Err(error) => {
                assert!(panics && error.is_panic());
                add(&tally.panicked, 1);
            }
        }
    }

    async fn socket_pair(self: &Rc<Self>) {
        let tally = &self.tally;
        let (one, other) = UnixStream::pair().unwrap();
        let waits = Rc::new(Cell::new(0));
        let (program, reads) = (Rc::clone(self), Rc::clone(&waits));
        let reader = self.spawn(async move {
            let mut byte = [0];
            let read = one.read_exact(&mut byte);
            waiting(&reads, read).await.unwrap();
            assert_eq!(byte, [7]);
            if program.below(2) == 0 {
                add(&program.tally.closes, 1);
                one.close().await;
            }
        });
        if self.below(2) == 0 {
            add(&tally.immediates, 1);
            yield_now().await;
        }
        other.write_all(&[7]).await.unwrap();
        reader.await.unwrap();
        add(&tally.returned, 1);
        add(&tally.reads, waits.get());
        add(&tally.registered, u64::from(waits.get() > 0));
    }

    async fn aborted(self: &Rc<Self>) {
        let tally = &self.tally;
        let task = self.spawn(pending());
        if self.below(2) == 0 {
            add(&tally.immediates, 1);
            yield_now().await;
        }
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        add(&tally.aborted, 1);
        // To drop the future is a poll as well.
        add(&tally.polls, 1);
    }

    async fn panicking(self: &Rc<Self>) {
        let tally = &self.tally;
        let waits = self.below(2) == 0;
        add(&tally.immediates, u64::from(waits));
        let task = self.spawn(async move {
            if waits {
                yield_now().await;
            }
            panic!("{QUIET}");
        });
        assert!(task.await.unwrap_err().is_panic());
        add(&tally.panicked, 1);
    }

    async fn message(self: &Rc<Self>) {
        let (send, receive) = oneshot::channel();
        let task = self.spawn(async move { receive.await.unwrap() });
        send.send(()).unwrap();
        task.await.unwrap();
        add(&self.tally.returned, 1);
    }

    /// Spawns tasks that wait for ever.
    fn leave_tasks(self: &Rc<Self>) {
        let tally = &self.tally;
        for _ in 0..self.below(4) {
            add(&tally.left_tasks, 1);
            match self.below(3) {
                0 => {
                    add(&tally.armed, 1);
                    add(&tally.left_timers, 1);
                    drop(self.spawn(sleep(FOR_LONG)));
                }
                1 => {
                    add(&tally.registered, 1);
                    add(&tally.left_sources, 1);
                    let (one, other) = UnixStream::pair().unwrap();
                    drop(self.spawn(async move {
                        let _read = one.read(&mut [0]).await;
                        drop(other);
                    }));
                }
                _ => drop(self.spawn(pending())),
            }
        }
    }

    async fn root(self: Rc<Self>) -> Metrics {
        for _ in 0..1 + self.below(4) {
            let task = self.spawn(Rc::clone(&self).steps(2));
            self.leave(task);
        }
        loop {
            let watch = self.watches.borrow_mut().pop();
            let Some(watch) = watch else { break };
            watch.await.unwrap();
            add(&self.tally.returned, 1);
        }
        self.leave_tasks();
        // Those that were spawned last have been polled, and closed sockets released.
        for _ in 0..2 {
            add(&self.tally.immediates, 1);
            yield_now().await;
        }
        add(&self.tally.armed, 1);
        sleep(Duration::from_secs(1)).await;
        add(&self.tally.fired, 1);
        quintet::runtime::metrics()
    }
}

const QUIET: &str = "a panic that is expected";

/// The tally at the end of the root, and the metrics then.
fn assert_agree(seed: u64, tally: &Tally, metrics: &Metrics) {
    let what = |name: &str| format!("{name}, seed {seed}: {tally:?} {metrics:?}");
    let check = |name: &str, counted: u64, expected: u64| {
        assert_eq!(counted, expected, "{}", what(name));
    };
    let tasks = &metrics.tasks;
    let ended = [&tally.returned, &tally.panicked, &tally.aborted].map(Cell::get);
    check("spawned", tasks.spawned, tally.spawned.get());
    check("finished", tasks.finished, ended.iter().sum());
    check("panicked", tasks.panicked, tally.panicked.get());
    check("aborted", tasks.aborted, tally.aborted.get());
    check("alive", tasks.alive, 1 + tally.left_tasks.get());

    let wakes = &metrics.wakes;
    let jobs: u64 = tally.jobs.iter().map(Cell::get).sum();
    check("polls", metrics.polls(), tally.polls.get());
    check("timers", wakes.timers, tally.fired.get());
    check("immediates", wakes.immediates, tally.immediates.get());
    check("closes", wakes.closes, tally.closes.get());
    check("sources", wakes.sources, tally.reads.get());
    check("messages", wakes.messages, jobs);
    check("signals", wakes.signals, 0);
    let direct = [
        wakes.timers,
        wakes.immediates,
        wakes.closes,
        wakes.sources,
        jobs,
    ];
    let direct = direct.iter().sum::<u64>();
    if metrics.deferred.events == 0 {
        check("queued", wakes.queued, tally.polls.get() - direct);
    }

    for (phase, callbacks) in [
        (Phase::Timers, tally.fired.get()),
        (Phase::Check, tally.immediates.get()),
        (Phase::Close, tally.closes.get()),
    ] {
        check("callbacks", metrics.phase(phase).callbacks, callbacks);
    }
    let deferred = &metrics.deferred;
    let late = metrics.phase(Phase::Pending).callbacks;
    let in_time = metrics.phase(Phase::Poll).callbacks;
    let moved = deferred.phase_budget + deferred.task_budget;
    check("entries of pending", late, moved + deferred.events);
    check(
        "events",
        in_time + deferred.events,
        tally.reads.get() + jobs,
    );
    check("pending", metrics.queues.pending, 0);
    check("inbox", metrics.queues.inbox, 0);
    check("ready", metrics.queues.ready, 0);

    check("armed", metrics.timers.total, tally.armed.get());
    check(
        "timers that wait",
        metrics.timers.armed,
        tally.left_timers.get(),
    );
    check("registered", metrics.sources.total, tally.registered.get());
    check(
        "sources that are left",
        metrics.sources.registered,
        tally.left_sources.get(),
    );
    let done = [Class::Plain, Class::Dns, Class::Cpu].map(|class| metrics.pool.of(class).done);
    for (class, done) in done.into_iter().enumerate() {
        check("jobs", done, tally.jobs[class].get());
    }
    check("hits", metrics.cached_reads.hits, 0);
    check("misses", metrics.cached_reads.misses, 0);
}

#[test]
fn metrics_equal_the_tallies_of_random_programs() {
    on_panic(|panic| {
        if panic.message != QUIET {
            eprintln!("{panic:?}");
        }
    });
    let (mut deferred, mut sources) = (0, 0);
    for seed in 0..PROGRAMS {
        let mut random = Random(seed);
        let mut builder = Builder::new();
        builder.seed(seed).start_paused(true);
        builder.measure(random.below(2) == 0);
        if random.below(2) == 0 {
            builder.phase_budget(1 + random.below(8) as u32);
        }
        let runtime = builder.build().unwrap();
        let program = Rc::new(Program {
            tally: Rc::default(),
            random: RefCell::new(random),
            watches: RefCell::default(),
        });
        let tally = Rc::clone(&program.tally);
        add(&tally.spawned, 1);
        let root = polled(&tally, program.root());
        let metrics = runtime.block_on(root);
        assert_agree(seed, &tally, &metrics);
        deferred += metrics.deferred.phase_budget + metrics.deferred.events;
        sources += metrics.wakes.sources;

        let handle: Handle = runtime.handle().clone();
        let after = handle.metrics().since(&metrics);
        assert_eq!(
            (after.tasks.finished, after.polls()),
            (1, 0),
            "the root has ended"
        );
        drop(runtime);
        let end = handle.metrics();
        assert_eq!(end.tasks.alive, 0, "seed {seed}");
        assert_eq!(end.tasks.finished, end.tasks.spawned);
        let aborted = tally.aborted.get() + tally.left_tasks.get();
        assert_eq!(end.tasks.aborted, aborted, "the shutdown ends what is left");
        assert_eq!((end.timers.armed, end.sources.registered), (0, 0));
    }
    assert!(deferred > 0 && sources > 0, "the programs do everything");
}
