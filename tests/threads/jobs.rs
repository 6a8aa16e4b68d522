//! What a blocking job may use of its runtime, and what it leaves behind.

use std::io::{self, Read as _};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use futures::AsyncReadExt;
use quintet::blocking::Class;
use quintet::fs::{self, File};
use quintet::runtime::{Builder, Handle, Report, Runtime};
use quintet::task::{self, ContextVar, JoinHandle};
use quintet::time::{self, Duration, Instant, sleep};
use quintet::{spawn, spawn_blocking};
use tempfile::TempDir;

use crate::support::drops::PanicsWhenDropped;
use crate::support::patience::in_time;
use crate::support::wakers::block_on_by_parking;
use crate::support::wakers::poll;

static NUMBER: ContextVar<usize> = ContextVar::new();

/// Calls `test` on a runtime with one worker, and on one that runs jobs itself.
fn with_and_without_workers(test: impl Fn(&Runtime) + Send + 'static) {
    in_time(|| {
        test(&Builder::new().worker_threads(1).build().unwrap());
        test(&Builder::new().seed(7).build().unwrap());
    });
}

/// Awaits `f` on a thread that is no worker.
async fn spawn_std<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, output) = quintet::sync::oneshot::channel();
    let keep_alive = Handle::current().keep_alive();
    thread::spawn(move || {
        drop(send.send(f()));
        drop(keep_alive);
    });
    output.await.unwrap()
}

/// What `f` panics with.
fn message_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = panic::catch_unwind(AssertUnwindSafe(f)) else {
        panic!("it was to panic");
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .expect("a panic with a text"),
    }
}

// ---- The home of a job

