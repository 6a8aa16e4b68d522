//! How a child ends: by itself, by signals, by a drop.

use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::Stdio;
use std::task::{Context, Waker};

use quintet::process::{Child, Command};
use quintet::signal::unix::{SignalKind, signal};
use quintet::spawn;
use quintet::task::yield_now;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};

use crate::support::child::{child, in_a_child};
use crate::support::strict;
use crate::{block_on, cat, exists, sh, waiting};

const KILLED: Option<i32> = Some(9);

/// The error of a process that has run out of descriptors.
const MFILE: i32 = Errno::MFILE.raw_os_error();

#[test]
fn the_status_is_returned_each_time() {
    block_on(async {
        let mut child = sh("exit 7").spawn().unwrap();
        let id = child.id().unwrap();
        assert!(exists(id));
        for _ in 0..2 {
            assert_eq!(child.wait().await.unwrap().code(), Some(7));
            assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(7));
        }
        assert_eq!(child.id(), None);
        assert!(!exists(id), "its zombie is left");
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(7));
    });
}

#[test]
fn try_wait_does_not_wait() {
    block_on(async {
        let mut child = waiting();
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(child.stdin.is_some());
        drop(child.stdin.take());
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            yield_now().await;
        };
        assert!(status.success());
        assert_eq!(child.id(), None);
    });
}

#[test]
fn wait_closes_the_input_first() {
    block_on(async {
        let mut child = waiting();
        assert!(child.wait().await.unwrap().success());
        assert!(child.stdin.is_none());
    });
}

