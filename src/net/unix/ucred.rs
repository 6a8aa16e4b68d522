//! The credentials of the process at the other end.

/// The credentials of a process, returned by
/// [`UnixStream::peer_cred`](crate::net::UnixStream::peer_cred).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UCred {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) pid: Option<i32>,
}

impl UCred {
    /// Returns the effective user id of the process.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Returns the effective group id of the process.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Returns the id of the process. It is `None` if the OS does not report it, for example
    /// because the process is in another PID namespace.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}