#[test]
fn the_current_handle_of_a_job_is_its_runtimes() {
    with_and_without_workers(|runtime| {
        let named = |name: &str| Builder::new().name(name).build().unwrap();
        let other = named("other");
        let name = || Handle::try_current().unwrap().name().map(str::to_owned);
        runtime.block_on(async {
            let handle = Handle::current();
            assert_eq!(spawn_blocking(name).await.unwrap(), None);
            assert_eq!(handle.spawn_blocking(name).await.unwrap(), None);
            // The job of another runtime: the handle is not that of the thread's loop.
            let job = other.handle().spawn_blocking(name);
            assert_eq!(job.await.unwrap().as_deref(), Some("other"));
            let nested = spawn_blocking(move || {
                let inner = named("inner");
                let _entered = inner.enter();
                let inside = name();
                drop(_entered);
                (inside, name())
            });
            let (inside, outside) = nested.await.unwrap();
            assert_eq!((inside.as_deref(), outside), (Some("inner"), None));
        });
        assert_eq!(
            runtime.block_on(runtime.spawn_blocking(name)).unwrap(),
            None
        );
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn a_job_spawns_tasks_and_other_jobs() {
    with_and_without_workers(|runtime| {
        let output = runtime.block_on(async {
            let job = spawn_blocking(|| {
                let inner = spawn_blocking(|| spawn_blocking(|| thread::current().id()));
                let named = task::Builder::new().name("named").spawn_blocking(|| 1);
                let task = Handle::current().spawn(async { thread::current().id() });
                (inner, named, task)
            });
            let (inner, named, task) = job.await.unwrap();
            let innermost: JoinHandle<_> = inner.await.unwrap();
            innermost.await.unwrap();
            (named.await.unwrap(), task.await.unwrap())
        });
        assert_eq!(output, (1, thread::current().id()));
    });
}

#[test]
fn a_job_has_the_id_of_its_handle() {
    with_and_without_workers(|runtime| {
        runtime.block_on(async {
            let own = task::id();
            let job = spawn_blocking(|| (task::id(), task::try_id()));
            let id = job.id();
            assert_eq!(job.await.unwrap(), (id, Some(id)));
            let job = Handle::current().spawn_blocking(task::id);
            let id = job.id();
            assert_eq!(job.await.unwrap(), id);
            assert_eq!(task::id(), own);
        });
        assert_eq!(task::try_id(), None);
    });
}

#[test]
fn a_job_reads_the_clock_of_its_loop() {
    const HOUR: Duration = Duration::from_secs(3600);
    let read = || (time::is_paused(), Instant::now());
    with_and_without_workers(move |runtime| {
        runtime.block_on(async {
            let real = Instant::now();
            let (is_paused, now) = spawn_blocking(read).await.unwrap();
            assert!(!is_paused && now >= real && now <= Instant::now());

            time::pause();
            let start = Instant::now();
            assert_eq!(spawn_blocking(read).await.unwrap(), (true, start));
            sleep(HOUR).await;
            for job in [spawn_blocking(read), Handle::current().spawn_blocking(read)] {
                assert_eq!(job.await.unwrap(), (true, start + HOUR));
            }

            time::resume();
            let (is_paused, now) = spawn_blocking(read).await.unwrap();
            assert!(!is_paused && now >= start + HOUR && now <= Instant::now());
        });
    });
}

#[test]
fn what_needs_a_loop_says_in_a_job_what_to_use_instead() {
    with_and_without_workers(|runtime| {
        let messages = runtime.block_on(runtime.spawn_blocking(|| {
            let socket = quintet::net::TcpListener::bind("127.0.0.1:0");
            let file = fs::metadata("/");
            [
                message_of(|| spawn(async {})),
                message_of(|| block_on_by_parking(pin!(sleep(Duration::ZERO)))),
                message_of(|| block_on_by_parking(pin!(task::yield_now()))),
                message_of(time::pause),
                block_on_by_parking(pin!(file)).unwrap_err().to_string(),
                match block_on_by_parking(pin!(socket)) {
                    Ok(socket) => {
                        let accept = block_on_by_parking(pin!(socket.accept()));
                        accept.unwrap_err().to_string()
                    }
                    Err(error) => error.to_string(),
                },
            ]
        }));
        for message in messages.unwrap() {
            assert!(
                message.contains("blocking job") && message.contains("Handle::current().block_on"),
                "{message}"
            );
        }
        let elsewhere = message_of(|| spawn(async {}));
        assert!(elsewhere.contains("no quintet runtime is current"));
    });
}

// ---- Values of context variables

#[test]
fn jobs_begin_without_values_and_leave_none() {
    NUMBER.set(9);
    with_and_without_workers(|runtime| {
        NUMBER.set(1);
        runtime.block_on(async {
            NUMBER.set(2);
            let number = |n: usize| {
                move || {
                    let before = NUMBER.get();
                    NUMBER.set(n);
                    (before, NUMBER.get())
                }
            };
            for n in 3..6 {
                let job = spawn_blocking(number(n));
                assert_eq!(job.await.unwrap(), (None, Some(n)));
                let job = Handle::current().spawn_blocking(number(n));
                assert_eq!(job.await.unwrap(), (None, Some(n)));
            }
            let panicking = spawn_blocking(|| {
                NUMBER.set(7);
                panic!("on purpose");
            });
            assert!(panicking.await.unwrap_err().is_panic());
            assert_eq!(spawn_blocking(|| NUMBER.get()).await.unwrap(), None);
            assert_eq!(NUMBER.get(), Some(2));
        });
        assert_eq!(NUMBER.get(), Some(1));
    });
}

#[test]
fn a_value_whose_destructor_panics_or_sets_another_hurts_no_later_job() {
    #[derive(Clone)]
    struct Sets;
    impl Drop for Sets {
        fn drop(&mut self) {
            NUMBER.set(8);
        }
    }
    static PANICS: ContextVar<Rc<PanicsWhenDropped>> = ContextVar::new();
    static SETS: ContextVar<Sets> = ContextVar::new();
    in_time(|| {
        for seed in [None, Some(1)] {
            let mut builder = Builder::new();
            if let Some(seed) = seed {
                builder.seed(seed);
            }
            let (runtime, reports) = with_reports(&mut builder);
            runtime.block_on(async {
                let panics = || Rc::new(PanicsWhenDropped("on purpose"));
                let job = spawn_blocking(move || {
                    PANICS.set(panics());
                });
                job.await.unwrap();
                spawn_blocking(|| SETS.set(Sets)).await.unwrap();
                assert_eq!(spawn_blocking(|| NUMBER.get()).await.unwrap(), None);
                assert_eq!(NUMBER.get(), None);
            });
            let report = reports.try_recv().unwrap();
            assert!(
                matches!(report, Report::DestructorPanicked { .. }),
                "{report}"
            );
        }
    });
}

// ---- A starved pool

/// A runtime with two workers, and what it reports.
fn with_reports(builder: &mut Builder) -> (Runtime, mpsc::Receiver<Report>) {
    let (send, reports) = mpsc::channel();
    let runtime = builder
        .worker_threads(2)
        .on_report(move |report| send.send(report.clone()).unwrap())
        .build()
        .unwrap();
    (runtime, reports)
}

/// Asserts that `report` is about two jobs that were spawned in this file, and `queued` others.
#[track_caller]
fn assert_starved(report: &Report, queued_now: usize) {
    let Report::PoolStarved {
        class: Class::Plain,
        running,
        queued,
        ..
    } = report
    else {
        panic!("another report: {report}");
    };
    assert_eq!((running.len(), *queued), (2, queued_now), "{report}");
    assert!(running.iter().all(|job| job.location().file() == file!()));
    let text = report.to_string();
    assert!(text.contains("all 2 worker threads are busy"), "{text}");
    assert!(
        text.contains("max_blocking_threads") && text.contains(file!()),
        "{text}"
    );
}

#[test]
fn jobs_that_wait_for_each_other_are_reported_once() {
    in_time(|| {
        for is_paused in [false, true] {
            let (runtime, reports) = with_reports(Builder::new().start_paused(is_paused));
            let meeting = Arc::new(Barrier::new(3));
            runtime.block_on(async {
                let jobs = [(); 3].map(|()| {
                    let meeting = Arc::clone(&meeting);
                    task::Builder::new()
                        .name("meets")
                        .spawn_blocking(move || meeting.wait().is_leader())
                });
                let start = std::time::Instant::now();
                // The loop sleeps, and goes on when it has spoken.
                let report = spawn_std(move || (reports.recv().unwrap(), reports)).await;
                let (report, reports) = report;
                assert!(start.elapsed() >= Duration::from_secs(1));
                assert_starved(&report, 1);
                assert!(report.to_string().contains("meets"), "{report}");
                meeting.wait();
                // The third is alone.
                let others = [(); 2].map(|()| Arc::clone(&meeting));
                let others = others.map(|meeting| spawn_std(move || meeting.wait().is_leader()));
                futures::future::join_all(others).await;
                for job in jobs {
                    job.await.unwrap();
                }
                assert!(reports.try_recv().is_err(), "once");
            });
        }
    });
}

#[test]
fn jobs_that_wait_for_jobs_of_their_own_are_reported() {
    in_time(|| {
        let (runtime, reports) = with_reports(&mut Builder::new());
        runtime.block_on(async {
            let handle = Handle::current();
            let begin = Arc::new(Barrier::new(2));
            let (end, has_ended) = mpsc::channel();
            let has_ended = Arc::new(Mutex::new(has_ended));
            // Another thread spawns the jobs, and they spawn others, while the loop sleeps.
            let spawner = thread::spawn(move || {
                [(); 2].map(|()| {
                    let begin = Arc::clone(&begin);
                    let has_ended = Arc::clone(&has_ended);
                    handle.spawn_blocking(move || {
                        begin.wait();
                        let inner = spawn_blocking(|| ());
                        has_ended.lock().unwrap().recv().unwrap();
                        inner
                    })
                })
            });
            let report = spawn_std(move || reports.recv().unwrap()).await;
            assert_starved(&report, 2);
            (0..2).for_each(|_| end.send(()).unwrap());
            for job in spawner.join().unwrap() {
                job.await.unwrap().await.unwrap();
            }
        });
    });
}

#[test]
fn a_busy_loop_and_one_that_is_turned_by_hand_report_too() {
    in_time(|| {
        let (runtime, reports) = with_reports(&mut Builder::new());
        let (end, has_ended) = mpsc::channel::<()>();
        let has_ended = Arc::new(Mutex::new(has_ended));
        for _ in 0..3 {
            let has_ended = Arc::clone(&has_ended);
            runtime.spawn_blocking(move || has_ended.lock().unwrap().recv().is_err());
        }
        let report = runtime.block_on(async {
            loop {
                task::yield_now().await;
                if let Ok(report) = reports.try_recv() {
                    return report;
                }
            }
        });
        assert_starved(&report, 1);
        drop(end);
        runtime.run().unwrap();

        let (end, has_ended) = mpsc::channel::<()>();
        let has_ended = Arc::new(Mutex::new(has_ended));
        for _ in 0..3 {
            let has_ended = Arc::clone(&has_ended);
            runtime.spawn_blocking(move || has_ended.lock().unwrap().recv().is_err());
        }
        let report = loop {
            runtime.turn(None);
            if let Ok(report) = reports.try_recv() {
                break report;
            }
        };
        assert_starved(&report, 1);
        drop(end);
        runtime.run().unwrap();
        assert!(reports.try_recv().is_err());
    });
}

#[test]
fn a_pool_that_goes_on_and_one_without_a_queue_are_not_reported() {
    in_time(|| {
        let (runtime, reports) = with_reports(&mut Builder::new());
        let pause = || thread::sleep(Duration::from_millis(10));
        runtime.block_on(async {
            // Always busy, with a queue, for longer than a second.
            let jobs: Vec<_> = (0..250).map(|_| spawn_blocking(pause)).collect();
            for job in jobs {
                job.await.unwrap();
            }
            // Two long ones, and none that waits.
            let long =
                [(); 2].map(|()| spawn_blocking(|| thread::sleep(Duration::from_millis(1300))));
            for job in long {
                job.await.unwrap();
            }
        });
        assert!(reports.try_recv().is_err());
    });
}

// ---- What a shutdown waits for

/// An operation on a FIFO that waits for ever, and the line on which it was asked for.
type Operation = fn(PathBuf) -> (Pin<Box<dyn Future<Output = io::Result<()>>>>, u32);

/// Makes a FIFO that the test alone knows.
fn fifo() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    (dir, path)
}

/// Opens both ends of a FIFO: to read from it waits, and to fill it too.
fn open_both_ends(path: &Path) -> std::fs::File {
    let mut options = std::fs::File::options();
    options.read(true).write(true).open(path).unwrap()
}

const READING: &[Operation] = &[
    |path| (unit(fs::read(path)), line!()),
    |path| (unit(fs::read_to_string(path)), line!()),
    |path| (unit(File::open(path)), line!()),
    |path| {
        let mut options = File::options();
        options.read(true);
        (unit(async move { options.open(path).await }), line!())
    },
    |path| {
        let mut file = File::from_std(open_both_ends(&path));
        (unit(async move { file.read(&mut [0]).await }), line!())
    },
    |path| {
        let (mut file, line) = (File::from_std(open_both_ends(&path)), line!());
        // Of a trait's method the caller is no user; the file was made by one.
        let read = async move { AsyncReadExt::read(&mut file, &mut [0]).await };
        (unit(read), line)
    },
];

const WRITING: &[Operation] = &[
    |path| (unit(fs::write(path, vec![0; 1 << 20])), line!()),
    |path| {
        let mut file = File::from_std(open_both_ends(&path));
        let buf = vec![0; 1 << 20];
        (unit(async move { file.write_all(&buf).await }), line!())
    },
];

fn unit<T: 'static>(
    operation: impl Future<Output = io::Result<T>> + 'static,
) -> Pin<Box<dyn Future<Output = io::Result<()>>>> {
    Box::pin(async { operation.await.map(drop) })
}

#[test]
fn a_shutdown_does_not_wait_for_what_only_reads() {
    in_time(|| {
        let tests = READING.iter().map(|operation| {
            thread::spawn(move || {
                let (_dir, path) = fifo();
                let mut builder = Builder::new();
                builder.shutdown_grace(Duration::from_secs(3600));
                let (runtime, reports) = with_reports(builder.cached_reads(false));
                runtime.block_on(async {
                    let (hold, held) = mpsc::channel::<()>();
                    let (begin, has_begun) = quintet::sync::oneshot::channel();
                    spawn_blocking(move || {
                        begin.send(()).unwrap();
                        held.recv().is_err()
                    });
                    has_begun.await.unwrap();
                    let (mut operation, line) = operation(path.clone());
                    assert!(poll!(&mut operation).is_pending());
                    // This waits for a worker, so the others are reported: they have begun.
                    let queued = spawn_blocking(|| ());
                    let report = spawn_std(move || reports.recv().unwrap()).await;
                    assert_starved(&report, 1);
                    let Report::PoolStarved { running, .. } = report else {
                        unreachable!("it was looked at");
                    };
                    let lines = running.iter().map(|job| job.location().line());
                    assert!(
                        lines.clone().any(|other| other == line),
                        "{line}: {running:?}"
                    );
                    drop(hold);
                    queued.await.unwrap();
                });
                drop(runtime);
                drop(open_both_ends(&path));
            })
        });
        let tests: Vec<_> = tests.collect();
        tests.into_iter().for_each(|test| test.join().unwrap());
    });
}

#[test]
fn a_write_that_is_left_behind_is_named_after_the_users_call() {
    in_time(|| {
        for operation in WRITING {
            let (_dir, path) = fifo();
            let (runtime, reports) = with_reports(&mut Builder::new());
            let (line, reader) = runtime.block_on(async {
                let (mut operation, line) = operation(path.clone());
                assert!(poll!(&mut operation).is_pending());
                let path = path.clone();
                // With a reader that goes away again the write would fail.
                let reader = spawn_std(move || {
                    let mut reader = open_both_ends(&path);
                    reader.read_exact(&mut [0]).unwrap();
                    reader
                });
                (line, reader.await)
            });
            runtime.shutdown_background();
            let Report::JobLeftBehind { job, .. } = reports.recv().unwrap() else {
                panic!("another report");
            };
            assert_eq!(
                (job.location().file(), job.location().line()),
                (file!(), line)
            );
            drop(reader);
        }
    });
}

// ---- Handle::block_on

#[test]
fn a_job_and_any_other_thread_wait_for_what_the_loop_runs() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        // The loop does not run yet.
        let thread = thread::spawn(move || handle.block_on(async { thread::current().id() }));
        let home = thread::current().id();
        let ids = runtime.block_on(async {
            let job = spawn_blocking(|| {
                let nested = spawn_blocking(|| 5);
                let handle = Handle::current();
                let joined = handle.block_on(nested).unwrap();
                let id = handle.block_on(async {
                    sleep(Duration::from_millis(1)).await;
                    thread::current().id()
                });
                (joined, id)
            });
            let (joined, job) = job.await.unwrap();
            assert_eq!(joined, 5);
            (
                job,
                spawn_blocking(move || thread.join().unwrap())
                    .await
                    .unwrap(),
            )
        });
        assert_eq!(ids, (home, home));
    });
}

