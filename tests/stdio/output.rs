//! Writes to standard output of each kind.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use futures::FutureExt;
use quintet::io::{AsyncWriteExt, stderr, stdin, stdout};
use quintet::runtime::Runtime;
use quintet::task::yield_now;
use quintet::time::{Duration, sleep, timeout};
use quintet::{select, spawn};
use rustix::fs::OFlags;

use crate::streams::{LIVE, Live, flags, in_two_processes, written_by_the_loop};
use crate::support::child::{append, child};
use crate::support::strict;
use crate::support::terminal::open_terminal;

/// Opens an output of a kind: the end of the test, and that of the process.
fn output(kind: Live) -> (File, OwnedFd) {
    match kind {
        Live::Socket => {
            let (own, output) = UnixStream::pair().unwrap();
            (OwnedFd::from(own).into(), output.into())
        }
        Live::Terminal => {
            let (user, terminal) = open_terminal();
            (user.terminal, terminal)
        }
        // The same ends as for an input, the other way round.
        Live::Pipe | Live::Fifo => {
            let (feed, input) = crate::streams::live(kind);
            (input.into(), feed.into_fd())
        }
    }
}

/// Reads all that a process writes, without what the harness does. The end of a terminal is an
/// error.
fn read_all(mut own: File) -> String {
    let mut text = Vec::new();
    let mut buf = [0; 4096];
    while let Ok(len @ 1..) = own.read(&mut buf) {
        text.extend(&buf[..len]);
    }
    let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
    let begin = text.find("<begin>").unwrap_or_else(|| panic!("{text}"));
    let end = text.rfind("<end>").unwrap_or_else(|| panic!("{text}"));
    text[begin + "<begin>".len()..end].to_owned()
}

/// Runs a test in a process with this output, and returns what it has written.
fn written(test: &str, own: File, output: OwnedFd) -> String {
    let mut process = child(test).stdout(output).spawn().unwrap();
    let text = read_all(own);
    assert!(process.wait().unwrap().success(), "{text}");
    text
}

/// Starts a test with this output. Its standard error is read by the caller.
fn spawn_with(name: &str, output: OwnedFd) -> Child {
    let mut process = child(name);
    process.stdout(output).stderr(Stdio::piped());
    process.spawn().unwrap()
}

const LINES: u32 = 5000;

#[test]
fn much_is_written_to_a_slow_reader_of_each_kind_beside_a_timer() {
    let body = || {
        strict::block_on(async {
            let ticks = spawn(async {
                let mut ticks = 0_u32;
                loop {
                    sleep(Duration::from_micros(50)).await;
                    ticks += 1;
                    if ticks == 3 {
                        // The reader begins.
                        stderr().write_all(b"ticks\n").await.unwrap();
                    }
                }
            });
            let mut stdout = stdout();
            stdout.write_all(b"<begin>").await.unwrap();
            let text: String = (0..LINES)
                .map(|number| format!("{number:0200}\n"))
                .collect();
            stdout.write_all(text.as_bytes()).await.unwrap();
            // By the trait.
            AsyncWriteExt::write_all(&mut stdout, text.as_bytes())
                .await
                .unwrap();
            stdout.write_all(b"<end>").await.unwrap();
            ticks.abort();
            let _cancelled = ticks.await;
        });
    };
    in_two_processes(body, || {
        let expected: String = (0..LINES)
            .map(|number| format!("{number:0200}\n"))
            .collect();
        let expected = expected.repeat(2);
        for kind in LIVE {
            let (own, output) = output(kind);
            let shared = output.try_clone().unwrap();
            let before = flags(&shared);
            let name = "output::much_is_written_to_a_slow_reader_of_each_kind_beside_a_timer";
            let mut process = spawn_with(name, output);
            // Nothing is read before the timer has fired: the output is full by then.
            let mut ticks = [0; 6];
            process
                .stderr
                .take()
                .unwrap()
                .read_exact(&mut ticks)
                .unwrap();
            assert_eq!(&ticks, b"ticks\n");
            assert_eq!(flags(&shared), before, "{kind:?}");
            drop(shared);
            let text = read_all(own);
            assert!(process.wait().unwrap().success());
            assert!(text == expected, "{kind:?}: {} bytes", text.len());
        }
    });
}

