//! The example of a deadlock: what it prints by itself, and after a signal.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::command;
use crate::support::patience::in_time;

const README: &str = include_str!("../../README.md");

/// The block of README.md that shows the output.
fn shown() -> &'static str {
    let (_, after) = README
        .split_once("$ cargo run --example deadlock\n")
        .expect("the README runs it");
    let (shown, _) = after.split_once("```").expect("the end of a block");
    shown
}

#[test]
fn the_example_deadlock_prints_what_the_readme_shows() {
    in_time(|| {
        let output = command("deadlock").output().expect("`env` is installed");
        let text = String::from_utf8(output.stdout).expect("text");
        assert_eq!(text, shown());
        assert!(text.starts_with("nothing can wake 3 tasks\n  deadlock of 2 tasks:\n"));
        assert_eq!(output.status.code(), Some(1));
    });
}

/// A child that does not outlive a test that fails.
struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        // It fails if the child has ended.
        let _ended = self.0.kill();
    }
}

#[test]
fn the_example_deadlock_prints_its_dump_on_sigquit() {
    in_time(|| {
        let spawned = command("deadlock")
            .arg("live")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = KilledOnDrop(spawned.expect("`env` is installed"));
        let child = &mut child.0;
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        out.read_line(&mut line).expect("a line");
        assert_eq!(line, "press Ctrl-\\ for a dump, and Ctrl-C to end\n");
        let pid = Pid::from_child(child);
        let mut err = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let mut next_line = || err.next().expect("another line").expect("text");
        // The first dump may be taken before the transfers have met.
        loop {
            kill_process(pid, Signal::QUIT).expect("it is our child");
            let header = next_line();
            assert_eq!(header, "quintet: runtime `bank`: 4 tasks");
            let mut has_cycle = false;
            loop {
                let line = next_line();
                has_cycle |= line == "  deadlock of 2 tasks:";
                // The last task of the dump.
                if line.contains("`Ctrl-C`") {
                    break;
                }
            }
            // That task may not have been polled yet.
            if has_cycle & next_line().contains("waits to read descriptor") {
                break;
            }
        }
        kill_process(pid, Signal::INT).expect("it is our child");
        assert!(child.wait().expect("it is our child").success());
    });
}
