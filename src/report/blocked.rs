//! The report that user code blocks a loop.

use std::fmt;
use std::time::Duration;

use super::{Report, TaskMeta};

/// What the thread of a [blocked](Report::Blocked) loop does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadActivity {
    /// It computes.
    Computes,
    /// It is in a system call, or it was when the report was made.
    #[non_exhaustive]
    SystemCall {
        /// The name of the system call, if it is one of those that often wait for long.
        name: Option<&'static str>,
        /// Its number on this processor.
        number: u64,
        /// What it waits for, in words, if the name shows this.
        waits_for: Option<&'static str>,
        /// The file, pipe or socket on which it is called, as `/proc/self/fd` describes it.
        file: Option<String>,
        /// The function of the kernel in which it waits, if the kernel shows this.
        kernel_function: Option<String>,
    },
}

impl fmt::Display for ThreadActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ThreadActivity::SystemCall {
            name,
            number,
            waits_for,
            file,
            kernel_function,
        } = self
        else {
            return f.write_str("the thread computes");
        };
        f.write_str("the thread is in the system call ")?;
        match name {
            Some(name) => write!(f, "`{name}`")?,
            None => write!(f, "{number}")?,
        }
        if let Some(file) = file {
            write!(f, " on {file}")?;
        }
        if let Some(what) = waits_for {
            write!(f, ", which waits for {what}")?;
        } else if let (None, Some(function)) = (name, kernel_function) {
            write!(f, ", in the kernel's `{function}`")?;
        }
        Ok(())
    }
}

impl Report {
    /// Writes a [`Report::Blocked`].
    pub(super) fn write_blocked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report::Blocked {
            what,
            task,
            phase,
            woken_by,
            duration,
            activity,
            is_over,
        } = self
        else {
            return Ok(());
        };
        write_subject(f, what, task.as_ref())?;
        let has_blocked = if *is_over { "has blocked" } else { "blocks" };
        let duration = rounded(*duration);
        write!(f, " {has_blocked} the loop for {duration:?}")?;
        if !is_over {
            f.write_str(" so far")?;
        }
        let mut separator = " (";
        for (label, value) in [("phase: ", phase), ("woken by ", woken_by)] {
            if let Some(value) = value {
                write!(f, "{separator}{label}{value}")?;
                separator = ", ";
            }
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        match activity {
            Some(activity) => write!(f, "; {activity}"),
            None if *is_over => f.write_str(
                "; divide it with `yield_now`, or move it to `spawn_blocking` or `spawn_cpu`",
            ),
            None => Ok(()),
        }
    }
}

/// Writes what runs, and for which task.
fn write_subject(f: &mut fmt::Formatter<'_>, what: &str, task: Option<&TaskMeta>) -> fmt::Result {
    f.write_str(what)?;
    match task {
        None => Ok(()),
        Some(task) if what == "a poll" => write!(f, " of {task}"),
        Some(task) if what.ends_with("one") => write!(f, " of {task},"),
        Some(task) => write!(f, ", in a poll of {task},"),
    }
}

/// A duration with three digits or so.
fn rounded(duration: Duration) -> Duration {
    if duration < Duration::from_millis(10) {
        Duration::from_micros(duration.as_micros() as u64)
    } else {
        Duration::from_millis(duration.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;
    use crate::identity::{Identity, Name, Origin};

    fn text(what: &'static str, name: Option<&str>, activity: Option<ThreadActivity>) -> String {
        let task = name.map(|name| {
            TaskMeta::new(Identity {
                id: 7,
                origin: Origin {
                    name: Some(Name::new(name.to_owned())),
                    location: Location::caller(),
                },
            })
        });
        let report = Report::Blocked {
            what,
            phase: Some("timers"),
            woken_by: task.is_some().then_some("a timer"),
            task,
            duration: Duration::from_nanos(1_234_567_890),
            is_over: activity.is_none(),
            activity,
        };
        let text = report.to_string();
        let Some((before, rest)) = text.split_once("(id 7, spawned at ") else {
            return text;
        };
        let (_, after) = rest.split_once(')').expect("a location");
        format!("{before}(…){after}")
    }

    #[test]
    fn texts_say_what_blocks_for_how_long_and_in_what_way() {
        let futex = ThreadActivity::SystemCall {
            name: Some("futex"),
            number: 202,
            waits_for: Some("a lock"),
            file: None,
            kernel_function: None,
        };
        let read = ThreadActivity::SystemCall {
            name: Some("read"),
            number: 0,
            waits_for: None,
            file: Some("pipe:[7]".to_owned()),
            kernel_function: Some("pipe_read".to_owned()),
        };
        let unknown = ThreadActivity::SystemCall {
            name: None,
            number: 999,
            waits_for: None,
            file: None,
            kernel_function: Some("do_something".to_owned()),
        };
        assert_eq!(
            text("a poll", Some("x"), Some(ThreadActivity::Computes)),
            "a poll of task `x` (…) blocks the loop for 1.234s so far (phase: timers, woken by a \
             timer); the thread computes"
        );
        assert_eq!(
            text("a poll", Some("x"), None),
            "a poll of task `x` (…) has blocked the loop for 1.234s (phase: timers, woken by a \
             timer); divide it with `yield_now`, or move it to `spawn_blocking` or `spawn_cpu`"
        );
        assert_eq!(
            text("a waker of another executor", None, Some(futex)),
            "a waker of another executor blocks the loop for 1.234s so far (phase: timers); the \
             thread is in the system call `futex`, which waits for a lock"
        );
        let output = text("the destructor of a task's output", Some("x"), Some(read));
        assert!(
            output.starts_with("the destructor of a task's output, in a poll of task `x` (…), "),
            "{output}"
        );
        assert!(output.ends_with("; the thread is in the system call `read` on pipe:[7]"));
        let row = text(
            "a row of several polls, the last one",
            Some("x"),
            Some(unknown),
        );
        assert!(
            row.starts_with("a row of several polls, the last one of task `x` (…), blocks the"),
            "{row}"
        );
        assert!(
            row.ends_with("system call 999, in the kernel's `do_something`"),
            "{row}"
        );
    }
}
