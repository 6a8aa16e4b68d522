//! Runs that repeat: paused time and a seed make the same program go the same way each time.
//!
//! That holds for sockets, too, where both ends are in the run: over the loopback device the kernel
//! hands bytes, ends and resets over within the sender's system call. What it does by timers of its
//! own is kept out: all streams are set to `nodelay`, and acknowledgements make no event.
//!
//! Other traffic can delay what the kernel hands over, so these tests have a binary of their own.
//!
//! `QUINTET_SEEDS=20000 cargo test --test seeds` tries more seeds than the usual thousand, and
//! `QUINTET_SEED=17` only that one, and prints its log.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::ops::Range;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};

use futures::StreamExt;
use futures::channel::mpsc as channel;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Handle, Runtime, UnhandledPanic};
use quintet::task::{JoinHandle, set_immediate, yield_now};
use quintet::time::{Duration, Instant, interval, sleep, timeout};
use quintet::{fs, spawn, spawn_blocking};

use crate::support::kinds::KINDS;
use crate::support::patience::in_time;

const SEEDS_DEFAULT: u64 = 1000;

/// Lines from tasks and jobs, which are all on one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn add(&self, line: impl AsRef<str>) {
        let mut text = self.0.lock().expect("no line panics");
        text.push_str(line.as_ref());
        text.push('\n');
    }

    fn text(&self) -> String {
        self.0.lock().expect("no line panics").clone()
    }

    fn words(&self) -> String {
        self.text().trim_end().replace('\n', " ")
    }
}

fn seeded(seed: u64) -> Runtime {
    let mut builder = Builder::new();
    builder.start_paused(true).seed(seed);
    // A task that fails is a run that fails.
    builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    let built = builder.build();
    built.expect("descriptors for a runtime")
}

/// What a run came to: what it logged, and the hash of its order.
type Outcome = (String, u64);

/// Runs a program under a seed until nothing of it is alive.
fn run<F>(seed: u64, program: impl FnOnce(Log) -> F) -> Outcome
where
    F: Future<Output = ()> + 'static,
{
    let runtime = seeded(seed);
    let log = Log::default();
    let guard = runtime.enter();
    let root = spawn(program(log.clone()));
    drop(guard);
    if let Err(stalled) = runtime.run() {
        panic!("{stalled}; it has logged:\n{}", log.text());
    }
    let hash = runtime.handle().order_hash();
    runtime.block_on(root).expect("the root ends well");
    drop(runtime);
    (log.text(), hash.expect("there is a seed"))
}

// ---- Jobs under a seed -----------------------------------------------------------------------

fn here() -> ThreadId {
    thread::current().id()
}

/// Some of everything: jobs, files, timers, channels, immediates.
async fn medley(log: Log) {
    let home = here();
    let dir = tempfile::tempdir().expect("a directory");
    let (sender, mut receiver) = channel::unbounded::<String>();
    for n in 0..12 {
        let (log, sender) = (log.clone(), sender.clone());
        spawn(async move {
            sleep(Duration::from_millis(n % 3)).await;
            let line = log.clone();
            let job = spawn_blocking(move || {
                assert_eq!(here(), home);
                line.add(format!("job {n}"));
                n * n
            });
            let square = job.await.expect("the job ends well");
            sender
                .unbounded_send(format!("square {square}"))
                .expect("the listener is bound");
        });
    }
    for n in 0..4 {
        let (log, sender) = (log.clone(), sender.clone());
        let path = dir.path().join(n.to_string());
        spawn(async move {
            fs::write(&path, vec![b'x'; n]).await.expect("a file");
            let len = fs::metadata(&path).await.expect("a file").len();
            log.add(format!("file {n}"));
            fs::remove_file(&path).await.expect("a file");
            sender
                .unbounded_send(format!("length {len}"))
                .expect("the listener is bound");
        });
    }
    drop(sender);
    let line = log.clone();
    let beat = spawn(async move {
        let mut beat = interval(Duration::from_millis(1));
        loop {
            beat.tick().await;
            line.add("beat");
            let line = line.clone();
            set_immediate(move || line.add("immediate"));
        }
    });
    let start = Instant::now();
    while let Some(line) = receiver.next().await {
        log.add(format!("{:?} {line}", start.elapsed()));
    }
    beat.abort();
}

