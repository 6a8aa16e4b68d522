//! What a test leaves behind: it is found, named, and nothing else is.

use std::cell::RefCell;
use std::env;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Waker;
use std::time::Duration;

use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Handle, JobMeta, Runtime, TaskDump, WaitReason};
use quintet::sync::{mpsc as channel, oneshot};
use quintet::task::{self, yield_now};
use quintet::testing::{Leak, Leaks, assert_no_leaks, leaks};
use quintet::time::{Instant, Sleep, sleep};
use quintet::{spawn, spawn_blocking};

use crate::support::panics::panic_message;
use crate::support::patience::in_time;
use crate::support::wakers::poll;
use crate::support::wakers::poll_with;

const DAY: Duration = Duration::from_secs(86_400);

/// What `test` leaves on a runtime.
fn left_by(test: impl AsyncFnOnce()) -> Leaks {
    left_on(&mut Builder::new(), test)
}

fn left_on(builder: &mut Builder, test: impl AsyncFnOnce()) -> Leaks {
    in_time(|| {
        let runtime = builder.build().expect("descriptors for a runtime");
        runtime.block_on(test());
        leaks(&runtime)
    })
}

#[track_caller]
fn only(leaks: &Leaks) -> &Leak {
    let [leak] = leaks.as_slice() else {
        panic!("{leaks}");
    };
    leak
}

#[track_caller]
fn only_task(leaks: &Leaks) -> &TaskDump {
    match only(leaks) {
        Leak::Task(task) => task,
        _ => panic!("{leaks}"),
    }
}

#[track_caller]
fn only_job(leaks: &Leaks) -> &JobMeta {
    match only(leaks) {
        Leak::Job(job) => job,
        _ => panic!("{leaks}"),
    }
}

async fn listen() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    listener.expect("a free port")
}

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn std::any::Any>>> = const { RefCell::new(Vec::new()) };
}

/// Keeps something beyond the end of its test.
fn keep(value: impl std::any::Any) {
    KEPT.with_borrow_mut(|kept| kept.push(Box::new(value)));
}

// ---- What is left ----------------------------------------------------------------------------

#[test]
fn a_task_that_waits_is_left_with_its_spawn_site_and_what_it_waits_for() {
    let line = line!() + 3;
    let leaks = left_by(async || {
        let named = task::Builder::new().name("server");
        drop(named.spawn(async { sleep(DAY).await }));
        yield_now().await;
    });
    let task = only_task(&leaks);
    assert_eq!(task.name(), Some("server"));
    assert_eq!(
        (task.location().file(), task.location().line()),
        (file!(), line)
    );
    assert!(matches!(task.waits(), [WaitReason::Timer { .. }]));
    let text = leaks.to_string();
    assert!(text.starts_with("1 thing is left on "), "{text}");
    assert!(
        text.contains(&format!("`server`, spawned at {}:{line}", file!())),
        "{text}"
    );
}

#[test]
fn a_task_is_left_that_only_a_cycle_keeps() {
    let leaks = left_by(async || {
        let (sender, mut receiver) = channel::unbounded_channel::<()>();
        drop(spawn(async move {
            let _own = sender;
            receiver.recv().await;
        }));
    });
    // The channel is known while waits are tracked.
    let waits = only_task(&leaks).waits();
    assert!(
        matches!(waits, [WaitReason::Other(_) | WaitReason::Channel(_)]),
        "{leaks}"
    );
}

#[test]
fn a_task_is_left_that_is_always_ready() {
    let leaks = left_by(async || {
        drop(spawn(async {
            loop {
                yield_now().await;
            }
        }));
    });
    assert!(
        matches!(only_task(&leaks).waits(), [WaitReason::Check]),
        "{leaks}"
    );
}

#[test]
fn a_task_that_a_handle_spawned_is_left() {
    let leaks = left_by(async || {
        let handle = Handle::current();
        let spawned = std::thread::spawn(move || drop(handle.spawn(pending::<()>())));
        spawned.join().unwrap();
    });
    assert_eq!(only_task(&leaks).location().file(), file!());
}

#[test]
fn a_connection_is_left_with_its_descriptor_and_addresses() {
    let mut expected: Option<(i32, SocketAddr, SocketAddr)> = None;
    let leaks = left_by(async || {
        let listener = listen().await;
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let stream = Box::leak(Box::new(stream.unwrap()));
        let (peer, _) = listener.accept().await.unwrap();
        // It is registered when it has had to wait.
        assert!(poll!(Box::pin(stream.read(&mut [0]))).is_pending());
        let (local, remote) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        expected = Some((stream.as_raw_fd(), local, remote));
        keep(peer);
    });
    let (expected_fd, local, remote) = expected.unwrap();
    let leaks: Vec<&Leak> = leaks.as_slice().iter().collect();
    assert!(
        leaks
            .iter()
            .any(|leak| matches!(leak, Leak::Source { fd, description, .. }
            if *fd == expected_fd && *description == format!("TCP, {local} to {remote}"))),
        "{leaks:?}"
    );
}

