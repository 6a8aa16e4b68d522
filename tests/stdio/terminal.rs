//! Terminals: the end of the input that is none, raw mode, and the background.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use futures::{FutureExt, StreamExt};
use quintet::io::{stdin, window_changes, window_size};
use quintet::runtime::Runtime;
use quintet::spawn;
use quintet::task::yield_now;
use rustix::process::{Pid, Signal, WaitOptions, ioctl_tiocsctty, kill_process, setsid, waitpid};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use crate::streams::{Process, in_two_processes, read_a_line_and_shut_down, say};
use crate::support::child::{child, is_child};
use crate::support::patience::in_time;
use crate::support::strict;
use crate::support::terminal::{User, open_terminal};

#[test]
fn a_terminal_is_read_on_after_its_end() {
    let body = || {
        strict::block_on(async {
            let mut lines = stdin().lines();
            assert!(lines.get_ref().is_terminal());
            for _ in 0..6 {
                match lines.next_line().await.unwrap() {
                    Some(line) => say(line),
                    None => say("(end)"),
                }
            }
        });
    };
    in_two_processes(body, || {
        let (mut user, terminal) = open_terminal();
        let name = "terminal::a_terminal_is_read_on_after_its_end";
        let mut process = Process::start(name, terminal);
        user.types("one\n");
        process.says("one");
        user.types("\x04");
        process.says("(end)");
        user.types("two\n");
        process.says("two");
        // A line without an end: the first Ctrl-D sends it, and the second one is its end.
        user.types("three\x04\x04");
        process.says("three");
        user.types("\x04");
        process.says("(end)");
        // What is erased is not read.
        user.types("fivex\x7f\n");
        process.ends_with(&["five"]);
    });
}

#[test]
fn raw_mode_gives_each_key() {
    let body = || {
        let before = tcgetattr(std::io::stdin()).unwrap();
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).unwrap();
        strict::block_on(async {
            say("raw");
            let mut key = [0; 1];
            while stdin().read(&mut key).await.unwrap() > 0 && key != *b"q" {
                say(key[0]);
            }
        });
        tcsetattr(std::io::stdin(), OptionalActions::Now, &before).unwrap();
    };
    in_two_processes(body, || {
        let (mut user, terminal) = open_terminal();
        let _open = terminal.try_clone().unwrap();
        let mut process = Process::start("terminal::raw_mode_gives_each_key", terminal);
        process.says("raw");
        for key in ["a", "\x03", "\x04", "\r"] {
            user.types(key);
            process.says(&key.as_bytes()[0].to_string());
        }
        user.types("q");
        process.ends_with(&[]);
    });
}

#[test]
fn a_terminal_that_hangs_up_ends_the_input() {
    let body = || {
        strict::block_on(async {
            say("waits");
            let mut buf = [0; 8];
            // An end on Linux if the terminal is not the controlling one; EIO otherwise.
            let is_over = stdin().read(&mut buf).await.is_ok_and(|len| len > 0);
            say(!is_over);
        });
    };
    in_two_processes(body, || {
        let (user, terminal) = open_terminal();
        let name = "terminal::a_terminal_that_hangs_up_ends_the_input";
        let mut process = Process::start(name, terminal);
        process.says("waits");
        drop(user);
        process.ends_with(&["true"]);
    });
}

/// The leader of a session whose terminal is its standard input. It starts the same test once
/// more, in the background, and reports what becomes of it.
fn lead_a_session(name: &str) {
    use std::os::unix::process::CommandExt;
    setsid().unwrap();
    ioctl_tiocsctty(std::io::stdin()).unwrap();
    let mut reader = child(name)
        .env("QUINTET_TEST_READER", "1")
        .process_group(0)
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&reader);
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    say(format_args!(
        "stopped by SIGTTIN: {}",
        status.stopping_signal() == Some(Signal::TTIN.as_raw())
    ));
    // In the foreground it goes on.
    rustix::termios::tcsetpgrp(std::io::stdin(), pid).unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    assert!(reader.wait().unwrap().success());
}

#[test]
fn a_read_in_the_background_stops_the_process_until_it_is_in_the_foreground() {
    let name = "terminal::\
         a_read_in_the_background_stops_the_process_until_it_is_in_the_foreground";
    in_time(|| {
        if std::env::var_os("QUINTET_TEST_READER").is_some() {
            strict::block_on(async {
                let line = stdin().lines().next_line().await.unwrap();
                say(line.unwrap());
            });
        } else if is_child() {
            lead_a_session(name);
        } else {
            let (mut user, terminal) = open_terminal();
            let mut process = Process::start(name, terminal);
            // A thread, where one reads, reads when there is something.
            user.types("typed\n");
            process.says("stopped by SIGTTIN: true");
            process.ends_with(&["typed"]);
        }
    });
}

/// Sets the size of a window, as its emulator does.
fn resize(user: &User, columns: u16, rows: u16) {
    let size = Winsize {
        ws_col: columns,
        ws_row: rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&user.terminal, size).unwrap();
}

#[test]
fn changes_of_the_window_are_received() {
    let body = || {
        setsid().unwrap();
        ioctl_tiocsctty(std::io::stdin()).unwrap();
        strict::block_on(async {
            let mut changes = window_changes(stdin()).unwrap();
            assert!(changes.has_ref());
            assert_eq!(window_size(stdin()).unwrap(), changes.size());
            let size = changes.size();
            say(format_args!("{} x {}", size.columns, size.rows));
            for _ in 0..2 {
                let size = changes.changed().await.unwrap();
                assert_eq!(
                    (size, size),
                    (changes.size(), window_size(stdin()).unwrap())
                );
                say(format_args!("{} x {}", size.columns, size.rows));
            }
            // One that does not keep the runtime alive, and one that is cancelled.
            changes.unref();
            assert!(changes.next().now_or_never().is_none());
        });
    };
    in_two_processes(body, || {
        let (user, terminal) = open_terminal();
        resize(&user, 80, 24);
        let name = "terminal::changes_of_the_window_are_received";
        let mut process = Process::start(name, terminal);
        process.says("80 x 24");
        resize(&user, 100, 24);
        process.says("100 x 24");
        // What does not change is not reported.
        resize(&user, 100, 24);
        resize(&user, 100, 50);
        process.ends_with(&["100 x 50"]);
    });
}

#[test]
fn what_is_no_terminal_has_no_window() {
    let (pipe, _other) = std::io::pipe().unwrap();
    let error = window_size(&pipe).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot get the size of the terminal: ")
    );
    assert!(window_changes(&pipe).is_err());
}

/// The end of a terminal's emulator can be neither told not to block nor opened again: a thread
/// reads it, on Linux, too.
#[test]
fn what_can_only_block_is_read_by_a_thread() {
    let body = || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let mut lines = stdin().lines();
            for _ in 0..2 {
                say(lines.next_line().await.unwrap().unwrap());
            }
            // One that is left, and one that is cancelled.
            drop(spawn(async { stdin().lines().next_line().await }));
            yield_now().await;
            assert!(lines.next_line().now_or_never().is_none());
            yield_now().await;
        });
        read_a_line_and_shut_down(runtime);
    };
    in_two_processes(body, || {
        let (user, terminal) = open_terminal();
        let mut terminal = File::from(terminal);
        let name = "terminal::what_can_only_block_is_read_by_a_thread";
        let mut process = Process::start(name, user.terminal);
        for line in ["one", "two"] {
            writeln!(terminal, "{line}").unwrap();
            process.says(line);
        }
        process.says("returned");
        writeln!(terminal, "three").unwrap();
        process.says("three");
        process.ends_with(&["shut down"]);
    });
}
