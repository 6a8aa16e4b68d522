//! What a pending read keeps alive, and what it holds up: neither the end of `block_on` nor a
//! shutdown.

use std::os::unix::process::CommandExt;
use std::process::Command;

use futures::StreamExt;
use quintet::io::{AsyncReadExt, stdin};
use quintet::runtime::{Builder, Runtime};
use quintet::spawn;
use quintet::task::yield_now;
use quintet::time::{Duration, timeout};

use crate::streams::{LIVE, Process, file, in_two_processes, live, read_a_line_and_shut_down, say};

/// Lets the tasks that were spawned wait.
async fn let_others_wait() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[test]
fn a_pending_read_keeps_the_runtime_alive() {
    let body = || {
        let runtime = Runtime::new().unwrap();
        let reading = runtime.spawn(async {
            let mut lines = stdin().lines();
            assert!(lines.get_ref().has_ref());
            while let Some(line) = lines.next_line().await.unwrap() {
                say(line);
            }
            say("(end)");
        });
        drop(reading);
        say("runs");
        runtime.run().unwrap();
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let (mut feed, input) = live(kind);
            let name = "kept_alive::a_pending_read_keeps_the_runtime_alive";
            let mut process = Process::start(name, input);
            process.says("runs");
            feed.write("one\n");
            process.says("one");
            let _ended = feed.end();
            process.ends_with(&["(end)"]);
        }
        let name = "kept_alive::a_pending_read_keeps_the_runtime_alive";
        Process::start(name, file("one\n")).ends_with(&["runs", "one", "(end)"]);
    });
}

#[test]
fn an_unreferenced_read_does_not() {
    let body = || {
        let runtime = Runtime::new().unwrap();
        let handle = stdin();
        // Also before a read has begun, and for all handles.
        handle.unref();
        assert!(!stdin().has_ref());
        let reading = runtime.spawn(async { stdin().lines().next_line().await });
        runtime.run().unwrap();
        // It is about the read that waits, too.
        handle.ref_();
        let unref = runtime.spawn(async {
            let_others_wait().await;
            stdin().unref();
        });
        runtime.run().unwrap();
        assert!(unref.is_finished() && !reading.is_finished());
        say("ended");
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let (_feed, input) = live(kind);
            let name = "kept_alive::an_unreferenced_read_does_not";
            Process::start(name, input).ends_with(&["ended"]);
        }
    });
}

#[test]
fn a_pending_read_holds_up_neither_block_on_nor_the_shutdown_and_takes_nothing() {
    let body = || {
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            // One that is left, one that is cancelled, and those of trait callers.
            drop(spawn(async { stdin().read(&mut [0; 64]).await }));
            drop(spawn(async {
                let mut handle = stdin();
                AsyncReadExt::read(&mut handle, &mut [0; 64]).await
            }));
            drop(spawn(async { stdin().lines().next().await }));
            let limit = Duration::from_micros(100);
            timeout(limit, stdin().lines().next_line())
                .await
                .unwrap_err();
            let_others_wait().await;
        });
        read_a_line_and_shut_down(runtime);
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        say(line.trim());
        // A program that is executed gets the rest.
        let error = Command::new("cat").exec();
        panic!("{error}");
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let name = "kept_alive::\
                 a_pending_read_holds_up_neither_block_on_nor_the_shutdown_and_takes_nothing";
            let (mut feed, input) = live(kind);
            let mut process = Process::start(name, input);
            process.says("returned");
            // For one read at a time, because the standard library reads ahead.
            feed.write("one\n");
            process.says("one");
            process.says("shut down");
            feed.write("two\n");
            process.says("two");
            feed.write("three\n");
            let _ended = feed.end();
            assert!(process.rest().contains("three"), "{kind:?}");
        }
    });
}

#[test]
fn paused_time_goes_on_while_a_read_waits() {
    let body = || {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            for _ in 0..100 {
                let hour = Duration::from_secs(3600);
                let mut lines = stdin().lines();
                timeout(hour, lines.next_line()).await.unwrap_err();
            }
        });
        say("a hundred hours");
    };
    in_two_processes(body, || {
        for kind in LIVE {
            let (_feed, input) = live(kind);
            let name = "kept_alive::paused_time_goes_on_while_a_read_waits";
            Process::start(name, input).ends_with(&["a hundred hours"]);
        }
    });
}