#[test]
fn a_timer_is_left_that_a_static_keeps() {
    let start = Instant::now();
    let leaks = left_by(async || {
        let mut sleep: Sleep = sleep(DAY);
        assert!(poll!(&mut sleep).is_pending());
        keep(sleep);
    });
    let Leak::Timer { deadline, left, .. } = only(&leaks) else {
        panic!("{leaks}");
    };
    assert!(*deadline >= start + DAY && left.is_some(), "{leaks}");
}

#[test]
fn a_timer_is_left_for_which_another_executor_waits() {
    let leaks = left_by(async || {
        let mut sleep = sleep(DAY);
        assert!(poll_with(&mut sleep, Waker::noop()).is_pending());
        keep(sleep);
    });
    assert!(matches!(only(&leaks), Leak::Timer { .. }), "{leaks}");
}

#[test]
fn a_job_is_left_with_its_spawn_site() {
    let (release, released) = mpsc::channel::<()>();
    let mut builder = Builder::new();
    builder.shutdown_grace(Duration::ZERO).quiet();
    let line = line!() + 3;
    let leaks = left_on(&mut builder, async || {
        let named = task::Builder::new().name("slow");
        drop(named.spawn_blocking(move || released.recv()));
    });
    drop(release);
    let job = only_job(&leaks);
    assert_eq!(job.name(), Some("slow"));
    assert_eq!(
        (job.location().file(), job.location().line()),
        (file!(), line)
    );
}

#[test]
fn a_job_that_a_handle_spawned_is_left() {
    let (release, released) = mpsc::channel::<()>();
    let mut builder = Builder::new();
    builder.shutdown_grace(Duration::ZERO).quiet();
    let (begin, begun) = mpsc::channel();
    let line = line!() + 2;
    let leaks = left_on(&mut builder, async || {
        drop(Handle::current().spawn_blocking(move || {
            begin.send(()).unwrap();
            released.recv()
        }));
        begun.recv().unwrap();
    });
    drop(release);
    assert_eq!(only_job(&leaks).location().line(), line);
}

#[test]
fn a_guard_is_left_that_keeps_the_loop_alive() {
    let mut builder = Builder::new();
    builder.shutdown_grace(Duration::ZERO);
    let leaks = left_on(&mut builder, async || keep(Handle::current().keep_alive()));
    assert!(matches!(only(&leaks), Leak::KeepAlive), "{leaks}");
}

#[test]
fn all_that_is_left_is_named_in_order() {
    let leaks = left_by(async || {
        let mut sleep = sleep(DAY);
        assert!(poll!(&mut sleep).is_pending());
        keep(sleep);
        drop(task::Builder::new().name("first").spawn(pending::<()>()));
        drop(task::Builder::new().name("second").spawn(pending::<()>()));
    });
    let [Leak::Task(first), Leak::Task(second), Leak::Timer { .. }] = leaks.as_slice() else {
        panic!("{leaks}");
    };
    assert_eq!(
        (first.name(), second.name()),
        (Some("first"), Some("second"))
    );
    assert!(leaks.to_string().starts_with("3 things are left on "));
}

// ---- What is not left ------------------------------------------------------------------------

#[test]
fn what_can_end_without_waiting_is_not_left() {
    let leaks = left_on(Builder::new().quiet(), async || {
        // A long chain: each task wakes the next when it ends.
        let (first, mut next) = oneshot::channel::<()>();
        for _ in 0..100 {
            let (sender, receiver) = oneshot::channel();
            drop(spawn(async move {
                let _closed = next.await;
                yield_now().await;
                drop(sender);
            }));
            next = receiver;
        }
        drop(first);
        // The server ends when its client is gone.
        let listener = listen().await;
        let addr = listener.local_addr().unwrap();
        drop(spawn(async move {
            let (stream, _) = listener.accept().await?;
            while stream.read(&mut [0]).await? > 0 {}
            io::Result::Ok(())
        }));
        drop(TcpStream::connect(addr).await.unwrap());
        // What is aborted has not ended yet.
        let aborted = spawn(pending::<()>());
        aborted.abort();
        keep(aborted);
        // What has ended, and was not awaited.
        let ended = spawn(async {});
        let panicked = spawn(async { panic!("unheard, for the handle is kept") });
        yield_now().await;
        keep((ended, panicked));
    });
    assert!(leaks.is_empty(), "{leaks}");
}

#[test]
fn jobs_that_are_under_way_are_waited_for() {
    for seed in [None, Some(3)] {
        let mut builder = Builder::new();
        if let Some(seed) = seed {
            builder.seed(seed);
        }
        let (end, ended) = mpsc::channel();
        let leaks = left_on(&mut builder, async || {
            for _ in 0..20 {
                let [first, second] = [end.clone(), end.clone()];
                drop(spawn_blocking(move || first.send(()).unwrap()));
                drop(Handle::current().spawn_blocking(move || second.send(()).unwrap()));
            }
        });
        assert!(leaks.is_empty(), "{leaks}");
        assert_eq!(ended.try_iter().count(), 40);
    }
}

