//! The names of system calls in which a thread may wait for long.

#[cfg_attr(target_arch = "aarch64", path = "system_calls/aarch64.rs")]
#[cfg_attr(target_arch = "x86_64", path = "system_calls/x86_64.rs")]
#[cfg_attr(
    not(any(target_arch = "aarch64", target_arch = "x86_64")),
    path = "system_calls/other.rs"
)]
mod numbers;

use numbers::NUMBERS;

/// A system call.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemCall {
    pub(super) name: &'static str,
    /// Whether the first argument is a descriptor.
    pub(super) takes_descriptor: bool,
}

/// Returns the system call with this number, if it is one that may wait for long.
pub(super) fn find(number: u64) -> Option<SystemCall> {
    let (_, name) = NUMBERS.iter().find(|(known, _)| *known == number)?;
    Some(SystemCall {
        name,
        takes_descriptor: DESCRIPTOR_FIRST.contains(name),
    })
}

/// The system calls whose first argument is the descriptor for which they wait.
const DESCRIPTOR_FIRST: &[&str] = &[
    "accept",
    "accept4",
    "connect",
    "copy_file_range",
    "epoll_pwait",
    "epoll_wait",
    "fallocate",
    "fcntl",
    "fdatasync",
    "flock",
    "fsync",
    "getdents64",
    "ioctl",
    "pread64",
    "preadv",
    "preadv2",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "sendfile",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "splice",
    "write",
    "writev",
];

impl SystemCall {
    /// What it waits for, in words.
    pub(super) fn waits_for(self) -> Option<&'static str> {
        match self.name {
            "futex" | "futex_wait" => Some("a lock, a channel or another thread"),
            "nanosleep" | "clock_nanosleep" | "pause" => Some("time to pass"),
            "poll" | "ppoll" | "select" | "pselect6" | "epoll_wait" | "epoll_pwait" => {
                Some("descriptors, such as those that look up a name")
            }
            "wait4" | "waitid" => Some("a child process"),
            "flock" | "fcntl" => Some("the lock of a file"),
            "fsync" | "fdatasync" | "sync_file_range" => Some("a disk"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_number_and_each_name_occurs_once() {
        let numbers: BTreeSet<u64> = NUMBERS.iter().map(|(number, _)| *number).collect();
        let names: BTreeSet<&str> = NUMBERS.iter().map(|(_, name)| *name).collect();
        assert_eq!(numbers.len(), NUMBERS.len());
        assert_eq!(names.len(), NUMBERS.len());
    }
}
