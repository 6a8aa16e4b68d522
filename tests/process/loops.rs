//! Children and several loops.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use quintet::process::Child;
use quintet::runtime::Runtime;
use quintet::spawn;

use crate::support::patience::in_time;
use crate::{block_on, sh, waiting};

#[test]
fn each_loop_notices_its_children() {
    in_time(|| {
        thread::scope(|scope| {
            for loop_number in 0..2 {
                scope.spawn(move || {
                    block_on(async {
                        let waits: Vec<_> = (0..50)
                            .map(|number| {
                                let code = loop_number * 50 + number;
                                let mut child = sh(&format!("exit {code}")).spawn().unwrap();
                                spawn(async move {
                                    assert_eq!(child.wait().await.unwrap().code(), Some(code));
                                })
                            })
                            .collect();
                        for wait in waits {
                            wait.await.unwrap();
                        }
                    });
                });
            }
        });
    });
}

#[test]
fn a_child_moves_to_another_loop() {
    let mut child = waiting();
    let stdin = child.stdin.take();
    let child = in_time(|| {
        Runtime::new().unwrap().block_on(async {
            let mut wait = Box::pin(child.wait());
            let polled = futures::future::poll_immediate(&mut wait).await;
            assert!(polled.is_none());
            drop(wait);
            child
        })
    });
    drop(stdin);
    let mut child = child;
    // That loop has ended.
    let child = thread::spawn(move || {
        block_on(async {
            assert!(child.wait().await.unwrap().success());
        });
        child
    });
    assert_eq!(child.join().unwrap().id(), None);
}

#[test]
fn a_child_moves_between_loops_that_run_in_turn() {
    in_time(|| {
        let [one, two] = [Runtime::new().unwrap(), Runtime::new().unwrap()];
        let mut child = waiting();
        let stdin = child.stdin.take();
        let poll_once = async |child: &mut Child| {
            let mut wait = Box::pin(child.wait());
            assert!(futures::future::poll_immediate(&mut wait).await.is_none());
        };
        for _ in 0..3 {
            one.block_on(poll_once(&mut child));
            two.block_on(poll_once(&mut child));
        }
        drop(stdin);
        assert!(one.block_on(child.wait()).unwrap().success());
    });
}

#[test]
fn without_a_loop_a_child_is_started_and_killed_but_not_awaited() {
    let mut child = waiting();
    // A wait would close it, and then the child would end by itself.
    let _stdin = child.stdin.take();
    assert_eq!(child.try_wait().unwrap(), None);
    let cx = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Err(error)) = pin!(child.wait()).poll(cx) else {
        panic!("there is no loop");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    child.start_kill().unwrap();
    assert!(block_on(child.wait()).unwrap().code().is_none());
}
