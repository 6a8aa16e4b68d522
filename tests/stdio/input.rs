//! Reads of standard input of each kind.

use std::io::Write;
use std::process::Stdio;

use futures::StreamExt;
use quintet::io::{AsyncBufReadExt, AsyncReadExt, stdin};
use quintet::time::{Duration, sleep};
use quintet::{select, spawn};
use rustix::fs::OFlags;

use crate::streams::{LIVE, Live, Process, file, flags, in_two_processes, live, say};
use crate::support::strict;

/// Prints all lines of the input.
fn print_lines() {
    strict::block_on(async {
        let mut lines = stdin().lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            say(line);
        }
        say("(end)");
    });
}

#[test]
fn lines_arrive_from_each_kind() {
    in_two_processes(print_lines, || {
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            let shared = input.try_clone().unwrap();
            let before = flags(&shared);
            let mut process = Process::start("input::lines_arrive_from_each_kind", input);
            feed.write("one\ntwo\n");
            process.says("one");
            process.says("two");
            feed.write("three\n");
            process.says("three");
            // The description belongs to others, too.
            assert_eq!(flags(&shared), before, "{kind:?}");
            if kind != Live::Terminal {
                feed.write("four");
            }
            let _ended = feed.end();
            if kind != Live::Terminal {
                process.says("four");
            }
            process.ends_with(&["(end)"]);
        }
    });
}

#[test]
fn a_file_is_read_to_its_end() {
    in_two_processes(print_lines, || {
        let name = "input::a_file_is_read_to_its_end";
        let long = "x".repeat(20_000);
        let process = Process::start(name, file(&format!("one\r\n\n{long}\nfour")));
        process.ends_with(&["one", "", &long, "four", "(end)"]);
        Process::start(name, Stdio::null()).ends_with(&["(end)"]);
        // The standard library opens `/dev/null` in place of what is closed.
        let mut closed = std::process::Command::new("sh");
        closed.args(["-c", "exec \"$0\" \"$@\" <&-"]);
        crate::support::child::append(&mut closed, &crate::support::child::child(name));
        Process::spawn(&mut closed).ends_with(&["(end)"]);
        // It is not open for reading.
        let unreadable = tempfile::NamedTempFile::new().unwrap();
        let unreadable = std::fs::File::options().write(true).open(unreadable.path());
        Process::start(name, unreadable.unwrap()).ends_with(&["(end)"]);
    });
}

#[test]
fn a_directory_is_an_error() {
    let body = || {
        strict::block_on(async {
            let error = stdin().read(&mut [0; 8]).await.unwrap_err();
            say(error.kind());
        });
    };
    in_two_processes(body, || {
        let name = "input::a_directory_is_an_error";
        let directory = std::fs::File::open("/").unwrap();
        Process::start(name, directory).ends_with(&["is a directory"]);
    });
}

#[test]
fn a_description_that_was_made_non_blocking_is_read_as_well() {
    in_two_processes(print_lines, || {
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            rustix::fs::fcntl_setfl(&input, OFlags::NONBLOCK).unwrap();
            let name = "input::a_description_that_was_made_non_blocking_is_read_as_well";
            let mut process = Process::start(name, input);
            feed.write("one\n");
            process.says("one");
            feed.write("two\n");
            process.says("two");
            let _ended = feed.end();
            process.ends_with(&["(end)"]);
        }
    });
}

#[test]
fn a_cancelled_read_of_a_line_loses_nothing() {
    let body = || {
        strict::block_on(async {
            let mut lines = stdin().lines();
            let mut cancelled = 0;
            say("reads");
            loop {
                select! {
                    line = lines.next_line() => match line.unwrap() {
                        Some(line) => say(line),
                        None => break,
                    },
                    () = sleep(Duration::from_micros(50)) => {
                        cancelled += 1;
                        if cancelled % 20 == 0 {
                            say("cancelled");
                        }
                    }
                }
            }
        });
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            let name = "input::a_cancelled_read_of_a_line_loses_nothing";
            let mut process = Process::start(name, input);
            process.says("reads");
            let mut lines = Vec::new();
            // Each piece arrives after further reads were cancelled.
            for piece in ["on", "e\ntw", "o", "\n", "three\n"] {
                feed.write(piece);
                while let Some(said) = process.next()
                    && said != "cancelled"
                {
                    lines.push(said);
                }
            }
            let _ended = feed.end();
            while let Some(said) = process.next() {
                lines.push(said);
            }
            lines.retain(|line| line != "cancelled");
            assert_eq!(lines, ["one", "two", "three"], "{kind:?}");
        }
    });
}

