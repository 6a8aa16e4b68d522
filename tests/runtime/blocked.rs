//! The report of a loop that is blocked.
//!
//! What blocks a loop here waits until the report has come, so no test depends on how fast the
//! machine is.

mod at_end;
mod in_tests;
mod lookup;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::hint;
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use quintet::runtime::{Builder, Handle, Report, ThreadActivity, before_exit};
use quintet::task::{self, yield_now};
use quintet::{spawn, time};

use crate::support::drops::OnDrop;
use crate::support::patience::in_time;
use crate::support::turns::settle;
use crate::support::wakers::{hooked_waker, poll_with};

/// How long what blocks may take.
const LIMIT: Duration = Duration::from_millis(20);

/// Whether the present block was reported. A clone is the same.
#[derive(Clone, Default)]
struct Seen(Arc<(Mutex<bool>, Condvar)>);

impl Seen {
    fn set(&self, is_seen: bool) {
        *self.0.0.lock().expect("nothing panics under it") = is_seen;
        self.0.1.notify_all();
    }

    fn is_set(&self) -> bool {
        *self.0.0.lock().expect("nothing panics under it")
    }

    /// Waits for the report.
    fn wait(&self) {
        let seen = self.0.0.lock().expect("nothing panics under it");
        drop(
            self.0
                .1
                .wait_while(seen, |is_seen| !*is_seen)
                .expect("likewise"),
        );
    }
}

/// The parts of a report.
#[derive(Clone, Debug)]
struct Blocked {
    what: &'static str,
    task: Option<quintet::runtime::TaskMeta>,
    phase: Option<&'static str>,
    woken_by: Option<&'static str>,
    duration: Duration,
    activity: Option<ThreadActivity>,
    is_over: bool,
}

/// Blocks until this is reported.
fn wait_for_report(seen: &Seen) {
    seen.wait();
}

/// Sets [`LIMIT`], and returns what is reported.
fn watched(builder: &mut Builder) -> (Seen, mpsc::Receiver<Blocked>) {
    builder.blocked_after(LIMIT);
    reports_of(builder)
}

/// Returns what is reported.
fn reports_of(builder: &mut Builder) -> (Seen, mpsc::Receiver<Blocked>) {
    let seen = Seen::default();
    let (sender, reports) = mpsc::channel();
    let setter = seen.clone();
    builder.on_report(move |report| {
        let Report::Blocked {
            what,
            task,
            phase,
            woken_by,
            duration,
            activity,
            is_over,
            ..
        } = report
        else {
            panic!("another report: {report}");
        };
        let blocked = Blocked {
            what,
            task: task.clone(),
            phase: *phase,
            woken_by: *woken_by,
            duration: *duration,
            activity: activity.clone(),
            is_over: *is_over,
        };
        let _test_is_over = sender.send(blocked);
        setter.set(!is_over);
    });
    (seen, reports)
}

/// Runs `test`, which blocks its loop once, until that is reported.
#[track_caller]
fn sighted(test: impl AsyncFnOnce(Seen)) -> Blocked {
    sighted_on(&mut Builder::new(), test)
}

#[track_caller]
fn sighted_on(builder: &mut Builder, test: impl AsyncFnOnce(Seen)) -> Blocked {
    in_time(|| {
        let (seen, reports) = watched(builder);
        let runtime = builder.build().expect("descriptors for a runtime");
        // The watcher and the runtime have the only senders.
        builder.on_report(|_| ());
        runtime.block_on(test(seen));
        let next = || reports.recv().expect("the watcher reports");
        let (first, over) = (next(), next());
        drop(runtime);
        assert!(!first.is_over && over.is_over, "{first:?} {over:?}");
        assert!(first.duration > LIMIT && over.duration >= first.duration);
        assert_eq!((first.what, &first.task), (over.what, &over.task));
        assert_eq!(over.activity, None);
        assert!(reports.recv().is_err(), "it is reported once");
        first
    })
}

