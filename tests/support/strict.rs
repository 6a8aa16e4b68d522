//! A runtime for a test that leaves nothing behind, and of which nothing is reported.

use std::cell::{Cell, RefCell};

use quintet::runtime::{Builder, Report};
use quintet::testing::assert_no_leaks;

use crate::support::reports::Reports;

thread_local! {
    static REPORTS: RefCell<Reports> = RefCell::default();
    static MAY_LEAK: Cell<bool> = const { Cell::new(false) };
}

/// Like `quintet::block_on`, and asserts that nothing is left and that all reports were taken.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    block_on_built_by(&mut Builder::new(), future)
}

/// The same on another runtime.
#[track_caller]
pub(crate) fn block_on_built_by<F: Future>(builder: &mut Builder, future: F) -> F::Output {
    let reports = Reports::of(builder);
    let outer = REPORTS.replace(reports.clone());
    MAY_LEAK.set(false);
    let runtime = builder.build().expect("descriptors for a runtime");
    let output = runtime.block_on(future);
    if !MAY_LEAK.take() {
        assert_no_leaks(&runtime);
    }
    drop(runtime);
    REPORTS.set(outer);
    let reports = reports.take_texts();
    assert!(reports.is_empty(), "these are reported: {reports:#?}");
    output
}

/// Calls `f` where a runtime is entered but does not run, and returns what is reported meanwhile.
pub(crate) fn reported_in(f: impl FnOnce()) -> Vec<String> {
    let mut builder = Builder::new();
    let reports = Reports::of(&mut builder);
    let runtime = builder.build().expect("descriptors for a runtime");
    let guard = runtime.enter();
    f();
    drop(guard);
    reports.take_texts()
}

/// Takes what has been reported so far of the runtime of this thread.
pub(crate) fn take_reports() -> Vec<Report> {
    REPORTS.with_borrow(Reports::take)
}

/// Takes what has been reported so far, and asserts that these are the ends of its texts.
#[track_caller]
pub(crate) fn assert_reported(ends: &[&str]) {
    let texts = REPORTS.with_borrow(Reports::take_texts);
    let is_expected = texts.len() == ends.len()
        && texts
            .iter()
            .zip(ends)
            .all(|(text, end)| text.ends_with(end));
    assert!(is_expected, "reported: {texts:#?}, expected: {ends:#?}");
}

/// Says that this test leaves something behind, and means to.
pub(crate) fn may_leak() {
    MAY_LEAK.set(true);
}
