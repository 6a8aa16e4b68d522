//! The example of a deadlock: what it prints by itself, and after a signal.

use crate::program::{Example, command};
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

#[test]
fn the_example_deadlock_prints_its_dump_on_sigquit() {
    in_time(|| {
        let mut example = Example::start("deadlock", &["live"]);
        let rest = example.first_line("press Ctrl-\\ for a dump, and Ctrl-C to end");
        assert_eq!(rest, "");
        let mut errors = example.error_lines();
        let mut next_line = || errors.next().expect("another line").expect("text");
        // The first dump may be taken before the transfers have met.
        loop {
            example.signal("-QUIT");
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
            let waits = next_line();
            if has_cycle && waits.contains("waits to read descriptor") {
                break;
            }
        }
        example.signal("-INT");
        assert!(example.wait().success());
    });
}