/// Like [`sighted`] in a task that is called "the blocker", which calls `block`.
#[track_caller]
fn sighted_in_a_task(block: impl FnOnce(Seen) + 'static) -> Blocked {
    let line = line!() + 5;
    let mut id = None;
    let blocked = sighted(async |seen| {
        let task = task::Builder::new().name("the blocker");
        time::sleep(Duration::ZERO).await;
        let task = task.spawn(async move {
            time::sleep(Duration::ZERO).await;
            block(seen);
        });
        id = Some(task.id());
        task.await.expect("it ends");
    });
    let task = blocked.task.as_ref().expect("a task blocks");
    assert_eq!((Some(task.id()), task.name()), (id, Some("the blocker")));
    assert_eq!(task.location().file(), file!());
    assert!((line - 1..=line + 3).contains(&task.location().line()));
    assert_eq!(blocked.phase, Some("timers"));
    assert_eq!(blocked.woken_by, Some("a timer"));
    blocked
}

/// Asserts that the thread is seen in this system call, where the kernel says so.
#[track_caller]
fn assert_in_call(blocked: &Blocked, names: &[&str], file_prefix: Option<&str>) {
    if cfg!(quintet_portable) || !cfg!(target_os = "linux") {
        return assert_eq!(blocked.activity, None);
    }
    let Some(ThreadActivity::SystemCall { name, file, .. }) = &blocked.activity else {
        panic!("a system call: {blocked:?}");
    };
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        assert!(
            name.is_some_and(|name| names.contains(&name)),
            "{blocked:?}"
        );
        let prefix = file_prefix.unwrap_or("");
        assert!(
            file.as_deref().unwrap_or("").starts_with(prefix),
            "{blocked:?}"
        );
    }
}

#[test]
fn a_computation() {
    let blocked = sighted_in_a_task(|seen| {
        while !seen.is_set() {
            hint::spin_loop();
        }
    });
    assert_eq!(blocked.what, "a poll");
    // It takes the lock of `Seen`, which is a system call only if the reporter has it.
    if cfg!(target_os = "linux") && !cfg!(quintet_portable) {
        assert_eq!(blocked.activity, Some(ThreadActivity::Computes));
    }
}

#[test]
fn a_sleep_of_the_thread() {
    in_time(|| {
        // The thread may just be awake when it is looked at: then it is tried again.
        loop {
            let blocked = sighted_in_a_task(|seen| {
                while !seen.is_set() {
                    thread::sleep(LIMIT * 5);
                }
            });
            if cfg!(quintet_portable) || blocked.activity != Some(ThreadActivity::Computes) {
                return assert_in_call(&blocked, &["nanosleep", "clock_nanosleep"], None);
            }
        }
    });
}

#[test]
fn a_lock() {
    let blocked = sighted_in_a_task(|seen| {
        let lock = Arc::new(Mutex::new(()));
        let (locked, is_locked) = mpsc::channel();
        let holder = thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                let _guard = lock.lock().unwrap();
                locked.send(()).unwrap();
                seen.wait();
            }
        });
        is_locked.recv().unwrap();
        drop(lock.lock().unwrap());
        holder.join().unwrap();
    });
    assert_in_call(&blocked, &["futex", "futex_wait"], None);
}

#[test]
fn a_read_of_a_pipe() {
    let blocked = sighted_in_a_task(|seen| {
        let (mut reader, mut writer) = io::pipe().unwrap();
        let other = thread::spawn(move || {
            seen.wait();
            writer.write_all(b"x").unwrap();
        });
        reader.read_exact(&mut [0]).unwrap();
        other.join().unwrap();
    });
    assert_in_call(&blocked, &["read"], Some("pipe:["));
}

