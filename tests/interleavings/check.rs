//! How models are checked: those that must pass, and those that must not.

use std::env;
use std::process::Command;

/// Checks `model` in all interleavings with few preemptions: they find what there is to be found.
pub(crate) fn check(model: impl Fn() + Send + Sync + 'static) {
    check_with(2, model);
}

/// Checks `model` in all interleavings with at most so many preemptions.
pub(crate) fn check_with(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Checks `model`, which must not pass, in a process of its own; `test` is the test that calls
/// this.
pub(crate) fn find_fault(test: &str, model: impl Fn() + Send + Sync + 'static) {
    const CHILD: &str = "QUINTET_TEST_CHILD";
    if env::var_os(CHILD).is_some() {
        check(model);
        return;
    }
    let mut command = Command::new(env::current_exe().expect("a test knows its file"));
    command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1");

    let output = command.output().expect("the process starts");

    assert!(!output.status.success(), "the model passes: {output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("deadlock"), "{text}");
}
