//! The example `who_blocks`: each way to block the loop is named.

use std::io::Write;
use std::process::Stdio;

use crate::program::{Example, command};
use crate::support::patience::in_time;

/// Each name, and what the report of it begins with, and what it says of the thread.
const EXPECTED: [(&str, &str, &str); 10] = [
    ("compute", "a poll of task `compute`", "the thread computes"),
    (
        "sleep",
        "a poll of task `sleep`",
        "nanosleep`, which waits for time",
    ),
    ("lock", "a poll of task `lock`", "system call `futex`"),
    (
        "pipe",
        "a poll of task `pipe`",
        "system call `read` on pipe:[",
    ),
    (
        "network",
        "a poll of task `network`",
        "system call `recvfrom` on socket:[",
    ),
    (
        "future",
        "the destructor of a task's future, in a poll of task `future`",
        "`futex`",
    ),
    (
        "output",
        "the destructor of a task's output, in a poll of task `output`",
        "`futex`",
    ),
    (
        "waker",
        "a waker of another executor blocks",
        "system call `futex`",
    ),
    (
        "many",
        "a row of several polls, the last one of task `many`",
        "",
    ),
    (
        "child",
        "a poll of task `child`",
        "which waits for a child process",
    ),
];

#[test]
fn who_blocks_names_each_way_to_block_the_loop() {
    in_time(|| {
        let mut example = Example::start("who_blocks", &["--all"]);
        let output = example.rest();
        assert!(example.wait().success());
        let parts: Vec<&str> = output.split_terminator("\n\n").collect();
        assert_eq!(parts.len(), EXPECTED.len(), "{output}");
        for (part, (name, start, activity)) in parts.iter().zip(EXPECTED) {
            let lines: Vec<&str> = part.lines().collect();
            let [title, blocks, over] = lines[..] else {
                panic!("three lines: {part}");
            };
            assert!(title.starts_with(&format!("{name}: ")), "{part}");
            assert!(blocks.starts_with(&format!("quintet: {start}")), "{part}");
            assert!(blocks.contains(" so far"), "{part}");
            // The thread may have been between two sleeps, or two of the small tasks.
            let may_differ = ["sleep", "many"].contains(&name);
            let says_so = cfg!(target_os = "linux") && !cfg!(quintet_portable) && !may_differ;
            assert!(!says_so || blocks.contains(activity), "{part}");
            assert!(over.contains(" has blocked the loop for "), "{part}");
        }
    });
}

#[test]
fn who_blocks_is_told_by_keys_or_by_names() {
    in_time(|| {
        let mut child = command("who_blocks")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"l x\n").unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.starts_with("c  compute: a computation in a task\n"),
            "{text}"
        );
        assert!(text.contains("a poll of task `lock` (id"), "{text}");
        assert!(text.ends_with("`x` is no key\n"), "{text}");

        let mut example = Example::start("who_blocks", &["pipe"]);
        assert!(
            example
                .rest()
                .starts_with("pipe: a read from an empty pipe\n")
        );
        assert!(example.wait().success());
        assert_eq!(Example::start("who_blocks", &["x"]).wait().code(), Some(1));
    });
}
