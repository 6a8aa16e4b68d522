//! What debug builds report without a thread that watches: polls, at their end. And the environment
//! variable that sets something else.

use std::io;
use std::thread;
use std::time::Duration;

use quintet::runtime::{Builder, Runtime};

use super::{reports_of, wait_for_report};
use crate::support::child::{child, in_a_child};
use crate::support::reports::reports;

/// What a program writes that blocks its loop for 300 ms, with `QUINTET_BLOCKED` set to `variable`.
fn written(test: &str, variable: Option<&str>) -> Option<Vec<String>> {
    let mut child = child(test);
    child.env_remove("QUINTET_REPORTS");
    match variable {
        Some(value) => child.env("QUINTET_BLOCKED", value),
        None => child.env_remove("QUINTET_BLOCKED"),
    };
    in_a_child(child, || {
        let runtime = Runtime::new().expect("descriptors for a runtime");
        runtime.block_on(async { thread::sleep(Duration::from_millis(300)) });
        runtime.block_on(async { thread::sleep(Duration::from_millis(20)) });
    })
    .map(|output| reports(&output))
}

#[test]
fn debug_builds_report_200_milliseconds_by_default() {
    let test = "blocked::at_end::debug_builds_report_200_milliseconds_by_default";
    let Some(lines) = written(test, None) else {
        return;
    };
    if cfg!(debug_assertions) {
        let [line] = &lines[..] else {
            panic!("one line: {lines:?}");
        };
        let start = "quintet: a poll of task `root` (id 1, spawned at ";
        assert!(line.starts_with(start), "{line}");
        assert!(line.contains(") has blocked the loop for "), "{line}");
        assert!(
            line.contains(" (woken by running code); divide it"),
            "{line}"
        );
    } else {
        assert!(lines.is_empty(), "{lines:?}");
    }
}

#[test]
fn the_environment_can_switch_it_off() {
    let test = "blocked::at_end::the_environment_can_switch_it_off";
    let Some(lines) = written(test, Some("off")) else {
        return;
    };
    assert!(lines.is_empty(), "{lines:?}");
}

#[test]
fn the_environment_sets_a_limit_and_starts_a_watcher() {
    let test = "blocked::at_end::the_environment_sets_a_limit_and_starts_a_watcher";
    let mut child = child(test);
    child.env("QUINTET_BLOCKED", "10ms");
    let _output = in_a_child(child, || {
        let mut builder = Builder::new();
        let (seen, reports) = reports_of(&mut builder);
        let runtime = builder.build().expect("descriptors for a runtime");
        runtime.block_on(async { wait_for_report(&seen) });
        drop((runtime, builder));
        let is_over: Vec<_> = reports.iter().map(|blocked| blocked.is_over).collect();
        assert_eq!(is_over, [false, true]);
    });
}

#[test]
fn a_wrong_value_of_the_environment_is_an_error_unless_the_builder_sets_a_limit() {
    let test = "blocked::at_end::a_wrong_value_of_the_environment_is_an_error_unless_the_builder_sets_a_limit";
    let mut child = child(test);
    child.env("QUINTET_BLOCKED", "soon");
    let _output = in_a_child(child, || {
        let error = Runtime::new().expect_err("it is no duration");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("QUINTET_BLOCKED is \"soon\""), "{error}");
        assert!(Builder::new().blocked_after(None).build().is_ok());
    });
}
