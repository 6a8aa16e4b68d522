//! Sends reports to the user's function or to standard error.
//!
//! Each loop has a reporter. A report that belongs to no loop, such as the panic of a waker, goes
//! to the reporter of the thread's current loop, or of the job that runs on the thread, or to
//! standard error if there is neither.

use std::cell::{Cell, RefCell};
use std::env;
use std::fmt;
use std::io::{self, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::{Report, TaskMeta, events};
use crate::blocked;
use crate::identity::Identity;
use crate::panics;

/// The environment variable that disables reports on standard error.
const REPORTS_VARIABLE: &str = "QUINTET_REPORTS";

/// Where the reports of a loop go.
#[derive(Clone, Default)]
pub(crate) struct Reporter {
    function: Option<Arc<ReportHook>>,
    /// Whether nothing is written to standard error.
    is_quiet: bool,
    /// Whether panics are not reported.
    ignores_panics: bool,
}

type ReportFn = Box<dyn Fn(&Report) + Send + Sync>;

/// The user's function. Its last reference may be dropped on any thread, so its destructor must not
/// unwind.
struct ReportHook(Option<ReportFn>);

impl Drop for ReportHook {
    fn drop(&mut self) {
        panics::drop_contained(self.0.take(), "the destructor of an `on_report` function");
    }
}

// A panic of the function is caught at its call.
impl UnwindSafe for ReportHook {}
impl RefUnwindSafe for ReportHook {}

thread_local! {
    /// What reports need of this thread's current loop.
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
    /// Returns the reporter of the job that runs on this thread, if one does.
    static JOB_REPORTER: Cell<fn() -> Option<Reporter>> = const { Cell::new(|| None) };
    /// Whether a user's function is running on this thread.
    static IS_REPORTING: Cell<bool> = const { Cell::new(false) };
}

/// What reports need of a thread's current loop.
pub(crate) struct Current {
    pub(crate) reporter: Reporter,
    /// Returns the task that is being polled.
    pub(crate) polled_task: fn() -> Option<TaskMeta>,
}

impl Reporter {
    pub(crate) fn set_function(&mut self, function: ReportFn) {
        self.function = Some(Arc::new(ReportHook(Some(function))));
    }

    pub(crate) fn set_quiet(&mut self) {
        self.is_quiet = true;
    }

    pub(crate) fn set_ignores_panics(&mut self, ignores_panics: bool) {
        self.ignores_panics = ignores_panics;
    }

    /// Sends a report. Runs user code, but does not unwind.
    pub(crate) fn report(&self, report: &Report) {
        if self.ignores_panics && report.is_panic() {
            return;
        }
        // Reports that the function itself causes are printed, because a second call would recurse.
        let was_reporting = IS_REPORTING.try_with(|is_reporting| is_reporting.replace(true));
        if was_reporting == Ok(false) {
            events::send(report);
        }
        match self.function() {
            Some(function) if was_reporting == Ok(false) => self.call(function, report),
            _ => self.print(format_args!("{report}")),
        }
        if was_reporting == Ok(false) {
            IS_REPORTING.set(false);
        }
    }

    /// Drops `value`, which belongs to the task `owner`, and reports a panic of its destructor.
    pub(crate) fn drop_contained<T>(&self, value: T, what: &'static str, owner: &Identity) {
        if let Err(payload) = panics::contain(|| blocked::doing(what, || drop(value))) {
            self.report(&Report::DestructorPanicked {
                what,
                task: Some(TaskMeta::new(owner.clone())),
                message: panics::message(&*payload).to_owned(),
            });
            panics::discard(payload);
        }
    }

    fn function(&self) -> Option<&ReportFn> {
        self.function
            .as_ref()
            .and_then(|function| function.0.as_ref())
    }

    fn call(&self, function: &ReportFn, report: &Report) {
        if let Err(payload) = panics::contain(|| function(report)) {
            let message = panics::message(&*payload);
            self.print(format_args!(
                "the function of `Builder::on_report` panicked: {message}; its argument was this \
                 report: {report}"
            ));
            panics::discard(payload);
        }
    }

    fn print(&self, text: fmt::Arguments<'_>) {
        let is_off = env::var_os(REPORTS_VARIABLE).is_some_and(|value| value == "off");
        if !self.is_quiet && !is_off {
            print(text);
        }
    }
}

/// Sends a report that belongs to no loop.
pub(crate) fn report(report: &Report) {
    let reporter = with_current(|current| current.reporter.clone());
    let reporter = reporter.or_else(|| JOB_REPORTER.get()());
    reporter.unwrap_or_default().report(report);
}

/// The task that is being polled on this thread. The caller must hold no borrow of the loop.
pub(crate) fn polled_task() -> Option<TaskMeta> {
    with_current(|current| current.polled_task).and_then(|polled_task| polled_task())
}

/// Sets the current loop of this thread for reports, and returns the previous one.
pub(crate) fn make_current(current: Option<Current>) -> Option<Current> {
    // During the end of the thread, this thread-local may be destroyed.
    let before = CURRENT.try_with(|place| place.replace(current));
    before.ok().flatten()
}

/// Notes that this thread runs jobs. Without a current loop, reports go where `reporter` says. It
/// is asked for each report, and not for each job.
pub(crate) fn expect_job(reporter: fn() -> Option<Reporter>) {
    JOB_REPORTER.set(reporter);
}

fn with_current<R>(f: impl FnOnce(&Current) -> R) -> Option<R> {
    let result = CURRENT.try_with(|current| current.borrow().as_ref().map(f));
    result.ok().flatten()
}

/// Writes a line that begins with `quintet:` to standard error.
///
/// Errors of standard error are ignored. `eprintln!` would panic.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    let _closed = writeln!(io::stderr().lock(), "quintet: {text}");
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("has_function", &self.function.is_some())
            .field("is_quiet", &self.is_quiet)
            .field("ignores_panics", &self.ignores_panics)
            .finish()
    }
}