#[test]
fn a_wait_that_is_dropped_loses_nothing() {
    block_on(async {
        let mut child = waiting();
        let stdin = child.stdin.take();
        for _ in 0..3 {
            let mut wait = pin!(child.wait());
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(wait.as_mut().poll(cx).is_pending());
        }
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn kill_ends_it() {
    block_on(async {
        let mut child = waiting();
        let id = child.id().unwrap();
        child.kill().await.unwrap();
        assert!(!exists(id));
        assert_eq!(child.wait().await.unwrap().signal(), KILLED);
    });
}

#[test]
fn killing_a_child_that_has_ended_does_nothing() {
    block_on(async {
        let mut child = sh("exit 2").stdout(Stdio::piped()).spawn().unwrap();
        // It has ended, or is about to, and has not been waited for.
        let stdout = child.stdout.take().unwrap();
        assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
        while !is_zombie(child.id().unwrap()) {
            yield_now().await;
        }
        child.start_kill().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(2));

        child.start_kill().unwrap();
        child.kill().await.unwrap();
        child.send_signal(SignalKind::terminate()).unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(2));
    });
}

fn is_zombie(id: u32) -> bool {
    let state = std::process::Command::new("ps")
        .args(["-o", "state=", "-p", &id.to_string()])
        .output();
    String::from_utf8(state.unwrap().stdout)
        .unwrap()
        .trim_start()
        .starts_with('Z')
}

#[test]
fn signals_are_sent() {
    block_on(async {
        let mut child = waiting();
        let _stdin = child.stdin.take();
        child.send_signal(SignalKind::terminate()).unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(15));

        let child = waiting();
        for number in [0, -1, 9999] {
            let error = child.send_signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn a_child_is_killed_by_a_drop_only_if_that_is_set() {
    block_on(async {
        let child = waiting();
        let id = child.id().unwrap();
        drop(child);
        while exists(id) {
            yield_now().await;
        }

        // One that goes on. Its input is open, and its output says when it has ended.
        let (child, stdin, stdout) = cat();
        drop(child);
        stdin.write_all(b"echo").await.unwrap();
        stdout.read_exact(&mut [0; 4]).await.unwrap();
        drop(stdin);
        assert_eq!(stdout.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn the_futures_that_own_a_child_kill_it() {
    block_on(async {
        let killed = async |make: fn(&mut Command) -> Box<dyn Future<Output = ()> + Unpin>| {
            // The pipe ends when the child has ended.
            let (reader, writer) = std::io::pipe().unwrap();
            let mut command = Command::new("sleep");
            command.arg("1000").stderr(writer).kill_on_drop(true);
            let mut future = make(&mut command);
            drop(command);
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(std::pin::Pin::new(&mut future).poll(cx).is_pending());
            drop(future);
            let reader = quintet::net::unix::pipe::Receiver::from_owned_fd(reader.into()).unwrap();
            assert_eq!(reader.read(&mut [0]).await.unwrap(), 0);
        };
        killed(|command| {
            let status = command.status();
            Box::new(Box::pin(async { drop(status.await) }))
        })
        .await;
        killed(|command| {
            let child = command.spawn().unwrap();
            Box::new(Box::pin(async { drop(child.wait_with_output().await) }))
        })
        .await;
    });
}

#[test]
fn many_children_that_end_together_are_all_noticed() {
    block_on(async {
        let waits: Vec<_> = (0..100)
            .map(|number| {
                let mut child = sh(&format!("exit {number}")).spawn().unwrap();
                spawn(async move { child.wait().await.unwrap().code() })
            })
            .collect();
        for (number, wait) in waits.into_iter().enumerate() {
            assert_eq!(wait.await.unwrap(), Some(number as i32));
        }
    });
}

#[test]
fn a_child_that_runs_does_not_hide_the_end_of_others() {
    block_on(async {
        let mut long = waiting();
        let _stdin = long.stdin.take();
        let long = spawn(async move { long.wait().await.unwrap() });
        for _ in 0..20 {
            assert!(sh("").status().await.unwrap().success());
        }
        assert!(!long.is_finished());
        long.abort();
    });
}

#[test]
fn a_stream_of_sigchld_and_children_do_not_disturb_each_other() {
    block_on(async {
        let mut signals = signal(SignalKind::child()).unwrap();
        for number in 0..5 {
            let mut child = sh(&format!("exit {number}")).spawn().unwrap();
            assert_eq!(child.wait().await.unwrap().code(), Some(number));
            // Those of other tests come here as well.
            signals.recv().await.unwrap();
        }
    });
}

/// In a process of its own, with few descriptors.
#[test]
fn without_descriptors_a_child_runs_and_is_awaited_later() {
    let test = "ending::without_descriptors_a_child_runs_and_is_awaited_later";
    let program = child(test);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 60; exec \"$@\"", "sh"]);
    limited.arg(program.get_program()).args(program.get_args());
    limited.envs(
        program
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    in_a_child(limited, || {
        strict::block_on(async {
            let mut command = sh("exit 6");
            command.stdin(Stdio::inherit());
            command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
            let mut files = Vec::new();
            while let Ok(file) = std::fs::File::open("/") {
                files.push(file);
            }
            let mut child = command.spawn().unwrap();
            child.unref();
            loop {
                match child.wait().await {
                    Err(error) => assert_eq!(error.raw_os_error(), Some(MFILE), "{error}"),
                    // It has ended.
                    Ok(status) => break assert_eq!(status.code(), Some(6)),
                }
                yield_now().await;
            }

            let mut child = command.spawn().unwrap();
            drop(files);
            assert_eq!(child.wait().await.unwrap().code(), Some(6));

            // An orphan waits for descriptors, too.
            let mut files = Vec::new();
            while let Ok(file) = std::fs::File::open("/") {
                files.push(file);
            }
            let child = command.spawn().unwrap();
            let id = child.id().unwrap();
            drop(child);
            yield_now().await;
            drop(files);
            while exists(id) {
                command.status().await.unwrap();
            }
        });
    });
}

#[test]
fn a_child_of_the_standard_library_is_converted() {
    block_on(async {
        let std = std::process::Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = Child::from_std(std).unwrap();
        let stdin = child.stdin.take().unwrap();
        stdin.write_all(b"x").await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        assert_eq!(
            (output.stdout, output.status.code()),
            (b"x".to_vec(), Some(0))
        );
    });
}

#[test]
fn a_status_that_other_code_has_taken_is_an_error_and_not_a_hang() {
    block_on(async {
        let mut children = [sh("").spawn().unwrap(), sh("").spawn().unwrap()];
        for child in &children {
            let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
            waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
        }
        let texts = [
            children[0].wait().await.unwrap_err().to_string(),
            children[1].try_wait().unwrap_err().to_string(),
        ];
        for (child, text) in children.iter_mut().zip(texts) {
            assert!(text.contains("taken by other code"), "{text}");
            // It stays so: the id may be that of another process now.
            assert_eq!(child.id(), None);
            child.try_wait().unwrap_err();
            child.wait().await.unwrap_err();
            child.start_kill().unwrap_err();
        }
    });
}

#[test]
fn a_status_that_is_taken_during_a_wait_ends_it() {
    block_on(async {
        let mut child = waiting();
        let stdin = child.stdin.take();
        let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
        let wait = spawn(async move { child.wait().await });
        yield_now().await;
        drop(stdin);
        waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
        wait.await.unwrap().unwrap_err();
    });
}