#[test]
fn a_file_gets_all_writes_in_the_order_of_the_calls() {
    let body = || {
        strict::block_on(async {
            stdout().write_all(b"<begin>").await.unwrap();
            let tasks: Vec<_> = (0..200)
                .map(|number| {
                    spawn(async move {
                        let line = format!("{number}\n");
                        // Every other one by the trait, which does not wait for its turn.
                        if number % 2 == 0 {
                            stdout().write_all(line.as_bytes()).await.unwrap();
                        } else {
                            let mut stdout = stdout();
                            AsyncWriteExt::write_all(&mut stdout, line.as_bytes())
                                .await
                                .unwrap();
                            stdout.flush().await.unwrap();
                            stdout.close().await.unwrap();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            stdout().write_all(b"<end>").await.unwrap();
        });
    };
    in_two_processes(body, || {
        let mut file = tempfile::tempfile().unwrap();
        let name = "output::a_file_gets_all_writes_in_the_order_of_the_calls";
        let mut process = child(name)
            .stdout(file.try_clone().unwrap())
            .spawn()
            .unwrap();
        assert!(process.wait().unwrap().success());
        file.rewind().unwrap();
        let text = read_all(file);
        let mut numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        let even: Vec<u32> = numbers
            .iter()
            .copied()
            .filter(|number| number % 2 == 0)
            .collect();
        assert!(even.is_sorted(), "{even:?}");
        let odd: Vec<u32> = numbers
            .iter()
            .copied()
            .filter(|number| number % 2 == 1)
            .collect();
        assert!(odd.is_sorted(), "{odd:?}");
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..200));
    });
}

#[test]
fn what_several_tasks_write_is_not_mixed() {
    const LEN: usize = 300_000;
    let body = || {
        strict::block_on(async {
            stdout().write_all(b"<begin>").await.unwrap();
            let tasks = ["a", "b", "c"].map(|letter| {
                spawn(async move { stdout().write_all(letter.repeat(LEN).as_bytes()).await })
            });
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            stdout().write_all(b"<end>").await.unwrap();
        });
    };
    in_two_processes(body, || {
        let expected = ["a", "b", "c"].map(|letter| letter.repeat(LEN)).concat();
        for kind in LIVE {
            let (own, output) = output(kind);
            let text = written("output::what_several_tasks_write_is_not_mixed", own, output);
            assert!(text == expected, "{kind:?}");
        }
    });
}

#[test]
fn what_was_written_is_there_when_the_process_exits_at_once() {
    let body = || {
        quintet::block_on(async {
            stdout().write_all(b"<begin>").await.unwrap();
            stderr().write_all(b"last words to stderr\n").await.unwrap();
            stdout().write_all(b"last words<end>").await.unwrap();
            std::process::exit(0);
        });
    };
    in_two_processes(body, || {
        let name = "output::what_was_written_is_there_when_the_process_exits_at_once";
        for kind in LIVE {
            let (own, output) = output(kind);
            assert_eq!(written(name, own, output), "last words", "{kind:?}");
        }
        let mut file = tempfile::tempfile().unwrap();
        let output = file.try_clone().unwrap();
        let mut process = child(name).stdout(output).spawn().unwrap();
        assert!(process.wait().unwrap().success());
        file.rewind().unwrap();
        assert_eq!(read_all(file), "last words");
    });
}

/// The tests of a full output: each is run with one that nothing reads at first. What the process
/// finds out is written to standard error.
fn with_a_full_output(name: &str, kinds: &[Live], expected: &str) {
    for &kind in kinds {
        let (own, output) = output(kind);
        let process = child(name)
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let result = process.wait_with_output().unwrap();
        drop(own);
        // The harness cannot write, either.
        let text = String::from_utf8(result.stderr).unwrap();
        assert!(text.contains(expected), "{kind:?}: {text}");
    }
}

#[test]
fn a_pending_write_holds_up_neither_block_on_nor_the_shutdown() {
    let body = || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            drop(spawn(async { stdout().write_all(&[b'x'; 1 << 20]).await }));
            drop(spawn(async {
                stdout().write_all(b"waits for its turn").await
            }));
            let mut own = stdout();
            let writing = AsyncWriteExt::write_all(&mut own, &[b'y'; 1 << 20]);
            timeout(Duration::from_millis(1), writing)
                .await
                .unwrap_err();
        });
        drop(runtime);
        eprintln!("shut down");
        // The harness would wait for room.
        std::process::exit(0);
    };
    in_two_processes(body, || {
        let name = "output::a_pending_write_holds_up_neither_block_on_nor_the_shutdown";
        with_a_full_output(name, &LIVE, "shut down");
    });
}

#[test]
fn a_pending_write_keeps_the_runtime_alive_unless_it_is_unreferenced() {
    let body = || {
        let runtime = Runtime::new().unwrap();
        assert!(stdout().has_ref());
        stdout().unref();
        assert!(!stdout().has_ref() && stderr().has_ref());
        drop(runtime.spawn(async { stdout().write_all(&[b'x'; 1 << 20]).await }));
        runtime.run().unwrap();
        stdout().ref_();
        drop(runtime.spawn(async {
            for _ in 0..10 {
                yield_now().await;
            }
            stderr().write_all(b"alive\n").await.unwrap();
            stdout().unref();
        }));
        runtime.run().unwrap();
        eprintln!("ended");
        std::process::exit(0);
    };
    in_two_processes(body, || {
        let name = "output::a_pending_write_keeps_the_runtime_alive_unless_it_is_unreferenced";
        with_a_full_output(name, &LIVE, "alive\nended\n");
    });
}