/// As a look-up by the standard library waits for a name server.
#[test]
fn a_datagram_that_does_not_come() {
    let blocked = sighted_in_a_task(|seen| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = thread::spawn({
            let (from, to) = (socket.try_clone().unwrap(), socket.local_addr().unwrap());
            move || {
                seen.wait();
                from.send_to(b"x", to).unwrap();
            }
        });
        socket.recv_from(&mut [0]).unwrap();
        other.join().unwrap();
    });
    assert_in_call(&blocked, &["recvfrom"], Some("socket:["));
}

#[test]
fn a_destructor_of_a_future() {
    for aborts in [false, true] {
        let blocked = sighted(async |seen| {
            let guard = OnDrop::new(move || seen.wait());
            let mut is_first = true;
            let task = spawn(poll_fn(move |_| {
                let _captured = &guard;
                match (aborts, std::mem::take(&mut is_first)) {
                    (true, true) => Poll::Pending,
                    _ => Poll::Ready(()),
                }
            }));
            settle().await;
            task.abort();
            let _ended = task.await;
        });
        assert_eq!(blocked.what, "the destructor of a task's future");
        let task = blocked.task.expect("it is known");
        assert_eq!(task.name(), None);
    }
}

#[test]
fn a_destructor_of_an_output() {
    let blocked = sighted(async |seen| {
        let task = task::Builder::new().name("owner");
        drop(task.spawn(async move { OnDrop::new(move || seen.wait()) }));
        settle().await;
    });
    assert_eq!(blocked.what, "the destructor of a task's output");
    assert_eq!(blocked.task.expect("it is known").name(), Some("owner"));
}

#[test]
fn a_waker_of_another_executor() {
    let blocked = sighted(async |seen| {
        let waker = hooked_waker(move || seen.wait(), || ());
        let mut sleep = Box::pin(time::sleep(Duration::from_millis(1)));
        assert!(poll_with(&mut sleep, &waker).is_pending());
        time::sleep(Duration::from_millis(2)).await;
    });
    assert_eq!(blocked.what, "a waker of another executor");
    assert_eq!((blocked.task, blocked.woken_by), (None, None));
    assert_eq!(blocked.phase, Some("timers"));
}

#[test]
fn a_waker_of_another_executor_in_a_poll() {
    let blocked = sighted(async |seen| {
        let waker = hooked_waker(move || seen.wait(), || ());
        let mut task = spawn(async {});
        assert!(poll_with(&mut task, &waker).is_pending());
        settle().await;
    });
    assert_eq!(blocked.what, "a waker of another executor");
    assert!(blocked.task.is_some());
}

#[test]
fn a_hundred_thousand_small_tasks_in_one_checkpoint() {
    in_time(|| {
        let mut builder = Builder::new();
        let (seen, reports) = watched(&mut builder);
        let runtime = builder.phase_budget(200_000).build().unwrap();
        // To spawn so many on the loop would itself block it.
        for _ in 0..100_000 {
            let seen = seen.clone();
            runtime.spawn(async move {
                let started = Instant::now();
                while started.elapsed() < LIMIT / 40 && !seen.is_set() {}
            });
        }
        runtime.block_on(yield_now());
        drop((runtime, builder));
        let first = reports.recv().unwrap();
        assert_eq!(first.what, "a row of several polls, the last one");
        let task = first.task.as_ref().expect("it is known");
        assert_eq!(task.location().file(), file!());
        assert!(!first.is_over && first.duration > LIMIT, "{first:?}");
        let over = reports.recv().unwrap();
        assert!(over.is_over && over.duration >= first.duration, "{over:?}");
    });
}

