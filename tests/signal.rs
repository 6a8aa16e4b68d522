//! Signals, each test in a process of its own: what a signal does is the whole process's business.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use quintet::signal::ctrl_c;
use quintet::signal::unix::{SignalKind, signal};

const ROLE: &str = "QUINTET_TEST_ROLE";

/// Starts this test binary again, as `role`.
fn start(role: &str) -> Child {
    // With the default action of each signal: a shell starts what runs in the background with SIGINT
    // ignored, and that is inherited.
    Command::new("env")
        .args(["--default-signal", "--"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(ROLE, role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads the child's output up to a line.
fn wait_for(child: &mut Child, line: &str) -> BufReader<std::process::ChildStdout> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    read_until(&mut output, line);
    output
}

fn read_until(output: &mut impl BufRead, line: &str) {
    let mut text = String::new();
    // The test harness may have begun the line.
    while !text.trim_end().ends_with(line) {
        text.clear();
        let n = output.read_line(&mut text).unwrap();
        assert_ne!(n, 0, "the child ended without saying {line:?}");
    }
}

fn send(child: &Child, signal: &str) {
    let status = Command::new("kill")
        .args(["-s", signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

fn say(line: &str) {
    println!("{line}");
}

/// What the children do; without a role it is an empty test.
#[test]
fn child() {
    let Ok(role) = env::var(ROLE) else { return };
    quintet::block_on(async {
        match role.as_str() {
            "ctrl-c" => {
                let waits = quintet::spawn(ctrl_c());
                // The task has been polled once when this goes on.
                quintet::task::yield_now().await;
                say("ready");
                waits.await.unwrap().unwrap();
                say("interrupted");
                // Nobody awaits it now: the next one ends the process.
                std::future::pending::<()>().await;
            }
            "stream" => {
                let mut hangups = signal(SignalKind::hangup()).unwrap();
                let mut others = signal(SignalKind::hangup()).unwrap();
                say("ready");
                for i in 0..3 {
                    hangups.recv().await.unwrap();
                    others.recv().await.unwrap();
                    say(&format!("hangup {i}"));
                }
            }
            "ignored" => {
                drop(signal(SignalKind::hangup()).unwrap());
                let mut users = signal(SignalKind::user_defined1()).unwrap();
                say("ready");
                users.recv().await.unwrap();
            }
            other => panic!("no such role: {other}"),
        }
    });
}

/// Lets the child say the rest and end.
fn finish(mut child: Child, mut output: impl Read) -> ExitStatus {
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    child.wait().unwrap()
}

#[test]
fn ctrl_c_is_told_and_afterwards_ends_the_process_again() {
    let mut child = start("ctrl-c");
    let mut output = wait_for(&mut child, "ready");
    send(&child, "INT");
    read_until(&mut output, "interrupted");
    send(&child, "INT");
    assert_eq!(finish(child, output).signal(), Some(2));
}

#[test]
fn every_stream_is_told_of_every_signal() {
    let mut child = start("stream");
    let mut output = wait_for(&mut child, "ready");
    for i in 0..3 {
        send(&child, "HUP");
        read_until(&mut output, &format!("hangup {i}"));
    }
    assert!(finish(child, output).success());
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let role = "ignored";
    // `nohup` starts a program with SIGHUP ignored.
    let mut child = Command::new("nohup")
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = wait_for(&mut child, "ready");
    send(&child, "HUP");
    send(&child, "USR1");
    assert!(finish(child, output).success());
}

#[test]
fn some_signals_cannot_be_taken() {
    for number in [9, 19, 11, 4] {
        let error = signal(SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    for number in [-1, 0, 1000] {
        assert!(signal(SignalKind::from_raw(number)).is_err());
    }
}
