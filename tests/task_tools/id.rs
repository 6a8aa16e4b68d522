//! Which task is being polled.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};

use quintet::runtime::{Handle, Runtime};
use quintet::task::coop::consume_budget;
use quintet::task::{Id, id, try_id};
use quintet::{block_on, spawn, spawn_blocking};

use crate::support::panic_of;
use crate::{Hooks, on_a_loop, settle};

#[test]
fn a_task_knows_its_id() {
    on_a_loop(async || {
        let root = id();
        let here = spawn(async {
            let before = id();
            settle().await;
            (before, try_id())
        });
        let elsewhere = Handle::current().spawn(async { id() });
        let ids = [here.id(), elsewhere.id()];

        assert_eq!(here.await.unwrap(), (ids[0], Some(ids[0])));
        assert_eq!(elsewhere.await.unwrap(), ids[1]);
        assert_eq!(id(), root, "the root is a task too");
        assert!(!ids.contains(&root));
    });
}

#[test]
fn spawning_does_not_change_who_is_polled() {
    on_a_loop(async || {
        let root = id();
        let job = spawn_blocking(try_id);
        let job_id = job.id();
        assert_eq!(id(), root);
        assert_eq!(job.await.unwrap(), Some(job_id), "a job is a task");
    });
}

#[test]
fn where_nothing_is_polled_there_is_no_id() {
    assert_eq!(try_id(), None);
    let panicked = panic_of(|| {
        id();
    });
    assert_eq!(panicked.file, file!());
    assert!(panicked.message.contains("try_id"), "{panicked:?}");
    block_on(async {});
    assert_eq!(try_id(), None);

    let runtime = Runtime::new().unwrap();
    let _entered = runtime.enter();
    assert_eq!(try_id(), None);
}

#[test]
fn destructors_of_aborted_futures_have_no_id() {
    struct Tell(Rc<Cell<Option<Option<Id>>>>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.set(Some(try_id()));
        }
    }
    on_a_loop(async || {
        let told = Rc::default();
        let tell = Tell(Rc::clone(&told));
        let task = spawn(async move {
            let _tell = tell;
            pending::<()>().await;
        })
        .abort_handle();
        settle().await;
        task.abort();
        settle().await;
        assert_eq!(told.get(), Some(None));
    });
}

#[test]
fn the_id_is_known_while_a_refused_operation_wakes() {
    on_a_loop(async || {
        let (sender, told) = mpsc::channel();
        let waker = Hooks::waker(move || sender.send(try_id()).unwrap(), || ());
        let mut spent = Box::pin(async {
            loop {
                consume_budget().await;
            }
        });
        poll_fn(|_| {
            let mut cx = Context::from_waker(&waker);
            assert!(spent.as_mut().poll(&mut cx).is_pending());
            Poll::Ready(())
        })
        .await;
        assert_eq!(told.recv().unwrap(), Some(id()));
    });
}
