//! The settings of the report of a blocked loop.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::time::Duration;

use super::Builder;
use crate::blocked;
use crate::event_loop::BlockedCheck;

/// The environment variable that sets after what time a loop counts as blocked.
const BLOCKED_VARIABLE: &str = "QUINTET_BLOCKED";

/// The shortest time that can be set.
const LIMIT_MIN: Duration = Duration::from_millis(1);

impl Builder {
    /// Sets after what time a loop counts as blocked, or `None` to switch this off. A thread then
    /// watches the loop, and [`Report::Blocked`] is sent while it is blocked, and again when this
    /// is over.
    ///
    /// The default is the value of the environment variable `QUINTET_BLOCKED`, such as `50ms`, `2s`
    /// or `off`. If it is not set, there is no such thread. In debug builds the loop itself then
    /// measures each poll, and reports at its end that it has taken more than 200 ms.
    ///
    /// A task runs until it returns from its poll, and meanwhile the loop can run nothing else. A
    /// poll that computes for long, takes a contended lock or makes a system call that waits delays
    /// all other tasks, timers and sockets. So do destructors, wakers of other executors and hooks,
    /// and many short polls if the loop asks the OS for events only after them. The report names
    /// what runs and for which task, and on Linux it says whether the thread computes or in which
    /// system call it is.
    ///
    /// The watcher looks four times within the limit, so a report may come a quarter later, and its
    /// duration may be too short by as much. Each task is reported at most once a second. While the
    /// loop sleeps, the watcher sleeps. While the loop runs, it writes a few words to memory before
    /// each poll.
    ///
    /// The time is real time, even while the loop's clock is [paused](crate::time::pause). Time in
    /// which the thread is ready to run but waits for a processor does not count, so a busy machine
    /// causes no reports. Nor does time in which the process is stopped by a signal or a debugger.
    /// Both are known on Linux only. (Without a watcher, a stop counts unless a debugger is
    /// attached when the poll ends.)
    ///
    /// # Panics
    ///
    /// If the limit is less than one millisecond.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::runtime::{Builder, Report};
    /// use std::sync::mpsc;
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (reports, received) = mpsc::channel();
    /// let runtime = Builder::new()
    ///     .blocked_after(Duration::from_millis(5))
    ///     .on_report(move |report| {
    ///         let _closed = reports.send(report.clone());
    ///     })
    ///     .build()?;
    /// // Wrong: this stops the whole loop. `quintet::time::sleep` stops only the task.
    /// runtime.block_on(async move {
    ///     let report = loop {
    ///         thread::sleep(Duration::from_millis(20));
    ///         if let Ok(report) = received.try_recv() {
    ///             break report;
    ///         }
    ///     };
    ///     let Report::Blocked { task: Some(task), .. } = report else {
    ///         panic!("another report: {report}");
    ///     };
    ///     assert_eq!(task.name(), Some("root"));
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Report::Blocked`]: crate::runtime::Report::Blocked
    #[track_caller]
    pub fn blocked_after(&mut self, limit: impl Into<Option<Duration>>) -> &mut Self {
        let limit = limit.into();
        assert!(
            limit.is_none_or(|limit| limit >= LIMIT_MIN),
            "a loop counts as blocked after {LIMIT_MIN:?} at the earliest, not after {limit:?}; \
             `None` switches the report off"
        );
        self.blocked_after = Some(limit);
        self
    }

    /// Returns how a blocked loop is noticed.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is set by the environment to something
    /// that is no duration.
    pub(super) fn blocked_check(&self) -> io::Result<BlockedCheck> {
        let limit = match (self.blocked_after, env::var_os(BLOCKED_VARIABLE)) {
            (Some(limit), _) => limit,
            (None, Some(value)) => limit_from(&value)?,
            (None, None) => return Ok(BlockedCheck::default()),
        };
        Ok(limit.map_or(BlockedCheck::Off, |limit| {
            BlockedCheck::Watched(limit, blocked::start)
        }))
    }
}

/// Parses the value of the environment variable.
fn limit_from(value: &OsStr) -> io::Result<Option<Duration>> {
    let text = value.to_str().unwrap_or_default();
    if text == "off" {
        return Ok(None);
    }
    let limit = parse_duration(text).filter(|limit| *limit >= LIMIT_MIN);
    limit.map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "{BLOCKED_VARIABLE} is {value:?}; it must be a duration of at least {LIMIT_MIN:?}, \
                 such as `50ms` or `2s`, or `off`"
            ),
        )
    })
}

/// Parses a whole number of milliseconds or seconds.
fn parse_duration(text: &str) -> Option<Duration> {
    let (number, duration): (_, fn(u64) -> Duration) = match text.strip_suffix("ms") {
        Some(number) => (number, Duration::from_millis),
        None => (text.strip_suffix('s')?, Duration::from_secs),
    };
    number.parse().ok().map(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_sets_a_duration_or_switches_it_off() {
        for (text, millis) in [("50ms", 50), ("1ms", 1), ("2s", 2000)] {
            let limit = limit_from(OsStr::new(text)).unwrap();
            assert_eq!(limit, Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(limit_from(OsStr::new("off")).unwrap(), None);
        for text in ["", "50", "ms", "0ms", "-1ms", "1.5s", "50 ms", "on", "1m"] {
            let error = limit_from(OsStr::new(text)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{text}");
            assert!(error.to_string().contains("such as `50ms`"), "{error}");
        }
    }

    #[test]
    #[should_panic = "after 1ms at the earliest"]
    fn a_limit_of_zero_is_refused() {
        Builder::new().blocked_after(Duration::ZERO);
    }
}
