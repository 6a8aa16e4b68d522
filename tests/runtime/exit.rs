//! `exit`: the end of the process, in order. Each case runs in a process of its own: this program,
//! started again with the case's name.

use std::env;
use std::future::pending;
use std::process::{Command, Output};

use quintet::net::TcpListener;
use quintet::runtime::{Runtime, exit, on_exit};
use quintet::task::{set_immediate, yield_now};
use quintet::{spawn, spawn_blocking};

use crate::support::patience::in_time;

const CASE: &str = "QUINTET_TEST_CASE";

/// Says its name when it is dropped.
struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        println!("{} dropped", self.0);
    }
}

/// Runs `case` in its own process, and returns its exit code and what it wrote.
fn outcome(name: &str, case: fn()) -> (Option<i32>, Vec<String>) {
    if env::var_os(CASE).is_some() {
        case();
        println!("the case went on");
        std::process::exit(99);
    }
    let mut command = Command::new(env::current_exe().expect("this program has a name"));
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    let output = in_time(|| command.env(CASE, name).output());
    let Output { status, stdout, .. } = output.expect("this program runs");
    let text = String::from_utf8_lossy(&stdout).into_owned();
    // What the harness says itself is not asked for; it begins a line that the case ends.
    let begun = format!("test {name} ... ");
    let lines = text
        .lines()
        .map(|line| line.strip_prefix(&begun).unwrap_or(line));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("running "));
    (status.code(), lines.map(str::to_owned).collect())
}

/// Some tasks, and what else a process may have in hand.
fn set_up() {
    on_exit(|code| println!("on_exit {code}"));
    for name in ["first", "second"] {
        spawn(async move {
            let _guard = Loud(name);
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            listener.accept().await.map(drop)
        });
    }
}

#[test]
fn a_task_ends_the_process_and_everything_is_dropped_in_order() {
    let name = "exit::a_task_ends_the_process_and_everything_is_dropped_in_order";
    let (code, lines) = outcome(name, || {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let _root = Loud("root");
            set_up();
            yield_now().await;
            spawn(async {
                let _guard = Loud("exiting task");
                exit(7).await;
                println!("never");
            });
            spawn(async { println!("too late") });
            pending::<()>().await;
        });
    });
    assert_eq!(code, Some(7));
    let expected = [
        "root dropped",
        "on_exit 7",
        "first dropped",
        "second dropped",
        "exiting task dropped",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_closure_ends_a_run_and_the_first_code_counts() {
    let name = "exit::a_closure_ends_a_run_and_the_first_code_counts";
    let (code, lines) = outcome(name, || {
        let runtime = Runtime::new().expect("a runtime");
        runtime.spawn(async {
            set_up();
            drop(spawn_blocking(|| println!("job")).await);
            set_immediate(|| {
                let _never = exit(3);
                let _never = exit(4);
                println!("the closure goes on");
            });
        });
        let stalled = runtime.run();
        println!("{stalled:?}");
    });
    assert_eq!(code, Some(3));
    let expected = [
        "job",
        "the closure goes on",
        "on_exit 3",
        "first dropped",
        "second dropped",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_root_that_is_done_in_the_same_poll_does_not_keep_the_process() {
    let name = "exit::a_root_that_is_done_in_the_same_poll_does_not_keep_the_process";
    let (code, _) = outcome(name, || {
        quintet::block_on(async {
            let _never = exit(5);
        });
    });
    assert_eq!(code, Some(5));
}

#[test]
#[should_panic(expected = "no quintet runtime is current")]
fn exit_needs_a_runtime() {
    let _never = exit(1);
}