#[test]
fn the_same_seed_gives_the_same_run_and_some_other_seed_another() {
    in_time(|| {
        let mut orders = Vec::new();
        for seed in 0..50 {
            let first = run(seed, medley);
            assert_eq!(first, run(seed, medley), "seed {seed}");
            orders.push(first);
        }
        orders.sort_unstable();
        orders.dedup();
        assert!(orders.len() > 40, "only {} orders", orders.len());
        // Whatever the order: the same things have happened.
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().filter(|l| l.starts_with("job")).collect();
            lines.sort_unstable();
            lines.join(" ")
        };
        let all = sorted(&orders[0].0);
        assert_eq!(all.split(' ').count(), 24);
        assert!(orders.iter().all(|(text, _)| sorted(text) == all));
    });
}

#[test]
fn what_happens_is_in_the_hash_and_without_a_seed_there_is_none() {
    in_time(|| {
        let one = run(1, async |_| yield_now().await);
        let two = run(1, async |_| {
            yield_now().await;
            yield_now().await;
        });
        assert_ne!(one.1, two.1);
        assert_eq!(Runtime::new().unwrap().handle().order_hash(), None);
    });
}

#[test]
fn the_phase_in_which_something_happens_is_in_the_hash() {
    in_time(|| {
        // The same task is polled as often, in the same order, but in another phase.
        let by_timer = run(1, |_| async { sleep(Duration::ZERO).await });
        let by_check = run(1, |_| async { yield_now().await });
        assert_ne!(by_timer.1, by_check.1);
    });
}

#[test]
fn where_a_tick_ends_is_in_the_hash() {
    in_time(|| {
        // The same two immediates, both in check: of one tick, or of two.
        let together = run(1, async |_| {
            drop(set_immediate(|| ()));
            drop(set_immediate(|| ()));
        });
        let apart = run(1, async |_| {
            drop(set_immediate(|| drop(set_immediate(|| ()))));
        });
        assert_ne!(together.1, apart.1);
    });
}

#[test]
fn how_many_bytes_an_operation_moves_is_in_the_hash() {
    /// The hash of a run that reads a message, piece by piece, with the same polls for all sizes.
    fn hash_of(pieces: &'static [usize], read: impl AsyncFn(&TcpStream, &mut [u8])) -> u64 {
        let runtime = seeded(1);
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let addr = listener.local_addr().expect("it is bound");
            let mut peer = std::net::TcpStream::connect(addr).expect("it listens");
            let (stream, _) = listener.accept().await.expect("it is connected");
            peer.write_all(&[7; 100]).expect("it is connected");
            for &piece in pieces {
                read(&stream, &mut vec![0; piece]).await;
            }
        });
        runtime.handle().order_hash().expect("there is a seed")
    }
    type Op = (&'static str, fn(&'static [usize]) -> u64);
    let operations: [Op; 6] = [
        ("read", |pieces| {
            hash_of(pieces, async |stream, buf| {
                stream.read_exact(buf).await.expect("there is so much");
            })
        }),
        ("read_vectored", |pieces| {
            hash_of(pieces, async |stream, buf| {
                let read = stream.read_vectored(&mut [io::IoSliceMut::new(buf)]).await;
                read.expect("there is so much");
            })
        }),
        ("try_read", |pieces| {
            hash_of(pieces, async |stream, buf| {
                stream.try_read(buf).expect("there is so much");
            })
        }),
        ("poll_read", |pieces| {
            hash_of(pieces, async |mut stream, buf| {
                let read = futures::AsyncReadExt::read_exact(&mut stream, buf);
                read.await.expect("there is so much");
            })
        }),
        ("write", |pieces| {
            hash_of(pieces, async |stream, buf| {
                stream.write_all(buf).await.expect("there is room");
            })
        }),
        ("try_write", |pieces| {
            hash_of(pieces, async |stream, buf| {
                stream.try_write(buf).expect("there is room");
            })
        }),
    ];
    in_time(|| {
        for (name, hash_of) in operations {
            assert_eq!(hash_of(&[3, 5]), hash_of(&[3, 5]), "{name}");
            let hashes = [&[3, 5][..], &[3, 6], &[5, 3], &[8], &[1, 7], &[2, 2, 4]].map(hash_of);
            let distinct: HashSet<u64> = hashes.into_iter().collect();
            assert_eq!(distinct.len(), hashes.len(), "{name}");
        }
    });
}

