//! Children that are dropped: none becomes a zombie for good.

use std::process::Stdio;
use std::thread;

use quintet::process::{Child, Command};
use quintet::runtime::Runtime;
use quintet::task::yield_now;
use quintet::{spawn, spawn_blocking};

use crate::support::patience::in_time;
use crate::{block_on, exists, sh, waiting};

/// Lets the loop run until none of these processes exists.
async fn are_gone(ids: &[u32]) {
    for &id in ids {
        while exists(id) {
            yield_now().await;
        }
    }
}

/// A child that ends with its input, and is not killed.
fn cat() -> Child {
    let mut command = Command::new("cat");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_thousand_dropped_children_leave_no_zombie() {
    block_on(async {
        let ids: Vec<u32> = (0..1000)
            .map(|_| Command::new("true").spawn().unwrap().id().unwrap())
            .collect();
        are_gone(&ids).await;
    });
}

#[test]
fn a_child_that_is_dropped_before_it_ends_is_reaped_when_it_does() {
    block_on(async {
        let mut children: Vec<Child> = (0..20).map(|_| cat()).collect();
        let inputs: Vec<_> = children
            .iter_mut()
            .map(|child| child.stdin.take())
            .collect();
        let ids: Vec<u32> = children.iter().filter_map(Child::id).collect();
        // Half of them have been waited for.
        for child in &mut children[..10] {
            let mut wait = std::pin::pin!(child.wait());
            assert!(futures::future::poll_immediate(&mut wait).await.is_none());
        }
        drop(children);
        yield_now().await;
        assert!(ids.iter().all(|&id| exists(id)));
        drop(inputs);
        are_gone(&ids).await;
    });
}

#[test]
fn a_wait_that_is_aborted_leaves_no_zombie() {
    block_on(async {
        let mut child = waiting();
        let id = child.id().unwrap();
        let stdin = child.stdin.take();
        let wait = spawn(async move { child.wait().await });
        yield_now().await;
        wait.abort();
        are_gone(&[id]).await;
        drop(stdin);
    });
}

#[test]
fn a_child_may_be_dropped_by_a_job_and_by_another_thread() {
    block_on(async {
        let child = cat();
        let id = child.id().unwrap();
        spawn_blocking(move || drop(child)).await.unwrap();
        are_gone(&[id]).await;

        // No loop knows of that one until the next child is spawned.
        let mut child = cat();
        let id = child.id().unwrap();
        let mut wait = Box::pin(async {
            child.wait().await.unwrap();
        });
        assert!(futures::future::poll_immediate(&mut wait).await.is_none() || !exists(id));
        drop(wait);
        thread::spawn(move || drop(child)).join().unwrap();
        while exists(id) {
            assert!(sh("").status().await.unwrap().success());
        }
    });
}

#[test]
fn a_child_that_outlives_its_runtime_goes_on_and_is_reaped_by_the_next() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let (id, mut input) = runtime.block_on(async {
            let mut child = cat();
            let input = child.stdin.take();
            (child.id().unwrap(), input)
        });
        // Another one is held by a task.
        let (other, mut other_input) = runtime.block_on(async {
            let mut child = cat();
            let (id, input) = (child.id().unwrap(), child.stdin.take());
            drop(spawn(async move { child.wait().await }));
            yield_now().await;
            (id, input)
        });
        drop(runtime);
        assert!(exists(id) && exists(other));
        drop((input.take(), other_input.take()));

        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            assert!(sh("").status().await.unwrap().success());
            are_gone(&[id, other]).await;
        });
    });
}

#[test]
fn an_orphan_holds_up_neither_run_nor_block_on() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let mut child = cat();
        let input = child.stdin.take();
        drop(spawn(async move { drop(child) }));
        drop(entered);
        runtime.run().unwrap();
        runtime.block_on(yield_now());
        drop(input);
    });
}
