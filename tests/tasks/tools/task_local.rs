//! Values that belong to one future.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;

use futures::FutureExt;
use quintet::spawn;
use quintet::task::{LocalKey, yield_now};

use super::{on_a_loop, settle};
use crate::support::cases::{log, take_log};
use crate::support::panics::panic_of;
use crate::support::wakers::poll;

quintet::task_local! {
    static NUMBER: u32;
    /// A text.
    #[allow(dead_code, reason = "it is declared for its attributes")]
    pub(crate) static TEXT: Rc<str>;
    static LIST: RefCell<Vec<u32>>
}

quintet::task_local! {}

mod inside {
    quintet::task_local! {
        pub(super) static SEEN: &'static str;
    }
}

/// Logs the number that is set where it is dropped.
struct Tell(&'static str);

impl Drop for Tell {
    fn drop(&mut self) {
        log(format!("{}-{:?}", self.0, NUMBER.try_get().ok()));
    }
}

#[test]
fn each_task_has_its_own_value_across_its_awaits() {
    on_a_loop(async || {
        let task = |number| {
            spawn(NUMBER.scope(number, async move {
                for _ in 0..3 {
                    assert_eq!(NUMBER.get(), number);
                    yield_now().await;
                }
            }))
        };
        let (one, two) = (task(1), task(2));
        one.await.unwrap();
        two.await.unwrap();
        assert!(NUMBER.try_get().is_err());
    });
}

#[test]
fn scopes_nest_and_spawned_tasks_inherit_nothing() {
    on_a_loop(async || {
        let outer = NUMBER.scope(1, async {
            NUMBER
                .scope(2, async {
                    yield_now().await;
                    assert_eq!(NUMBER.get(), 2);
                    inside::SEEN
                        .scope("also", async {
                            assert_eq!((NUMBER.get(), inside::SEEN.get()), (2, "also"));
                        })
                        .await;
                })
                .await;
            assert_eq!(NUMBER.get(), 1);
            assert_eq!(NUMBER.sync_scope(3, || NUMBER.with(|n| n + 1)), 4);
            assert_eq!(NUMBER.get(), 1);
            assert!(spawn(async { NUMBER.try_get() }).await.unwrap().is_err());
        });
        outer.await;
    });
}

#[test]
fn a_panic_inside_restores_what_was_set() {
    on_a_loop(async || {
        let outer = NUMBER.scope(1, async {
            let inner = NUMBER.scope(2, async { panic!("on purpose") });
            let panicked = AssertUnwindSafe(inner).catch_unwind().await;
            assert!(panicked.is_err());
            assert_eq!(NUMBER.get(), 1);
            let panicked = catch_unwind(|| NUMBER.sync_scope(3, || panic!("on purpose")));
            assert!(panicked.is_err());
            assert_eq!(NUMBER.get(), 1);
        });
        outer.await;
        let task = spawn(NUMBER.scope(4, async { panic!("on purpose") }));
        assert!(task.await.unwrap_err().is_panic());
        assert!(NUMBER.try_get().is_err());
    });
}

#[test]
fn the_future_is_dropped_with_its_value_set() {
    on_a_loop(async || {
        let unpolled = NUMBER.scope(1, {
            let tell = Tell("unpolled");
            async move {
                let _tell = tell;
            }
        });
        drop(unpolled);
        let aborted = spawn(NUMBER.scope(2, async {
            let _tell = Tell("aborted");
            pending::<()>().await;
        }));
        settle().await;
        aborted.abort();
        settle().await;
        NUMBER.scope(3, async { drop(Tell("ended")) }).await;
        let ended = NUMBER.scope(4, {
            let tell = Tell("captured");
            // Captures are dropped with the future, after it has completed.
            std::future::poll_fn(move |_| {
                let _ = &tell;
                std::task::Poll::Ready(())
            })
        });
        ended.await;
        assert_eq!(
            take_log(),
            [
                "unpolled-Some(1)",
                "aborted-Some(2)",
                "ended-Some(3)",
                "captured-Some(4)"
            ]
        );
    });
}

#[test]
fn the_future_is_dropped_before_its_value() {
    struct Logged(&'static str);
    impl Drop for Logged {
        fn drop(&mut self) {
            log(self.0);
        }
    }
    quintet::task_local! { static VALUE: Logged; }
    on_a_loop(async || {
        let future = Logged("future");
        drop(VALUE.scope(Logged("value"), async move {
            let _future = future;
        }));
        assert_eq!(take_log(), ["future", "value"]);
    });
}

#[test]
fn a_value_may_be_taken() {
    on_a_loop(async || {
        let scope = LIST.scope(RefCell::default(), async {
            LIST.with(|list| list.borrow_mut().push(1));
            yield_now().await;
            LIST.try_with(|_| ()).is_err()
        });
        let mut scope = pin!(scope);
        assert!(poll!(&mut scope).is_pending());
        let list = scope.as_mut().take_value();
        assert_eq!(list, Some(RefCell::new(vec![1])));
        assert_eq!(scope.as_mut().take_value(), None);
        assert!(scope.await, "nothing is set there");
    });
}

#[test]
fn mistakes_panic_and_say_why() {
    let panicked = panic_of(|| NUMBER.get());
    assert!(panicked.message.contains("scope"), "{panicked:?}");
    assert_eq!(panicked.file, file!());
    let panicked = panic_of(|| {
        NUMBER.sync_scope(1, || NUMBER.with(|_| NUMBER.sync_scope(2, || ())));
    });
    assert!(panicked.message.contains("`with`"), "{panicked:?}");
    assert_eq!(panicked.file, file!());
    assert!(NUMBER.try_get().is_err());
    let again = panic_of(|| {
        let mut scope = pin!(NUMBER.scope(1, async {}));
        for _ in 0..2 {
            let _ended = scope.as_mut().now_or_never();
        }
    });
    assert!(again.message.contains("completion"), "{again:?}");
}

#[test]
fn a_future_dropped_inside_with_is_dropped_all_the_same() {
    let dropped = Rc::new(Cell::new(false));
    struct Set(Rc<Cell<bool>>);
    impl Drop for Set {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let set = Set(Rc::clone(&dropped));
    let scope = NUMBER.scope(1, async move {
        let _set = set;
    });
    NUMBER.sync_scope(2, || NUMBER.with(|_| drop(scope)));
    assert!(dropped.get());
}

#[test]
fn futures_of_send_values_are_send() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&NUMBER.scope(1, async {}));
    fn is_sync<T: Sync>(_: &'static LocalKey<T>) {}
    is_sync(&NUMBER);
}