#[test]
fn a_panic_of_what_block_on_waits_for_goes_on_where_it_waits() {
    in_time(|| {
        quintet::block_on(async {
            let job = spawn_blocking(|| {
                message_of(|| Handle::current().block_on(async { panic!("on purpose") }))
            });
            assert_eq!(job.await.unwrap(), "on purpose");
        });
    });
}

#[test]
fn block_on_of_a_handle_panics_when_the_runtime_ends() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let (begin, has_begun) = mpsc::channel();
        let waiting = thread::spawn({
            let handle = handle.clone();
            move || {
                message_of(|| {
                    handle.block_on(async move {
                        begin.send(()).unwrap();
                        std::future::pending::<()>().await;
                    });
                })
            }
        });
        runtime
            .block_on(async { spawn_blocking(move || has_begun.recv().unwrap()).await })
            .unwrap();
        drop(runtime);
        let during = waiting.join().unwrap();
        let after = thread::spawn(move || message_of(|| handle.block_on(async {})));
        for message in [during, after.join().unwrap()] {
            assert!(message.contains("has ended"), "{message}");
        }
    });
}

#[test]
fn block_on_of_a_handle_refuses_the_thread_of_a_loop() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let other = Runtime::new().unwrap();
        let block = |handle: &Handle| message_of(|| handle.block_on(async {}));
        let outside = block(runtime.handle());
        let inside = runtime.block_on(async { block(&Handle::current()) });
        let entered = {
            let _guard = other.enter();
            block(runtime.handle())
        };
        for message in [outside, inside, entered] {
            assert!(message.contains("on the runtime's own thread"), "{message}");
        }
        let handle = runtime.handle().clone();
        let elsewhere = thread::spawn(move || quintet::block_on(async move { block(&handle) }));
        let message = elsewhere.join().unwrap();
        assert!(
            message.contains("would block the quintet loop"),
            "{message}"
        );

        let seeded = Builder::new().seed(1).build().unwrap();
        let job = seeded.spawn_blocking(move || block(&Handle::current()));
        let message = seeded.block_on(job).unwrap();
        assert!(message.contains("under a seed"), "{message}");
    });
}
