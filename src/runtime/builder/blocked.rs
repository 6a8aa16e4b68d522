//! The settings of the report of a blocked loop.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::time::Duration;

use super::Builder;
use crate::event_loop::default_limit;

/// The environment variable that sets after what time a loop counts as blocked.
const BLOCKED_VARIABLE: &str = "QUINTET_BLOCKED";

/// The shortest time that can be set.
const LIMIT_MIN: Duration = Duration::from_millis(1);

impl Builder {
    /// Sets how long one poll of a task may take before [`Report::Blocked`] is sent, or `None` to
    /// switch this off.
    ///
    /// The default is the value of the environment variable `QUINTET_BLOCKED`, such as `50ms`, `2s`
    /// or `off`. If it is not set, the default is 200 ms in debug builds and `None` otherwise.
    ///
    /// A task runs until it returns from its poll, and meanwhile the loop can run nothing else. A
    /// poll that computes for long, takes a contended lock or makes a system call that waits delays
    /// all other tasks, timers and sockets. The report is sent at the end of such a poll, and names
    /// the task. To find polls that never end, use [`Handle::dump`](crate::runtime::Handle::dump).
    ///
    /// The time is real time, even while the loop's clock is [paused](crate::time::pause). Time in
    /// which the thread is ready to run but waits for a processor does not count, so a busy machine
    /// causes no reports; this is known on Linux only. Time in which the process is stopped counts,
    /// unless a debugger is attached at the end of the poll.
    ///
    /// With this, the loop reads the clock twice for each poll, which takes about 50 ns.
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
    /// runtime.block_on(async { thread::sleep(Duration::from_millis(20)) });
    ///
    /// let report = received.recv().unwrap();
    /// let Report::Blocked { task: Some(task), .. } = report else {
    ///     panic!("another report: {report}");
    /// };
    /// assert_eq!(task.name(), Some("root"));
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

    /// Returns how long a poll may take.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is set by the environment to something
    /// that is no duration.
    pub(super) fn blocked_limit(&self) -> io::Result<Option<Duration>> {
        if let Some(limit) = self.blocked_after {
            return Ok(limit);
        }
        match env::var_os(BLOCKED_VARIABLE) {
            Some(value) => limit_from(&value),
            None => Ok(default_limit()),
        }
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
