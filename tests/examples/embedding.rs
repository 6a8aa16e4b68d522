//! The examples of a loop inside another one.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::patience::in_time;

/// Runs a built example with some input, and returns what it prints.
fn run_example(name: &str, input: &str) -> String {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("target/profile/deps/test");
    let binary = profile.join("examples").join(name);
    let mut child = Command::new(&binary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo test` builds it", binary.display()));
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it prints text")
}

#[test]
fn the_example_embed_poll_echoes_its_input_beats_and_ends() {
    in_time(|| {
        let text = run_example("embed_poll", "one\ntwo\nthe rest");
        for line in ["echo: one\ntwo\nthe rest\n", "heartbeat 5"] {
            assert!(text.contains(line), "{text}");
        }
    });
}

#[test]
fn the_example_embed_frames_comes_to_its_end() {
    in_time(|| {
        let text = run_example("embed_frames", "");
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(text.contains("frame 120"), "{text}");
    });
}
