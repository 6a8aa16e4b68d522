//! What a child keeps alive, and what is found of it: leaks, dumps, order.

use std::process::Stdio;

use quintet::process::Command;
use quintet::runtime::{Builder, Handle, Runtime, Stalled};
use quintet::spawn;
use quintet::testing::{Leak, assert_no_leaks, leaks};
use quintet::time::{Duration, timeout};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::support::cases::in_check;
use crate::support::child::{child, in_a_child};
use crate::support::log::Log;
use crate::support::patience::in_time;
use crate::support::skipped::skip;
use crate::{sh, uses_pidfds, waiting};

/// Runs `root` as a task, until nothing keeps the runtime alive.
fn run(root: impl Future<Output = ()> + 'static) -> Result<(), Stalled> {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        drop(spawn(root));
        drop(entered);
        let result = runtime.run();
        assert_no_leaks(&runtime);
        result
    })
}

#[test]
fn a_child_keeps_the_runtime_alive_while_it_is_waited_for() {
    let log = Log::default();
    let own = log.clone();
    run(async move {
        own.add("begin");
        let mut child = sh("read line < /dev/null; exit 0").spawn().unwrap();
        assert!(child.has_ref());
        child.wait().await.unwrap();
        own.add("ended");
    })
    .unwrap();
    assert_eq!(log.lines(), ["begin", "ended"]);
}

#[test]
fn an_unreferenced_child_and_one_that_is_not_waited_for_do_not() {
    let log = Log::default();
    let own = log.clone();
    let result = in_time(|| {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        // `sleep` would end long after the test.
        let mut idle = waiting();
        let stdin = idle.stdin.take();
        drop(spawn(async move {
            idle.ref_();
            idle.unref();
            assert!(!idle.has_ref());
            own.add("waits");
            idle.wait().await.unwrap();
            own.add("never");
        }));
        let unawaited = waiting();
        drop(entered);
        let result = runtime.run();
        drop((stdin, unawaited));
        result
    });
    result.unwrap();
    assert_eq!(log.lines(), ["waits"]);
}

#[test]
fn a_child_that_is_referenced_again_counts() {
    run(async {
        let mut child = sh("").spawn().unwrap();
        child.unref();
        child.ref_();
        assert!(child.wait().await.unwrap().success());
    })
    .unwrap();
}

#[test]
fn pipes_are_referenced_on_their_own() {
    let log = Log::default();
    let own = log.clone();
    run(async move {
        let mut child = sh("echo x").stdout(Stdio::piped()).spawn().unwrap();
        child.unref();
        let stdout = child.stdout.take().unwrap();
        assert!(stdout.has_ref());
        stdout.read_exact(&mut [0; 2]).await.unwrap();
        own.add("read");
        stdout.unref();
        assert!(!stdout.has_ref());
    })
    .unwrap();
    assert_eq!(log.lines(), ["read"]);
}

#[test]
fn a_task_that_waits_for_a_child_is_a_leak_and_its_dump_names_it() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let mut child = waiting();
            let stdin = child.stdin.take();
            drop(spawn(async move {
                child.wait().await.unwrap();
                drop(stdin);
            }));
            quintet::task::yield_now().await;
        });
        let leaks = leaks(&runtime);
        let [Leak::Task(task)] = leaks.as_slice() else {
            panic!("{leaks}");
        };
        let text = task.to_string();
        let expected = if uses_pidfds() {
            "child process "
        } else {
            "Unix stream"
        };
        assert!(text.contains(expected), "{text}");
    });
}

#[test]
fn an_orphan_is_no_leak() {
    in_time(|| {
        let runtime = Runtime::new().unwrap();
        let stdin = runtime.block_on(async {
            let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take()
        });
        assert_no_leaks(&runtime);
        drop(stdin);
    });
}

/// The kernel closes the pipes of a process before it reports the exit. In a process of its own:
/// children of other tests that are about to execute their programs have these pipes, too.
#[test]
fn the_end_of_output_comes_before_the_exit() {
    if !uses_pidfds() {
        return skip("SIGCHLD of another child may come first");
    }
    in_a_child(
        child("alive::the_end_of_output_comes_before_the_exit"),
        || {
            for _ in 0..20 {
                let log = Log::default();
                run(log_the_end_of_a_child(log.clone())).unwrap();
                assert_eq!(log.lines(), ["end of output", "exit"]);
            }
        },
    );
}

#[test]
fn exits_in_one_batch_come_in_the_order_in_which_the_children_have_ended() {
    if !uses_pidfds() {
        return skip("SIGCHLD does not say which child has ended");
    }
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let log = Log::default();
        let own = log.clone();
        run(async move {
            let mut inputs = Vec::new();
            for number in 0..3 {
                let mut child = waiting();
                inputs.push((child.id().unwrap(), child.stdin.take()));
                let own = own.clone();
                drop(spawn(async move {
                    child.wait().await.unwrap();
                    own.add(number);
                }));
            }
            in_check().await;
            // The loop is held up until all have ended.
            for number in order {
                let (id, input) = &mut inputs[number];
                drop(input.take());
                has_ended(*id);
            }
        })
        .unwrap();
        assert_eq!(log.lines(), order);
    }
}

/// Blocks until a child has ended, and leaves its status to be asked for.
fn has_ended(id: u32) {
    let pid = Pid::from_raw(id.cast_signed()).unwrap();
    let flags = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), flags).unwrap().unwrap();
}

async fn log_the_end_of_a_child(log: Log<&'static str>) {
    let mut command = sh("read line; echo x");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    let stdout = child.stdout.take().unwrap();
    let exits = log.clone();
    drop(spawn(async move {
        child.wait().await.unwrap();
        exits.add("exit");
    }));
    drop(spawn(async move {
        stdout.read_exact(&mut [0; 2]).await.unwrap();
        assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
        log.add("end of output");
    }));
    // When both wait, the child may end.
    in_check().await;
    stdin.write_all(b"line\n").await.unwrap();
}

#[test]
fn children_and_their_output_are_there_under_a_seed() {
    for seed in 0..20 {
        in_time(|| {
            let runtime = Builder::new().seed(seed).build().unwrap();
            runtime.block_on(async {
                let waits: Vec<_> = (0..5)
                    .map(|number| {
                        let output = sh(&format!("echo {number}; exit {number}")).output();
                        spawn(async move { output.await.unwrap() })
                    })
                    .collect();
                for (number, wait) in waits.into_iter().enumerate() {
                    let output = wait.await.unwrap();
                    assert_eq!(output.status.code(), Some(number as i32));
                    assert_eq!(output.stdout, format!("{number}\n").as_bytes());
                }
            });
            assert_no_leaks(&runtime);
        });
    }
}

#[test]
fn a_timeout_of_a_wait_expires_and_the_child_can_be_waited_for_again() {
    in_time(|| {
        // In paused time the clock does not wait for the child.
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut child = waiting();
            let stdin = child.stdin.take();
            timeout(Duration::from_secs(3600), child.wait())
                .await
                .unwrap_err();
            drop(stdin);
            let keep_alive = Handle::current().keep_alive();
            let status = timeout(Duration::from_secs(3600), child.wait())
                .await
                .unwrap();
            assert!(status.unwrap().success());
            drop(keep_alive);
        });
    });
}