#[test]
fn a_task_that_wakes_itself_again_and_again_in_one_checkpoint() {
    let blocked = sighted_on(Builder::new().phase_budget(200_000), async |seen| {
        poll_fn(|cx| {
            let started = Instant::now();
            while started.elapsed() < LIMIT / 40 && !seen.is_set() {}
            if seen.is_set() {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    });
    assert_eq!(blocked.what, "a row of several polls, the last one");
    assert_eq!(blocked.task.expect("it is known").name(), Some("root"));
}

#[test]
fn short_polls_in_many_ticks_are_not_added_up() {
    in_time(|| {
        let mut builder = Builder::new();
        let (_, reports) = watched(&mut builder);
        let runtime = builder.blocked_after(LIMIT * 5).build().unwrap();
        runtime.block_on(async {
            let started = Instant::now();
            while started.elapsed() < LIMIT * 15 {
                hint::spin_loop();
                yield_now().await;
            }
        });
        drop((runtime, builder));
        let reports: Vec<_> = reports.iter().collect();
        assert!(reports.is_empty(), "{reports:?}");
    });
}

#[test]
fn functions_of_the_runtime_s_user() {
    fn only_once(seen: &Seen, seen_once: &Mutex<bool>) {
        if !std::mem::replace(&mut *seen_once.lock().unwrap(), true) {
            seen.wait();
        }
    }
    type Set = fn(&mut Builder, Box<dyn Fn() + Send + Sync>);
    let hooks: [(&str, Set); 2] = [
        ("an `on_thread_park` function", |builder, hook| {
            builder.on_thread_park(hook);
        }),
        ("an `on_thread_unpark` function", |builder, hook| {
            builder.on_thread_unpark(hook);
        }),
    ];
    for (name, set) in hooks {
        let mut builder = Builder::new();
        let (sender, receiver) = mpsc::channel::<Seen>();
        let (receiver, once) = (Mutex::new(receiver), Mutex::new(false));
        set(
            &mut builder,
            Box::new(move || {
                let seen = receiver.lock().unwrap().try_recv();
                if let Ok(seen) = seen {
                    only_once(&seen, &once);
                }
            }),
        );
        let blocked = sighted_on(&mut builder, async |seen| {
            sender.send(seen).unwrap();
            time::sleep(Duration::from_millis(1)).await;
        });
        assert_eq!((blocked.what, blocked.task), (name, None));
    }
}

#[test]
fn a_hook_before_the_exit() {
    in_time(|| {
        let mut builder = Builder::new();
        let (seen, reports) = watched(&mut builder);
        let runtime = builder.build().unwrap();
        let once = Rc::new(RefCell::new(Some(seen)));
        let guard = runtime.enter();
        before_exit(move || {
            if let Some(seen) = once.take() {
                seen.wait();
            }
        });
        drop(guard);
        runtime.run().unwrap();
        drop((runtime, builder));
        let whats: Vec<_> = reports.iter().map(|blocked| blocked.what).collect();
        assert_eq!(whats, ["a `before_exit` hook"; 2]);
    });
}

#[test]
fn a_job_that_runs_on_the_loop_because_of_a_seed() {
    let blocked = sighted_on(Builder::new().seed(3), async |seen| {
        quintet::spawn_blocking(move || seen.wait()).await.unwrap();
    });
    let name = "a blocking job, which runs on the loop because of the seed";
    assert_eq!((blocked.what, blocked.task), (name, None));
}

#[test]
fn what_has_woken_the_task() {
    let woken_by = |test: &dyn Fn(Seen) -> task::JoinHandle<()>| {
        let blocked = sighted(async |seen| test(seen).await.unwrap());
        (blocked.phase, blocked.woken_by)
    };
    assert_eq!(
        woken_by(&|seen| spawn(async move { seen.wait() })),
        (None, Some("running code"))
    );
    let check = woken_by(&|seen| {
        spawn(async move {
            yield_now().await;
            seen.wait();
        })
    });
    assert_eq!(check, (Some("check"), Some("its turn in the check phase")));
    let message = woken_by(&|seen| {
        spawn(async move {
            woken_elsewhere().await;
            seen.wait();
        })
    });
    assert_eq!(message, (Some("poll"), Some("a message of another thread")));
}

/// Waits for a wake of another thread.
async fn woken_elsewhere() {
    let mut has_begun = false;
    poll_fn(|cx| {
        if has_begun {
            return Poll::Ready(());
        }
        has_begun = true;
        let waker = cx.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Pending
    })
    .await;
}

#[test]
fn a_task_that_blocks_again_and_again_is_reported_once_a_second() {
    in_time(|| {
        let started = Instant::now();
        let mut builder = Builder::new();
        let (seen, reports) = watched(&mut builder);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            seen.wait();
            for _ in 0..10 {
                yield_now().await;
                thread::sleep(LIMIT * 2);
            }
        });
        drop((runtime, builder));
        let begun = reports.iter().filter(|blocked| !blocked.is_over).count();
        let at_most = 1 + started.elapsed().as_secs() as usize;
        assert!((1..=at_most).contains(&begun), "{begun}");
    });
}

#[test]
fn a_loop_that_waits_is_not_blocked() {
    in_time(|| {
        let mut builder = Builder::new();
        let (_, reports) = watched(&mut builder);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            time::sleep(LIMIT * 10).await;
            let job = quintet::spawn_blocking(|| thread::sleep(LIMIT * 5));
            job.await.unwrap();
        });
        // While it does not run.
        thread::sleep(LIMIT * 5);
        runtime.block_on(async {});
        drop((runtime, builder));
        let reports: Vec<_> = reports.iter().collect();
        assert!(reports.is_empty(), "{reports:?}");
    });
}

