//! Large futures and closures, on a stack of two mebibytes: they are boxed where they come in, so
//! that even without optimization few copies of them stand on the stack.

use std::future::Future;
use std::hint::black_box;
use std::thread;

use quintet::runtime::{Handle, Runtime};
use quintet::task::{self, Builder, JoinSet, LocalSet, TaskTracker, scope, try_scope, yield_now};
use quintet::time::{Duration, timeout};
use quintet::{block_on, spawn, spawn_blocking};

const KIB: usize = 1024;

/// Holds so many bytes across an await.
async fn large<const BYTES: usize>() -> u8 {
    let bytes = black_box([7; BYTES]);
    yield_now().await;
    bytes[BYTES / 2]
}

/// A closure that holds so many bytes.
fn large_closure<const BYTES: usize>() -> impl FnOnce() -> u8 + Send + 'static {
    let bytes = black_box([7; BYTES]);
    move || bytes[BYTES / 2]
}

/// Runs `test` on a thread with the stack that threads have unless they are told otherwise. One
/// that is overrun ends the process.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(2 << 20);
    thread.spawn(test).unwrap().join().unwrap();
}

fn on_a_loop<F: Future<Output = ()> + 'static>(test: impl FnOnce() -> F + Send + 'static) {
    on_a_small_stack(|| block_on(test()));
}

#[test]
fn spawning() {
    on_a_loop(|| async { assert_eq!(spawn(large::<{ 256 * KIB }>()).await.unwrap(), 7) });
    on_a_loop(|| async {
        let task = Builder::new().name("large").spawn(large::<{ 256 * KIB }>());
        assert_eq!(task.await.unwrap(), 7);
    });
    on_a_small_stack(|| {
        let runtime = Runtime::new().unwrap();
        let task = runtime.spawn(large::<{ 256 * KIB }>());
        assert_eq!(runtime.block_on(task).unwrap(), 7);
    });
}

#[test]
fn spawning_by_a_handle() {
    on_a_loop(|| async {
        let task = Handle::current().spawn(large::<{ 256 * KIB }>());
        assert_eq!(task.await.unwrap(), 7);
    });
    on_a_small_stack(|| {
        let runtime = Runtime::new().unwrap();
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new().stack_size(2 << 20);
        let thread = thread.spawn(move || handle.block_on(large::<{ 256 * KIB }>()));
        let thread = thread.unwrap();
        while !thread.is_finished() {
            runtime.turn(Some(Duration::from_millis(1)));
        }
        assert_eq!(thread.join().unwrap(), 7);
    });
}

#[test]
fn sets_and_trackers() {
    on_a_loop(|| async {
        let mut set = JoinSet::new();
        set.spawn(large::<{ 192 * KIB }>());
        set.spawn_local(large::<{ 192 * KIB }>());
        set.spawn_on(large::<{ 192 * KIB }>(), &Handle::current());
        set.build_task()
            .name("large")
            .spawn(large::<{ 192 * KIB }>());
        let local_set = LocalSet::new();
        set.build_task()
            .spawn_local_on(large::<{ 192 * KIB }>(), &local_set);
        set.build_task()
            .spawn_on(large::<{ 192 * KIB }>(), &Handle::current());
        assert_eq!(set.join_all().await, [7; 6]);
    });
    on_a_loop(|| async {
        let tracker = TaskTracker::new();
        let task = tracker.spawn(large::<{ 192 * KIB }>());
        assert_eq!(task.await.unwrap(), 7);
        let task = tracker.spawn_on(large::<{ 192 * KIB }>(), &Handle::current());
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn running() {
    on_a_small_stack(|| assert_eq!(block_on(large::<{ 256 * KIB }>()), 7));
    on_a_small_stack(|| {
        let runtime = Runtime::new().unwrap();
        assert_eq!(runtime.block_on(large::<{ 256 * KIB }>()), 7);
    });
}

#[test]
fn children() {
    on_a_loop(|| async {
        let sum = scope(async |s| {
            let child = s.spawn(large::<{ 192 * KIB }>());
            child.await.unwrap()
        });
        assert_eq!(sum.await, 7);
    });
    on_a_loop(|| async {
        let sum = try_scope(async |s| {
            let child = s.spawn(async { Ok::<_, ()>(large::<{ 128 * KIB }>().await) });
            Ok(child.await.unwrap())
        });
        assert_eq!(sum.await, Ok(7));
    });
}

#[test]
fn combinators() {
    const LIMIT: Duration = Duration::from_secs(1000);
    on_a_loop(|| async {
        let task = spawn(timeout(LIMIT, large::<{ 192 * KIB }>()));
        assert_eq!(task.await.unwrap(), Ok(7));
    });
    on_a_loop(|| async {
        let task = spawn(task::unconstrained(large::<{ 192 * KIB }>()));
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn macros() {
    #[quintet::main]
    async fn plain() -> u8 {
        large::<{ 192 * KIB }>().await
    }
    on_a_small_stack(|| assert_eq!(plain(), 7));
}

/// The harness gives it a thread like those.
#[quintet::test(timeout = "1000s")]
async fn a_test_with_a_limit() {
    assert_eq!(large::<{ 128 * KIB }>().await, 7);
}

#[test]
fn jobs() {
    on_a_loop(|| async {
        let job = spawn_blocking(large_closure::<{ 192 * KIB }>());
        assert_eq!(job.await.unwrap(), 7);
        let job = Handle::current().spawn_blocking(large_closure::<{ 192 * KIB }>());
        assert_eq!(job.await.unwrap(), 7);
        let job = Builder::new().spawn_blocking(large_closure::<{ 192 * KIB }>());
        assert_eq!(job.await.unwrap(), 7);
    });
}