#[test]
fn what_another_loop_moves_is_not_in_the_hash() {
    async fn write(count: usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(&vec![0; count]).await.unwrap();
    }
    in_time(|| {
        let hash_of = |count: usize| {
            run(1, async move |_: Log| {
                let job = spawn_blocking(move || quintet::block_on(write(count)));
                job.await.unwrap();
            })
        };
        assert_eq!(hash_of(1), hash_of(1000));
    });
}

#[test]
fn the_order_of_sources_is_the_seeds_and_not_the_kernels() {
    in_time(|| {
        let mut orders = HashSet::new();
        for seed in 0..20 {
            // The kernel reports the sockets in the order in which something came.
            let forwards = run(seed, |log| told_together(log, |n| n));
            let backwards = run(seed, |log| told_together(log, |n| 7 - n));
            assert_eq!(forwards, backwards, "seed {seed}");
            orders.insert(forwards.0);
        }
        assert!(orders.len() > 10, "only {} orders", orders.len());
    });
}

/// Eight tasks wait for a socket each, and to all of them a byte is sent before the OS is asked
/// again: to the socket `nth(0)` first.
async fn told_together(log: Log, nth: fn(usize) -> usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let mut peers = Vec::new();
    let mut readers = Vec::new();
    for n in 0..8 {
        let peer = std::net::TcpStream::connect(addr).expect("it listens");
        peer.set_nodelay(true).expect("a TCP option");
        peers.push(peer);
        let (stream, _) = listener.accept().await.expect("it is connected");
        let log = log.clone();
        readers.push(spawn(async move {
            stream.read(&mut [0]).await.expect("a byte");
            log.add(n.to_string());
        }));
    }
    // The readers wait, and what the kernel had to say of new sockets is past.
    for _ in 0..4 {
        yield_now().await;
    }
    for n in 0..8 {
        (&peers[nth(n)]).write_all(b"x").expect("it is connected");
    }
    for reader in readers {
        reader.await.expect("no reader panics");
    }
}

#[test]
fn sources_of_each_kind_go_the_same_way_for_each_seed() {
    in_time(|| {
        let mut orders = HashSet::new();
        for seed in 0..20 {
            let forwards = run(seed, |log| kinds_told_together(log, |n| n));
            let again = run(seed, |log| kinds_told_together(log, |n| n));
            assert_eq!(forwards, again, "seed {seed}");
            let backwards = run(seed, |log| {
                kinds_told_together(log, |n| KINDS.len() - 1 - n)
            });
            assert_eq!(forwards, backwards, "seed {seed}");
            orders.insert(forwards.0);
        }
        assert!(orders.len() > 15, "only {} orders", orders.len());
    });
}

/// A task waits for a source of each kind, and to all of them something is sent before the OS is
/// asked again, three times: to the source `nth(0)` first. A timer and a job come in between.
async fn kinds_told_together(log: Log, nth: fn(usize) -> usize) {
    let mut peers = Vec::new();
    let mut readers = Vec::new();
    for kind in KINDS {
        let (own, peer) = kind.open();
        peers.push((rustix::io::dup(&own).expect("a descriptor"), peer));
        let log = log.clone();
        readers.push(spawn(async move {
            for _ in 0..3 {
                own.readable().await.expect("it is open");
                log.add(format!("{kind:?} is readable"));
                own.read(&mut [0; 8]).await.expect("a message");
                log.add(format!("{kind:?} was read"));
            }
        }));
    }
    for _ in 0..3 {
        // The readers wait.
        sleep(Duration::from_millis(1)).await;
        for _ in 0..4 {
            yield_now().await;
        }
        let line = log.clone();
        drop(spawn_blocking(move || line.add("job")));
        for n in 0..KINDS.len() {
            let (own, peer) = &peers[nth(n)];
            peer.deliver(own, b"x");
        }
    }
    for reader in readers {
        reader.await.expect("no reader panics");
    }
}