#[test]
fn a_cancelled_write_to_a_full_output_writes_nothing() {
    let body = || {
        quintet::block_on(async {
            let mut stdout = stdout();
            stdout.write_all(b"<begin>").await.unwrap();
            // Until there is no more room.
            let mut written = 0;
            while let Some(len) = stdout.write(&[b'x'; 1 << 16]).now_or_never() {
                written += len.unwrap();
            }
            for _ in 0..10 {
                select! {
                    biased;
                    _ = stdout.write(b"lost") => panic!("there is no room"),
                    () = yield_now() => {}
                }
            }
            stderr()
                .write_all(format!("{written}\n").as_bytes())
                .await
                .unwrap();
            stdout.write_all(b"<end>").await.unwrap();
        });
    };
    in_two_processes(body, || {
        let name = "output::a_cancelled_write_to_a_full_output_writes_nothing";
        // A terminal has room again after a moment.
        for kind in written_by_the_loop().filter(|kind| *kind != Live::Terminal) {
            let (own, output) = output(kind);
            let mut process = spawn_with(name, output);
            let mut said = String::new();
            let mut stderr = process.stderr.take().unwrap();
            let mut byte = [0];
            while !said.ends_with('\n') && stderr.read(&mut byte).unwrap() > 0 {
                said.push(byte[0].into());
            }
            let written: usize = said.trim().parse().unwrap();
            let text = read_all(own);
            assert!(process.wait().unwrap().success());
            assert!(
                text == "x".repeat(written),
                "{kind:?}: {} of {written}",
                text.len()
            );
        }
    });
}

#[test]
fn an_output_that_nothing_reads_is_an_error() {
    let body = || {
        quintet::block_on(async {
            stdin().read(&mut [0]).await.unwrap();
            // A process that is being started may have a copy of the other end for a moment.
            let error = loop {
                if let Err(error) = stdout().write_all(b"lost").await {
                    break error;
                }
            };
            stderr()
                .write_all(format!("{:?}\n", error.kind()).as_bytes())
                .await
                .unwrap();
            std::process::exit(0);
        });
    };
    in_two_processes(body, || {
        let name = "output::an_output_that_nothing_reads_is_an_error";
        for kind in [Live::Pipe, Live::Fifo, Live::Socket] {
            let (own, output) = output(kind);
            let mut process = child(name);
            process
                .stdin(Stdio::piped())
                .stdout(output)
                .stderr(Stdio::piped());
            let mut process = process.spawn().unwrap();
            drop(own);
            process.stdin.take().unwrap().write_all(b"x").unwrap();
            let output = process.wait_with_output().unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains("BrokenPipe"), "{kind:?}: {text}");
        }
    });
}

#[test]
fn what_is_not_open_for_writing_discards_what_is_written() {
    let body = || {
        quintet::block_on(async {
            let result = stdout().write_all(b"text").await;
            let text = format!("{:?}\n", result.map_err(|error| error.kind()));
            stderr().write_all(text.as_bytes()).await.unwrap();
            std::process::exit(0);
        });
    };
    in_two_processes(body, || {
        let name = "output::what_is_not_open_for_writing_discards_what_is_written";
        let said = |command: &mut Command| {
            let output = command.stderr(Stdio::piped()).output().unwrap();
            String::from_utf8(output.stderr).unwrap()
        };
        for (path, is_written) in [("/dev/null", true), ("/etc/passwd", false)] {
            let mut file = File::options();
            let file = file.read(!is_written).write(is_written).open(path);
            let said = said(child(name).stdout(file.unwrap()));
            assert!(said.contains("Ok(())"), "{path}: {said}");
        }
        let mut closed = Command::new("sh");
        closed.args(["-c", "exec \"$0\" \"$@\" >&-"]);
        append(&mut closed, &child(name));
        assert!(said(&mut closed).contains("Ok(())"));
    });
}

#[test]
fn a_description_that_was_made_non_blocking_is_written_as_well() {
    let body = || {
        strict::block_on(async {
            let text = "0123456789\n".repeat(30_000);
            stdout().write_all(b"<begin>").await.unwrap();
            stdout().write_all(text.as_bytes()).await.unwrap();
            stdout().write_all(b"<end>").await.unwrap();
            // For the harness, whose writes would fail.
            rustix::fs::fcntl_setfl(std::io::stdout().as_fd(), OFlags::empty()).unwrap();
        });
    };
    in_two_processes(body, || {
        let name = "output::a_description_that_was_made_non_blocking_is_written_as_well";
        for kind in LIVE {
            let (own, output) = output(kind);
            rustix::fs::fcntl_setfl(&output, OFlags::NONBLOCK).unwrap();
            let text = written(name, own, output);
            assert!(text == "0123456789\n".repeat(30_000), "{kind:?}");
        }
    });
}
