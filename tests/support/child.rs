//! Tests that run in a process of their own: this program, started again for a single test.

use std::env;
use std::fs;
use std::panic;
use std::process::{Command, Output};

use crate::support::patience::in_time;

/// Set where a single test runs.
const CHILD: &str = "QUINTET_TEST_CHILD";

/// Whether this is the process of a single test.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// A process that runs `test` only, which is named as the harness does: with its modules.
pub(crate) fn child(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().expect("a test knows its file"));
    command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1");
    command
}

/// The same, with a limit of descriptors.
pub(crate) fn child_with_limit(test: &str, limit: &str) -> Command {
    let plain = child(test);
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(script);
    append(&mut command, &plain);
    command
}

/// The most descriptors that this user may have.
pub(crate) const HARD_LIMIT: &str = "\"$(ulimit -Hn)\"";

/// Lets `wrapper` start `command`: appends its words, and takes its environment.
pub(crate) fn append(wrapper: &mut Command, command: &Command) {
    wrapper.arg(command.get_program()).args(command.get_args());
    let envs = command.get_envs();
    wrapper.envs(envs.filter_map(|(name, value)| Some((name, value?))));
}

/// How many descriptors this process has.
pub(crate) fn open_descriptors() -> usize {
    fs::read_dir("/dev/fd").expect("Unixes have it").count()
}

/// Calls `body` in `child`, which must end well, and returns what it wrote; `child` runs the test
/// that calls this. In that process the result is `None`, and the test is over.
#[track_caller]
pub(crate) fn in_a_child(mut child: Command, body: impl FnOnce()) -> Option<Output> {
    if is_child() {
        // Under the lock of standard error, unlike the usual one: reports stay in one piece.
        panic::set_hook(Box::new(|info| eprintln!("{info}")));
        in_time(body);
        return None;
    }
    let output = child.output().expect("the process starts");
    assert_ran(&output);
    Some(output)
}

/// Asserts that a process of [`child`] ran its test, and that the test passed. The harness reports
/// a success where no test has the name.
#[track_caller]
pub(crate) fn assert_ran(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let has_run = text.contains("running 1 test\n") && output.status.success();
    assert!(has_run, "{output:?}");
}
