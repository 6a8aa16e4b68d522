//! Values that tasks hand down to their children.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::thread;

use futures::FutureExt;
use quintet::runtime::{Builder, Handle, Runtime};
use quintet::task::{ContextVar, JoinHandle, scope, set_immediate, try_scope, yield_now};
use quintet::time::{Duration, sleep};
use quintet::{spawn, spawn_blocking};

static NUMBER: ContextVar<u32> = ContextVar::new();
static TEXT: ContextVar<String> = ContextVar::new();
static SHARED: ContextVar<Rc<RefCell<Vec<&str>>>> = ContextVar::new();

/// ORDER's case 55: over sleeps, files, immediates and yields no task sees another's value.
#[quintet::test(start_paused)]
async fn case_55_interleaved_tasks_are_isolated() {
    assert_eq!(NUMBER.get(), None);
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            spawn(async move {
                NUMBER.set(n);
                sleep(Duration::from_millis(u64::from(n % 7))).await;
                assert_eq!(NUMBER.get(), Some(n));
                quintet::fs::metadata("/").await.unwrap();
                assert_eq!(NUMBER.get(), Some(n));
                let immediate = set_immediate(|| NUMBER.get());
                yield_now().await;
                assert_eq!(NUMBER.get(), Some(n));
                assert_eq!(immediate.await.unwrap(), Some(n));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(NUMBER.get(), None);
}

#[quintet::test]
async fn children_inherit_a_snapshot() {
    NUMBER.set(1);
    let child = spawn(async {
        let first = NUMBER.get();
        NUMBER.set(10);
        let grandchild = spawn(async { NUMBER.get() });
        yield_now().await;
        (first, grandchild.await.unwrap(), NUMBER.get())
    });
    NUMBER.set(2);
    let later = spawn(async { NUMBER.get() });
    assert_eq!(child.await.unwrap(), (Some(1), Some(10), Some(10)));
    assert_eq!(later.await.unwrap(), Some(2));
    assert_eq!(NUMBER.get(), Some(2));
    NUMBER.clear();
    assert_eq!(NUMBER.get(), None);
    assert_eq!(spawn(async { NUMBER.get() }).await.unwrap(), None);
}

#[quintet::test]
async fn a_scope_ends_with_its_future() {
    TEXT.set("outer".to_owned());
    let scope = TEXT.scope("inner".to_owned(), async {
        assert_eq!(TEXT.get().as_deref(), Some("inner"));
        yield_now().await;
        TEXT.set("changed".to_owned());
        yield_now().await;
        assert_eq!(TEXT.get().as_deref(), Some("changed"));
        TEXT.sync_scope("innermost".to_owned(), || {
            TEXT.with(|text| assert_eq!(text.map(String::as_str), Some("innermost")));
        });
        TEXT.get()
    });
    let mut scope = pin!(scope);
    assert!(scope.as_mut().now_or_never().is_none());
    assert_eq!(TEXT.get().as_deref(), Some("outer"));
    assert_eq!(scope.await.as_deref(), Some("changed"));
    assert_eq!(TEXT.get().as_deref(), Some("outer"));
}

#[test]
fn the_root_keeps_what_it_sets_to_itself() {
    let runtime = Runtime::new().unwrap();
    NUMBER.set(5);
    let seen = runtime.block_on(async {
        let seen = NUMBER.get();
        NUMBER.set(6);
        yield_now().await;
        (seen, NUMBER.get())
    });
    assert_eq!(seen, (Some(5), Some(6)));
    assert_eq!(NUMBER.get(), Some(5), "of this thread");
}

#[quintet::test]
async fn jobs_and_tasks_from_elsewhere_begin_without() {
    NUMBER.set(1);
    assert_eq!(spawn_blocking(|| NUMBER.get()).await.unwrap(), None);
    let handle = Handle::current();
    let job = spawn_blocking(move || handle.spawn(async { NUMBER.get() }));
    assert_eq!(job.await.unwrap().await.unwrap(), None);
}

#[test]
fn jobs_under_a_seed_begin_without_too() {
    let runtime = Builder::new().seed(1).build().unwrap();
    let seen = runtime.block_on(async {
        NUMBER.set(1);
        spawn_blocking(|| NUMBER.get()).await.unwrap()
    });
    assert_eq!(seen, None);
}

#[test]
fn tasks_from_another_thread_begin_without_what_their_new_thread_has() {
    NUMBER.set(1);
    for seed in [None, Some(7)] {
        let mut builder = Builder::new();
        if let Some(seed) = seed {
            builder.seed(seed);
        }
        let runtime = builder.build().unwrap();
        let handle = runtime.handle().clone();
        let away = thread::spawn(move || handle.spawn(async { NUMBER.get() }));
        let here = runtime.handle().spawn(async { NUMBER.get() });
        let seen = runtime.block_on(async {
            NUMBER.set(2);
            (away.join().unwrap().await.unwrap(), here.await.unwrap())
        });
        assert_eq!(seen, (None, None), "{seed:?}");
    }
    assert_eq!(NUMBER.get(), Some(1));
}

#[quintet::test]
async fn children_of_a_scope_inherit_and_then_have_their_own() {
    NUMBER.set(1);
    let seen = scope(async |s| {
        let first = s.spawn(async {
            let inherited = NUMBER.get();
            NUMBER.set(2);
            yield_now().await;
            let inner = scope(async |s| s.spawn(async { NUMBER.get() }).await.unwrap()).await;
            (inherited, NUMBER.get(), inner)
        });
        let second = s.spawn(async {
            let before = NUMBER.get();
            yield_now().await;
            (before, NUMBER.get())
        });
        yield_now().await;
        let unseen = NUMBER.get();
        NUMBER.set(3);
        let third = s.spawn(async { NUMBER.get() });
        (
            first.await.unwrap(),
            second.await.unwrap(),
            third.await.unwrap(),
            unseen,
        )
    })
    .await;
    assert_eq!(seen.0, (Some(1), Some(2), Some(2)));
    assert_eq!(seen.1, (Some(1), Some(1)));
    assert_eq!((seen.2, seen.3), (Some(3), Some(1)));
    assert_eq!(NUMBER.get(), Some(3), "the body is the caller's");
}

#[quintet::test]
async fn children_of_a_scope_are_dropped_with_their_values() {
    let log = Rc::default();
    try_scope(async |s| {
        s.spawn(async {
            SHARED.set(Rc::clone(&log));
            let _guard = OnDrop;
            pending::<Result<(), ()>>().await
        });
        yield_now().await;
        Err::<(), ()>(())
    })
    .await
    .unwrap_err();
    assert_eq!(*log.borrow(), ["dropped"]);
    assert_eq!(Rc::strong_count(&log), 1, "nothing is kept");
}

struct OnDrop;

impl Drop for OnDrop {
    fn drop(&mut self) {
        SHARED.with(|log| {
            if let Some(log) = log {
                log.borrow_mut().push("dropped");
            }
        });
    }
}

/// However a task ends, its destructors see its values.
#[test]
fn futures_are_dropped_with_their_values() {
    let log = Rc::default();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        SHARED.set(Rc::clone(&log));
        let wait = || async {
            let _guard = OnDrop;
            pending::<()>().await;
        };
        let aborted = spawn(wait());
        drop(spawn(wait()));
        yield_now().await;
        aborted.abort();
        aborted.await.unwrap_err();
        assert_eq!(log.borrow().len(), 1);
        SHARED.clear();
        let scope = SHARED.scope(Rc::clone(&log), wait());
        let mut scope = Box::pin(scope);
        assert!(scope.as_mut().now_or_never().is_none());
        drop(scope);
        assert_eq!(log.borrow().len(), 2);
    });
    drop(runtime);
    assert_eq!(log.borrow().len(), 3);
    assert_eq!(Rc::strong_count(&log), 1, "nothing is kept");
}

/// Looks when it is dropped whether a task has ended.
struct Watch {
    task: Rc<RefCell<Option<JoinHandle<()>>>>,
    has_ended: Rc<Cell<Option<bool>>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let task = self.task.borrow();
        self.has_ended
            .set(task.as_ref().map(JoinHandle::is_finished));
    }
}

static WATCH: ContextVar<Rc<Watch>> = ContextVar::new();

#[quintet::test]
async fn a_task_has_not_ended_before_its_values_are_dropped() {
    let task = Rc::new(RefCell::new(None));
    let has_ended = Rc::new(Cell::new(None));
    let watch = Watch {
        task: Rc::clone(&task),
        has_ended: Rc::clone(&has_ended),
    };
    let handle = spawn(async { WATCH.set(Rc::new(watch)) });
    task.replace(Some(handle));
    yield_now().await;
    assert_eq!(has_ended.get(), Some(false));
    let handle = task.take().unwrap();
    assert!(handle.is_finished());
    handle.await.unwrap();
}
