//! What a runtime reports.

use std::mem;
use std::process::Output;
use std::sync::{Arc, Mutex, PoisonError};

use quintet::runtime::{Builder, Report};

/// What the runtime of a process has written to standard error, line by line.
pub(crate) fn reports(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().filter(|line| line.starts_with("quintet: "));
    lines.map(str::to_owned).collect()
}

/// Reports of runtimes, in place of standard error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports(Arc<Mutex<Vec<Report>>>);

impl Reports {
    /// Collects what the runtimes of `builder` report.
    pub(crate) fn of(builder: &mut Builder) -> Self {
        let reports = Reports::default();
        reports.collect(builder);
        reports
    }

    /// Collects what the runtimes of `builder` report, too. A test that waits for another thread in
    /// a poll blocks its loop, which is not reported.
    pub(crate) fn collect(&self, builder: &mut Builder) {
        builder.blocked_after(None);
        let reports = Arc::clone(&self.0);
        builder.on_report(move |report| {
            let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
            reports.push(report.clone());
        });
    }

    /// Takes the reports, in the order in which they came.
    pub(crate) fn take(&self) -> Vec<Report> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the reports, and asserts that there is one, of a failure of a server, which contains
    /// `text`.
    #[track_caller]
    pub(crate) fn assert_a_failure_to_serve(&self, text: &str) {
        let reports = self.take();
        let [report @ Report::ServeFailed { .. }] = &reports[..] else {
            panic!("{reports:?}");
        };
        assert!(report.to_string().contains(text), "{report}");
    }

    /// Takes the reports as texts.
    pub(crate) fn take_texts(&self) -> Vec<String> {
        self.take().iter().map(Report::to_string).collect()
    }
}