#[test]
fn what_one_handle_has_read_ahead_is_there_for_the_next() {
    let body = || {
        strict::block_on(async {
            let mut line = String::new();
            assert_eq!(stdin().read_line(&mut line).await.unwrap(), 4);
            say("one line");
            assert_eq!(line, "one\n");
            let mut buf = [0; 2];
            assert_eq!(stdin().read(&mut buf).await.unwrap(), 2);
            assert_eq!(&buf, b"tw");
            assert_eq!(stdin().read(&mut []).await.unwrap(), 0);
            // By a trait: the rest of the line, and what follows is put back.
            let mut handle = stdin();
            let mut rest = Vec::new();
            handle.read_until(b'o', &mut rest).await.unwrap();
            assert_eq!(rest, b"o");
            drop(handle);
            let mut handle = stdin();
            let claimed = handle.fill_buf().await.unwrap().to_vec();
            assert_eq!(claimed, b"\nthree\nfour\nfive\n");
            handle.consume_unpin(1);
            // What a handle has claimed, it returns before it is used otherwise.
            assert_eq!(handle.fill_buf().await.unwrap(), b"three\nfour\nfive\n");
            let mut line = String::new();
            handle.read_line(&mut line).await.unwrap();
            assert_eq!(line, "three\n");
            assert_eq!(handle.fill_buf().await.unwrap(), b"four\nfive\n");
            drop(handle);
            assert_eq!(stdin().lines().next().await.unwrap().unwrap(), "four");
            let mut rest = String::new();
            stdin().read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "five\nsix\n");
        });
    };
    in_two_processes(body, || {
        for kind in [Live::Pipe, Live::Fifo, Live::Socket] {
            let (mut feed, input) = live(kind);
            feed.write("one\ntwo\nthree\nfour\nfive\n");
            let name = "input::what_one_handle_has_read_ahead_is_there_for_the_next";
            let mut process = Process::start(name, input);
            process.says("one line");
            feed.write("six\n");
            let _ended = feed.end();
            process.ends_with(&[]);
        }
    });
}

#[test]
fn a_read_takes_no_more_than_it_returns() {
    let body = || {
        strict::block_on(async {
            let mut buf = [0; 4];
            stdin().read_exact(&mut buf).await.unwrap();
            say(String::from_utf8_lossy(&buf).trim());
        });
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        say(line.trim());
    };
    in_two_processes(body, || {
        let name = "input::a_read_takes_no_more_than_it_returns";
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            feed.write("one\ntwo\n");
            Process::start(name, input).ends_with(&["one", "two"]);
        }
        Process::start(name, file("one\ntwo\n")).ends_with(&["one", "two"]);
    });
}

#[test]
fn a_line_that_is_no_text_is_an_error_and_the_next_one_follows() {
    let body = || {
        strict::block_on(async {
            let mut lines = stdin().lines();
            let error = lines.next_line().await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
            say(lines.next_line().await.unwrap().unwrap());
            let mut line = "kept ".to_owned();
            let mut handle = lines.into_inner();
            let error = handle.read_line(&mut line).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
            handle.read_line(&mut line).await.unwrap();
            say(line.trim());
        });
    };
    in_two_processes(body, || {
        let (input, mut feed) = std::io::pipe().unwrap();
        feed.write_all(b"\xff\none\n\xfe\ntwo\n").unwrap();
        let name = "input::a_line_that_is_no_text_is_an_error_and_the_next_one_follows";
        Process::start(name, input).ends_with(&["one", "kept two"]);
    });
}

#[test]
fn a_long_line_and_much_data_leave_others_their_turns() {
    const LEN: usize = 1 << 20;
    let body = || {
        strict::block_on(async {
            let ticks = spawn(async {
                let mut ticks = 0_u32;
                loop {
                    sleep(Duration::from_micros(100)).await;
                    ticks += 1;
                    if ticks == 3 {
                        say("ticks");
                    }
                }
            });
            let mut lines = stdin().lines();
            let line = lines.next_line().await.unwrap().unwrap();
            assert!(line.len() == LEN && line.bytes().all(|byte| byte == b'x'));
            let mut rest = Vec::new();
            let mut handle = lines.into_inner();
            AsyncReadExt::read_to_end(&mut handle, &mut rest)
                .await
                .unwrap();
            assert!(rest.len() == LEN && rest.iter().all(|&byte| byte == b'y'));
            ticks.abort();
            let _cancelled = ticks.await;
        });
    };
    in_two_processes(body, || {
        for kind in [Live::Pipe, Live::Fifo, Live::Socket] {
            let (mut feed, input) = live(kind);
            let name = "input::a_long_line_and_much_data_leave_others_their_turns";
            let mut process = Process::start(name, input);
            feed.write(&"x".repeat(LEN));
            // The line has no end yet, and a timer fires.
            process.says("ticks");
            feed.write("\n");
            feed.write(&"y".repeat(LEN));
            let _ended = feed.end();
            process.ends_with(&[]);
        }
    });
}