#[test]
fn locals_of_the_root_are_gone_and_what_the_runtime_needs_itself_does_not_count() {
    let leaks = left_by(async || {
        let mut sleep = sleep(DAY);
        assert!(poll!(&mut sleep).is_pending());
        let listener = listen().await;
        assert!(poll!(Box::pin(listener.accept())).is_pending());
        let _connected = TcpStream::connect(listener.local_addr().unwrap()).await;
        let _guard = Handle::current().keep_alive();
    });
    assert!(leaks.is_empty(), "{leaks}");
}

#[test]
fn what_was_unreferenced_is_meant_to_be_left() {
    let mut builder = Builder::new();
    builder.shutdown_grace(Duration::ZERO);
    let (release, released) = mpsc::channel::<()>();
    let leaks = left_on(&mut builder, async || {
        spawn(pending::<()>()).unref();
        let mut sleep = sleep(DAY);
        assert!(poll!(&mut sleep).is_pending());
        sleep.unref();
        let listener = listen().await;
        assert!(poll!(Box::pin(listener.accept())).is_pending());
        listener.unref();
        spawn_blocking(move || released.recv()).unref();
        keep((sleep, listener));
    });
    drop(release);
    assert!(leaks.is_empty(), "{leaks}");
}

#[test]
fn paused_time_does_not_move() {
    let mut builder = Builder::new();
    builder.start_paused(true);
    let leaks = left_on(&mut builder, async || {
        drop(spawn(sleep(Duration::from_nanos(1))));
        yield_now().await;
    });
    assert!(
        matches!(only_task(&leaks).waits(), [WaitReason::Timer { left: Some(left), .. }]
        if *left == Duration::from_nanos(1))
    );
}

#[test]
fn a_runtime_that_has_been_shut_down_has_nothing_left() {
    let mut builder = Builder::new();
    builder
        .quiet()
        .unhandled_panic(quintet::runtime::UnhandledPanic::ShutdownRuntime);
    let runtime = builder.build().unwrap();
    let message = panic_message(|| {
        runtime.block_on(async {
            drop(spawn(pending::<()>()));
            drop::<task::JoinHandle<()>>(spawn(async { panic!("the end") }));
            pending::<()>().await;
        });
    });
    assert_eq!(message, "the end");
    assert_no_leaks(&runtime);
}

#[test]
fn an_assertion_names_the_runtime_and_what_is_left() {
    let runtime = Builder::new().name("tested").build().unwrap();
    assert_no_leaks(&runtime);
    let kept = Rc::new(runtime.spawn(pending::<()>()));
    let message = panic_message(|| assert_no_leaks(&runtime));
    assert!(
        message.starts_with("1 thing is left on runtime `tested`\n  task "),
        "{message}"
    );
    kept.abort();
    assert_no_leaks(&runtime);
}

#[test]
fn it_is_not_for_tasks() {
    let runtime = Runtime::new().unwrap();
    let message = panic_message(|| runtime.block_on(async { assert_no_leaks(&runtime) }));
    assert!(
        message.contains("is running on this thread already"),
        "{message}"
    );
}

// ---- The attribute ---------------------------------------------------------------------------

#[quintet::test(leaks = "deny")]
async fn a_test_that_leaves_nothing() {
    let task = spawn(async { 1 });
    assert_eq!(task.await.unwrap(), 1);
}

#[quintet::test(leaks = "deny")]
#[should_panic(expected = "1 thing is left on ")]
async fn a_test_that_leaves_a_task() {
    drop(spawn(pending::<()>()));
}

#[quintet::test(leaks = "deny", timeout = "60s", start_paused = true)]
#[should_panic(expected = "1 thing is left on ")]
async fn a_test_with_a_timeout_that_leaves_a_task() {
    drop(spawn(pending::<()>()));
}

#[quintet::test(leaks = "deny", seeds = 3)]
#[should_panic(expected = "1 thing is left on ")]
async fn a_test_with_seeds_that_leaves_a_task() {
    drop(spawn(pending::<()>()));
}

#[quintet::test(leaks = "allow")]
async fn a_test_that_may_leave_a_task() {
    drop(spawn(pending::<()>()));
}

#[quintet::test(leaks = "deny")]
#[should_panic(expected = "of the body")]
async fn a_test_that_fails_and_leaves_a_task_says_why_it_fails() {
    drop(spawn(pending::<()>()));
    panic!("of the body");
}

#[quintet::test(leaks = "deny")]
#[ignore = "fails: it is run by the test below"]
async fn errs_and_leaves_a_task() -> Result<(), String> {
    drop(spawn(pending::<()>()));
    Err("of the body".to_owned())
}

#[test]
fn a_test_that_errs_and_leaves_a_task_says_why_it_fails() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([
        "--ignored",
        "--exact",
        "leaks::errs_and_leaves_a_task",
        "--nocapture",
    ]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("of the body"), "{text}");
    assert!(!text.contains("is left on"), "{text}");
}
