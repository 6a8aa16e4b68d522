//! What the kernel says about the loop's thread.

mod system_calls;

use std::fs;
use std::path::PathBuf;

use crate::clock::thread_times;
use crate::report::ThreadActivity;

pub(super) use super::thread_look::{ThreadLook, ThreadState};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ThreadProbe {
    /// Its directory in `/proc`, if that is mounted.
    directory: Option<PathBuf>,
}

impl ThreadProbe {
    pub(super) fn of_this_thread() -> Self {
        // The link is relative, and begins with the process.
        let link = fs::read_link("/proc/thread-self").ok();
        let id = link.and_then(|link| link.file_name().map(ToOwned::to_owned));
        ThreadProbe {
            directory: id.map(|id| PathBuf::from("/proc/self/task").join(id)),
        }
    }

    /// Looks at the thread.
    pub(super) fn look(&self) -> ThreadLook {
        let stat = self.read("stat").unwrap_or_default();
        let times = self.read("schedstat");
        ThreadLook {
            state: state(&stat),
            times: times.and_then(|text| thread_times::parse(&text)),
        }
    }

    /// Returns what the thread does, which may change at any time.
    pub(super) fn activity(&self) -> Option<ThreadActivity> {
        let call = self.read("syscall")?;
        let (number, descriptor) = match system_call(&call) {
            Some(call) => call,
            None if call.starts_with("running") => return Some(ThreadActivity::Computes),
            None => return None,
        };
        let known = system_calls::find(number);
        let takes_descriptor = known.is_some_and(|call| call.takes_descriptor);
        let file = takes_descriptor
            .then(|| fs::read_link(format!("/proc/self/fd/{descriptor}")).ok())
            .flatten();
        let kernel_function = self
            .read("wchan")
            .filter(|name| name != "0" && !name.is_empty());
        Some(ThreadActivity::SystemCall {
            name: known.map(|call| call.name),
            number,
            waits_for: known.and_then(|call| call.waits_for()),
            file: file.map(|file| file.display().to_string()),
            kernel_function,
        })
    }

    fn read(&self, file: &str) -> Option<String> {
        let directory = self.directory.as_ref()?;
        fs::read_to_string(directory.join(file)).ok()
    }
}

/// The state of the thread from its `stat`. The name before it may contain anything.
fn state(stat: &str) -> ThreadState {
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    match after_name.chars().next() {
        Some('R') => ThreadState::Ready,
        Some('S' | 'D' | 'I' | 'K' | 'W' | 'P') => ThreadState::Sleeping,
        Some('T' | 't') => ThreadState::Stopped,
        _ => ThreadState::Unknown,
    }
}

/// The number of the system call and its first argument, if the thread is in one.
fn system_call(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_ascii_whitespace();
    let number = words.next()?.parse().ok()?;
    let argument = words.next()?.strip_prefix("0x")?;
    Some((number, u64::from_str_radix(argument, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_after_the_name_which_may_contain_anything() {
        assert_eq!(state("7 (a) S 1"), ThreadState::Sleeping);
        assert_eq!(state("7 (a) R (b) D 1"), ThreadState::Sleeping);
        assert_eq!(state("7 (x) R 1 2 3"), ThreadState::Ready);
        assert_eq!(state("7 (x) t 1"), ThreadState::Stopped);
        assert_eq!(state("7 (x) ? 1"), ThreadState::Unknown);
        assert_eq!(state(""), ThreadState::Unknown);
    }

    #[test]
    fn a_system_call_has_a_number_and_arguments() {
        assert_eq!(
            system_call("0 0x3 0x7ff 0x20 0x0 0x0 0x0 0x7ff 0x7f\n"),
            Some((0, 3))
        );
        for text in ["running\n", "-1 0x7ff 0x7f\n", "", "7"] {
            assert_eq!(system_call(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_thread_that_looks_at_itself_is_ready_and_has_run() {
        let probe = ThreadProbe::of_this_thread();
        let look = probe.look();
        assert_eq!(look.state, ThreadState::Ready);
        let again = probe.look();
        if let (Some((before, _)), Some((ran, _))) = (look.times, again.times) {
            assert!(before > 0 && ran >= before);
        }
    }
}