#[test]
fn a_seeded_runtime_has_no_threads_and_a_job_no_loop() {
    in_time(|| {
        let home = here();
        run(5, async move |log: Log| {
            let files = fs::metadata("/");
            let jobs: Vec<_> = (0..20)
                .map(|_| {
                    spawn_blocking(move || {
                        assert_eq!(here(), home);
                        let refused = catch_unwind(|| drop(spawn(async {})));
                        assert!(refused.is_err(), "there is nothing to spawn onto");
                        // But its runtime can be reached.
                        assert!(Handle::current().order_hash().is_some());
                    })
                })
                .collect();
            files.await.unwrap();
            for job in jobs {
                job.await.unwrap();
            }
            assert!(Handle::try_current().is_ok());
            log.add("done");
        });
    });
}

#[test]
fn a_result_comes_as_an_event_of_poll() {
    in_time(|| {
        for seed in 0..20 {
            let (text, _) = run(seed, async |log: Log| {
                sleep(Duration::ZERO).await;
                // This is the timers phase.
                let line = log.clone();
                let job = spawn_blocking(move || line.add("job"));
                let line = log.clone();
                set_immediate(move || line.add("check"));
                let line = log.clone();
                let timer = spawn(async move {
                    sleep(Duration::ZERO).await;
                    line.add("timers");
                });
                let line = log.clone();
                let other = spawn(async move { line.add("ready") });
                assert!(!job.is_finished());
                job.await.unwrap();
                log.add("result");
                let line = log.clone();
                spawn(async move { line.add("checkpoint") });
                other.await.unwrap();
                timer.await.unwrap();
            });
            let words = text.trim_end().replace('\n', " ");
            assert_eq!(words, "ready job result checkpoint check timers", "{seed}");
        }
    });
}

#[test]
fn a_job_that_panics_is_told_of_like_any_other() {
    in_time(|| {
        run(2, async |_| {
            let jobs: Vec<JoinHandle<()>> = (0..5)
                .map(|n| spawn_blocking(move || assert_ne!(n, 3, "the fourth")))
                .collect();
            for (n, job) in jobs.into_iter().enumerate() {
                match job.await {
                    Ok(()) => assert_ne!(n, 3),
                    Err(error) => {
                        assert_eq!(n, 3);
                        assert!(error.is_panic());
                    }
                }
            }
        });
    });
}

#[test]
fn an_aborted_job_never_runs_and_one_that_has_run_has_its_result() {
    in_time(|| {
        for seed in 0..100 {
            let ran = Arc::new(Mutex::new(0));
            let counted = Arc::clone(&ran);
            let program = async move |_| {
                let jobs: Vec<_> = (0..10)
                    .map(|_| {
                        let ran = Arc::clone(&counted);
                        spawn_blocking(move || *ran.lock().unwrap() += 1)
                    })
                    .collect();
                jobs[0].abort();
                yield_now().await;
                let ran_by_then = *counted.lock().unwrap();
                for job in &jobs {
                    job.abort();
                }
                let mut results = 0;
                for (n, job) in jobs.into_iter().enumerate() {
                    match job.await {
                        Ok(()) => results += 1,
                        Err(error) => assert!(error.is_cancelled(), "job {n}: {error}"),
                    }
                }
                assert_eq!(results, ran_by_then);
            };
            run(seed, program);
            assert!(*ran.lock().unwrap() < 10);
        }
    });
}

#[test]
fn a_job_may_abort_another_of_the_same_batch() {
    in_time(|| {
        let mut ends = Vec::new();
        for seed in 0..50 {
            let (text, _) = run(seed, async |log: Log| {
                let (hand_over, handle) = mpsc::channel();
                let line = log.clone();
                let first = spawn_blocking(move || {
                    let other: quintet::task::AbortHandle = handle.recv().unwrap();
                    other.abort();
                    line.add("first");
                });
                let line = log.clone();
                let second = spawn_blocking(move || line.add("second"));
                hand_over.send(second.abort_handle()).unwrap();
                first.await.unwrap();
                if second.await.is_err() {
                    log.add("cancelled");
                }
            });
            ends.push(text.trim_end().replace('\n', " "));
        }
        ends.sort_unstable();
        ends.dedup();
        assert_eq!(ends, ["first cancelled", "second first"]);
    });
}