#[test]
fn it_is_real_time_while_time_is_paused() {
    let blocked = sighted_on(Builder::new().start_paused(true), async |seen| {
        seen.wait();
        time::sleep(Duration::from_secs(3600)).await;
    });
    assert_eq!(blocked.task.unwrap().name(), Some("root"));
}

#[test]
fn it_does_not_change_the_order_under_a_seed() {
    let hash = |limit: Option<Duration>, measures: bool| {
        let mut builder = Builder::new();
        builder.seed(7).start_paused(true).measure(measures);
        let (_, reports) = watched(&mut builder);
        let runtime = builder.blocked_after(limit).build().unwrap();
        runtime.block_on(async {
            let tasks = [3, 1, 2].map(|millis| {
                spawn(async move {
                    time::sleep(Duration::from_millis(millis)).await;
                    thread::sleep(LIMIT * 3);
                    quintet::spawn_blocking(|| ()).await.unwrap();
                })
            });
            for task in tasks {
                task.await.unwrap();
            }
        });
        let hash = runtime.handle().order_hash().unwrap();
        drop((runtime, builder));
        (hash, reports.iter().count())
    };
    in_time(|| {
        let (off, no_reports) = hash(None, false);
        assert_eq!(no_reports, 0);
        let (minute, limit) = (Some(Duration::from_secs(60)), Some(LIMIT));
        for (limit, measures) in [(None, true), (minute, false), (limit, false), (limit, true)] {
            assert_eq!(hash(limit, measures).0, off, "{limit:?} {measures}");
        }
    });
}

#[test]
fn several_loops_are_watched_each_for_itself() {
    in_time(|| {
        let threads = [1, 2, 3].map(|number| {
            thread::spawn(move || {
                let name = format!("blocker {number}");
                let expected = name.clone();
                let blocked = sighted(async |seen| {
                    let task = task::Builder::new().name(name);
                    task.spawn(async move { seen.wait() }).await.unwrap();
                });
                assert_eq!(blocked.task.unwrap().name(), Some(&*expected));
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_loop_that_ends_in_a_long_destructor_is_not_reported() {
    in_time(|| {
        let mut builder = Builder::new();
        let (_, reports) = watched(&mut builder);
        let runtime = builder.build().unwrap();
        runtime.spawn(async {
            let _guard = OnDrop::new(|| thread::sleep(LIMIT * 5));
            pending::<()>().await;
        });
        runtime.block_on(async {
            yield_now().await;
            assert!(Handle::current().order_hash().is_none());
        });
        drop((runtime, builder));
        assert_eq!(reports.iter().count(), 0);
    });
}
