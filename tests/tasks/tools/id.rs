//! Which task is being polled.

use std::future::{pending, poll_fn};
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;

use quintet::runtime::{Handle, Runtime};
use quintet::task::coop::consume_budget;
use quintet::task::{Id, id, try_id};
use quintet::{block_on, spawn, spawn_blocking};

use super::{Hooks, on_a_loop, settle};
use crate::support::cases::watched;
use crate::support::panics::panic_of;

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
fn spawning_does_not_change_which_task_is_polled() {
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

/// Sends the id that its destructor sees.
struct Tell(mpsc::Sender<Option<Id>>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.send(try_id()).unwrap();
    }
}

fn tell() -> (Tell, mpsc::Receiver<Option<Id>>) {
    let (sender, ids) = mpsc::channel();
    (Tell(sender), ids)
}

async fn wait_with(tell: Tell) {
    let _tell = tell;
    pending::<()>().await;
}

#[test]
fn the_destructor_of_an_aborted_future_has_the_id_of_its_task() {
    on_a_loop(async || {
        for is_polled in [false, true] {
            for is_remote in [false, true] {
                let (tell, ids) = tell();
                let task = if is_remote {
                    Handle::current().spawn(wait_with(tell))
                } else {
                    spawn(wait_with(tell))
                };
                if is_polled {
                    settle().await;
                }
                task.abort();
                let id = task.id();
                task.await.unwrap_err();
                assert_eq!(ids.try_recv().unwrap(), Some(id));
            }
        }
    });
}

#[test]
fn the_destructor_of_an_output_has_the_id_of_its_task() {
    on_a_loop(async || {
        let root = id();
        let (first, firsts) = tell();
        let (second, seconds) = tell();
        let (third, thirds) = tell();
        let ended = spawn(async move { first });
        let detached = spawn(async move { second });
        let remote = Handle::current().spawn(async move { third });
        let ids = [ended.id(), detached.id(), remote.id()];
        drop(detached);
        settle().await;

        drop(ended);
        assert_eq!(id(), root, "nothing of that is left");
        thread::spawn(move || drop(remote)).join().unwrap();

        let seen = [firsts, seconds, thirds].map(|ids| ids.try_recv().unwrap());
        assert_eq!(seen, ids.map(Some));
    });
}

#[test]
fn destructors_of_jobs_have_the_id_of_their_job() {
    watched(|| {
        let runtime = Runtime::builder().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let (captured, of_captured) = tell();
            let (output, of_output) = tell();
            let job = spawn_blocking(move || {
                drop(captured);
                output
            });
            let job_id = job.id();
            drop(job);
            spawn_blocking(|| ()).await.unwrap();
            assert_eq!(of_captured.try_recv().unwrap(), Some(job_id));
            assert_eq!(of_output.recv().unwrap(), Some(job_id));

            let (release, released) = mpsc::channel::<()>();
            drop(spawn_blocking(move || released.recv()));
            for is_remote in [false, true] {
                let (tell, ids) = tell();
                let queued = move || drop(tell);
                let job = if is_remote {
                    Handle::current().spawn_blocking(queued)
                } else {
                    spawn_blocking(queued)
                };
                let job_id = job.id();
                job.abort();
                job.await.unwrap_err();
                assert_eq!(ids.try_recv().unwrap(), Some(job_id));
            }
            drop(release);
        });
    });
}

#[test]
fn destructors_at_the_end_have_the_ids_of_their_tasks() {
    let runtime = Runtime::new().unwrap();
    let (unfinished, of_unfinished) = tell();
    let (unasked, of_unasked) = tell();
    let (late, of_late) = tell();
    let (refused, of_refused) = tell();
    let waits = runtime.spawn(wait_with(unfinished));
    let ends = runtime.spawn(async move { unasked });
    let remote = runtime.handle().clone();
    let unfetched = thread::spawn(move || remote.spawn(wait_with(late)));
    let unfetched = unfetched.join().unwrap();
    runtime.block_on(settle());
    let handle = runtime.handle().clone();
    drop(runtime);
    let refused = handle.spawn(wait_with(refused));

    let ids = [waits.id(), ends.id(), unfetched.id(), refused.id()];
    let seen = [of_unfinished, of_unasked, of_late, of_refused];
    assert_eq!(seen.map(|ids| ids.try_recv().unwrap()), ids.map(Some));
    assert_eq!(try_id(), None);
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