#[test]
fn an_unreferenced_job_keeps_nothing_alive_and_runs_in_company() {
    in_time(|| {
        let runtime = seeded(1);
        let log = Log::default();
        // Outside of the runtime this would be a message, and that is alive.
        let guard = runtime.enter();
        let line = log.clone();
        let job = spawn_blocking(move || line.add("alone"));
        job.unref();
        runtime.run().unwrap();
        assert_eq!(log.words(), "");
        assert!(!job.is_finished());
        let line = log.clone();
        let elsewhere = runtime.handle().spawn_blocking(move || line.add("apart"));
        elsewhere.unref();
        assert!(!elsewhere.has_ref());
        runtime.block_on(sleep(Duration::from_millis(1)));
        drop(guard);
        let mut lines: Vec<_> = log.words().split(' ').map(str::to_owned).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["alone", "apart"]);
        assert!(job.is_finished());
        assert!(elsewhere.is_finished());
    });
}

#[test]
fn time_stands_still_while_jobs_are_outstanding() {
    in_time(|| {
        for seed in 0..20 {
            run(seed, async |_| {
                let start = Instant::now();
                let late = spawn(sleep(Duration::from_secs(1)));
                for _ in 0..5 {
                    let jobs: Vec<_> = (0..10).map(|_| spawn_blocking(|| ())).collect();
                    for job in jobs {
                        job.await.unwrap();
                    }
                }
                assert_eq!(start.elapsed(), Duration::ZERO);
                assert!(!late.is_finished());
                late.await.unwrap();
            });
        }
    });
}

#[test]
fn a_job_may_run_a_runtime_of_its_own_and_spawn_more_by_a_handle() {
    in_time(|| {
        let program = async |log: Log| {
            let home = Handle::current();
            let line = log.clone();
            let job = spawn_blocking(move || {
                let sum = quintet::block_on(async {
                    sleep(Duration::from_micros(10)).await;
                    spawn(async { 1 }).await.unwrap() + spawn_blocking(|| 2).await.unwrap()
                });
                let inner = seeded(8).block_on(async { spawn_blocking(here).await.unwrap() });
                assert_eq!(inner, here());
                let (first, second) = (line.clone(), line.clone());
                let more = home.spawn_blocking(move || {
                    first.add("more");
                    4
                });
                let task = home.spawn(async move {
                    second.add("task");
                    8
                });
                line.add("job");
                (sum, more, task)
            });
            let (sum, more, task) = job.await.unwrap();
            assert_eq!(sum + more.await.unwrap() + task.await.unwrap(), 15);
        };
        for seed in 0..10 {
            assert_eq!(run(seed, program), run(seed, program));
        }
    });
}

#[test]
fn jobs_that_wait_at_the_end_are_dropped() {
    in_time(|| {
        let runtime = seeded(4);
        let held = Arc::new(());
        for _ in 0..10 {
            let inside = Arc::clone(&held);
            drop(runtime.spawn_blocking(move || panic!("{inside:?} ran")));
            let inside = Arc::clone(&held);
            drop(
                runtime
                    .handle()
                    .spawn_blocking(move || panic!("{inside:?} ran")),
            );
        }
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1);
    });
}

// ---- Chaos: a server and its clients -----------------------------------------------------------

/// A small generator of numbers that look random.
struct Random(u64);

impl Random {
    fn new(seed: u64, stream: u64) -> Self {
        let mut random = Random(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.below(1);
        random
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn millis(&mut self, end: u64) -> Duration {
        Duration::from_millis(self.below(end))
    }
}

/// The server under test: replies to lines.
struct Server {
    log: Log,
    start: Instant,
    requests: Cell<u32>,
    timeouts: Cell<u32>,
    failures: Cell<u32>,
    random: RefCell<Random>,
}

impl Server {
    async fn accept(self: Rc<Self>, listener: TcpListener) {
        for number in 0.. {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a TCP option");
            self.say(format!("accepted {number}"));
            let server = Rc::clone(&self);
            spawn(async move {
                if let Err(error) = server.serve(number, &stream).await {
                    server.failures.set(server.failures.get() + 1);
                    server.say(format!("connection {number}: {:?}", error.kind()));
                }
            });
        }
    }

    fn say(&self, line: impl std::fmt::Display) {
        self.log
            .add(format!("{:?} server: {line}", self.start.elapsed()));
    }

    async fn serve(&self, number: u32, stream: &TcpStream) -> io::Result<()> {
        let mut lines = Lines::default();
        while let Some(line) = lines.next(stream).await? {
            self.requests.set(self.requests.get() + 1);
            self.say(format!("connection {number}: {line}"));
            let reply = timeout(Duration::from_millis(20), self.reply(&line)).await;
            let reply = reply.unwrap_or_else(|_| {
                self.timeouts.set(self.timeouts.get() + 1);
                "too late".to_owned()
            });
            match &*line {
                "bye" => return Ok(()),
                "reset" => return stream.set_linger(Some(Duration::ZERO)),
                "half" => stream.shutdown_now(Shutdown::Write)?,
                _ => stream.write_all(format!("{reply}\n").as_bytes()).await?,
            }
        }
        self.say(format!("connection {number}: the end"));
        Ok(())
    }

    async fn reply(&self, line: &str) -> String {
        match line {
            "sleep" => {
                let duration = self.random.borrow_mut().millis(30);
                sleep(duration).await;
                format!("slept {duration:?}")
            }
            "work" => {
                let jobs = self.random.borrow_mut().below(4);
                let log = self.log.clone();
                let jobs = (0..jobs).map(|n| {
                    let log = log.clone();
                    spawn_blocking(move || log.add(format!("job {n}")))
                });
                let jobs: Vec<_> = jobs.collect();
                if let Some(last) = jobs.last() {
                    last.abort();
                }
                yield_now().await;
                let mut done = 0;
                for job in jobs {
                    done += u32::from(job.await.is_ok());
                }
                format!("{done} jobs")
            }
            "abort" => {
                let task = spawn(sleep(Duration::from_millis(5)));
                let wait = self.random.borrow_mut().millis(10);
                sleep(wait).await;
                task.abort();
                format!("{:?}", task.await.is_ok())
            }
            line => line.to_owned(),
        }
    }
}

/// What was read of a connection: whole lines, and the beginning of another one.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    async fn next(&mut self, stream: &TcpStream) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.0.iter().position(|&byte| byte == b'\n') {
                let line = self.0.drain(..=end);
                let line = String::from_utf8_lossy(line.as_slice())
                    .trim_end()
                    .to_owned();
                return Ok(Some(line));
            }
            let mut buf = [0; 16];
            match stream.read(&mut buf).await? {
                0 => return Ok(None),
                count => self.0.extend(&buf[..count]),
            }
        }
    }
}

/// A client that does one thing or another, and returns what it has received.
async fn client(number: u64, addr: SocketAddr, mut random: Random) -> String {
    let mut received = String::new();
    for _ in 0..=random.below(2) {
        sleep(random.millis(20)).await;
        match session(addr, &mut random, &mut received).await {
            Ok(()) => received.push_str("closed"),
            Err(error) => write!(received, "{:?}", error.kind()).expect("room"),
        }
        received.push(';');
    }
    format!("client {number}: {received}")
}

async fn session(addr: SocketAddr, random: &mut Random, received: &mut String) -> io::Result<()> {
    const REQUESTS: [&str; 10] = [
        "sleep",
        "work",
        "abort",
        "echo",
        "sleep",
        "work",
        "a longer line to be echoed",
        "half",
        "reset",
        "bye",
    ];
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let mut lines = Lines::default();
    let mut expected = 0;
    for _ in 0..=random.below(5) {
        let request = REQUESTS[random.below(REQUESTS.len() as u64) as usize];
        match random.below(4) {
            // In two parts.
            0 => {
                let (first, second) = request.split_at(request.len() / 2);
                stream.write_all(first.as_bytes()).await?;
                sleep(random.millis(5)).await;
                stream.write_all(second.as_bytes()).await?;
                stream.write_all(b"\n").await?;
            }
            // Two at once.
            1 => {
                stream
                    .write_all(format!("{request}\n{request}\n").as_bytes())
                    .await?;
                expected += 1;
            }
            _ => stream.write_all(format!("{request}\n").as_bytes()).await?,
        }
        expected += 1;
        // Some wait for the reply, some do not, and some not for long.
        let wait = match random.below(4) {
            0 => Duration::ZERO,
            1 => Duration::from_millis(2),
            _ => Duration::from_secs(1),
        };
        while expected > 0 {
            match timeout(wait, lines.next(&stream)).await {
                Ok(line) => match line? {
                    Some(line) => received.push_str(&line),
                    None => return Ok(()),
                },
                Err(_) => break,
            }
            received.push(',');
            expected -= 1;
        }
    }
    match random.below(3) {
        // Says that it is done, and reads what is left.
        0 => {
            stream.shutdown_now(Shutdown::Write)?;
            while let Some(line) = lines.next(&stream).await? {
                write!(received, "+{line}").expect("room");
            }
            Ok(())
        }
        1 => stream.set_linger(Some(Duration::ZERO)),
        // With unread data this resets, too.
        _ => Ok(()),
    }
}

/// A run of the server with some clients: everything that could be seen of it.
async fn chaos(seed: u64, log: Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let server = Rc::new(Server {
        log: log.clone(),
        start: Instant::now(),
        requests: Cell::new(0),
        timeouts: Cell::new(0),
        failures: Cell::new(0),
        random: RefCell::new(Random::new(seed, 99)),
    });
    let accepting = spawn(Rc::clone(&server).accept(listener));
    let clients = 2 + Random::new(seed, 98).below(4);
    let clients: Vec<_> = (0..clients)
        .map(|number| spawn(client(number, addr, Random::new(seed, number))))
        .collect();
    for client in clients {
        log.add(client.await.expect("no client panics"));
    }
    accepting.abort();
    // Connections that are still served come to their end.
    sleep(Duration::from_secs(1)).await;
    log.add(format!(
        "{} requests, {} timeouts, {} failures, {} left",
        server.requests.get(),
        server.timeouts.get(),
        server.failures.get(),
        Rc::strong_count(&server) - 1,
    ));
}

/// Which seeds to try, and whether the log is to be printed.
fn wanted_seeds() -> (Range<u64>, bool) {
    let number = |name| {
        let text = env::var(name).ok()?;
        Some(text.parse::<u64>().expect("a seed is a number"))
    };
    match number("QUINTET_SEED") {
        Some(seed) => (seed..seed + 1, true),
        None => (0..number("QUINTET_SEEDS").unwrap_or(SEEDS_DEFAULT), false),
    }
}

#[test]
fn a_server_under_chaos_goes_the_same_way_for_each_seed() {
    in_time(|| {
        let (seeds, is_shown) = wanted_seeds();
        let mut orders = HashSet::new();
        let count = seeds.end - seeds.start;
        for seed in seeds {
            let first = run(seed, |log| chaos(seed, log));
            let second = run(seed, |log| chaos(seed, log));
            if is_shown {
                println!("{}", first.0);
            }
            if first != second {
                let same = first
                    .0
                    .lines()
                    .zip(second.0.lines())
                    .take_while(|(a, b)| a == b);
                panic!(
                    "seed {seed} went two ways after {} lines ({:x} and {:x}):\n{}\nand:\n{}",
                    same.count(),
                    first.1,
                    second.1,
                    first.0,
                    second.0,
                );
            }
            orders.insert(first.1);
        }
        assert!(orders.len() as u64 >= count.div_ceil(2), "all go one way");
    });
}

// ---- Replay ----------------------------------------------------------------------------------

/// A program with a mistake: it reads a balance, and writes it back after another task may have
/// done the same. In some orders that goes well.
async fn transfers(log: Log) {
    let balance = Rc::new(Cell::new(100));
    let tasks: Vec<_> = [30, 50]
        .into_iter()
        .map(|amount| {
            let (balance, log) = (Rc::clone(&balance), log.clone());
            spawn(async move {
                spawn_blocking(|| ()).await.expect("no line panics");
                let before = balance.get();
                log.add(format!("{amount} of {before}"));
                spawn_blocking(|| ()).await.expect("no line panics");
                balance.set(before - amount);
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no task panics");
    }
    log.add(format!("{} left", balance.get()));
}

#[test]
fn a_seed_that_finds_a_mistake_finds_it_again() {
    in_time(|| {
        let is_failure = |outcome: &Outcome| !outcome.0.contains("20 left");
        let outcomes: Vec<_> = (0..100).map(|seed| run(seed, transfers)).collect();
        let failed = outcomes
            .iter()
            .filter(|outcome| is_failure(outcome))
            .count();
        assert!((1..100).contains(&failed), "{failed} seeds of 100 failed");
        let seed = outcomes.iter().position(is_failure).expect("one at least");
        for _ in 0..10 {
            // In another order of runs, and whatever else this thread has done.
            run(77, medley);
            assert_eq!(run(seed as u64, transfers), outcomes[seed]);
        }
        let elsewhere = thread::spawn(move || run(seed as u64, transfers));
        assert_eq!(elsewhere.join().unwrap(), outcomes[seed]);
    });
}
