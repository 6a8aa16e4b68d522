//! The kernel's own transfer on Linux: `sendfile`.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::sendfile;
use rustix::io::{Errno, retry_on_intr};

use super::{BUFFER_LEN, File, Progress, remaining};
use crate::blocking::Purpose;
use crate::fs::CHUNK_MAX;
use crate::io::Interest;
use crate::net::TcpStream;

/// Parts of up to this size are sent through a buffer: if they are cached, no worker is needed.
const THROUGH_BUFFER_MAX: u64 = 4 * BUFFER_LEN as u64;

/// What a job has come to.
enum JobProgress {
    /// So much was sent, and there may be more.
    Sent(u64),
    /// So much was sent before the socket was full.
    Full(u64),
    /// So much was sent before the end of the file.
    AtEnd(u64),
    NotPossible,
}

/// Sends by `sendfile`, until the range or the file ends, and moves the start of `rest`.
pub(super) async fn send(
    file: &File,
    stream: &TcpStream,
    rest: &mut Range<u64>,
) -> io::Result<Progress> {
    if remaining(rest) <= THROUGH_BUFFER_MAX {
        return Ok(Progress::NotPossible);
    }
    let socket = Arc::new(stream.as_fd().try_clone_to_owned()?);
    let mut is_first = true;
    while remaining(rest) > 0 {
        let job_socket = Arc::clone(&socket);
        let (offset, len) = (rest.start, remaining(rest).min(CHUNK_MAX as u64));
        let work = move |file: &fs::File| {
            if is_first && !is_sigpipe_ignored() {
                return Ok(JobProgress::NotPossible);
            }
            send_chunk(&job_socket, file, offset, len)
        };
        let run = file.run(Purpose::Change, move |open| work(&open.file));
        is_first = false;
        match run.await? {
            JobProgress::Sent(n) => rest.start += n,
            JobProgress::Full(n) => {
                rest.start += n;
                let is_writable = || is_writable(&socket);
                stream.async_io(Interest::WRITABLE, is_writable).await?;
            }
            JobProgress::AtEnd(n) => {
                rest.start += n;
                return Ok(Progress::Done);
            }
            JobProgress::NotPossible => return Ok(Progress::NotPossible),
        }
    }
    Ok(Progress::Done)
}

/// Sends up to `len` bytes. Runs on a worker. The socket is non-blocking.
fn send_chunk(
    socket: &OwnedFd,
    file: &fs::File,
    mut offset: u64,
    len: u64,
) -> io::Result<JobProgress> {
    let end = offset + len;
    let start = offset;
    while offset < end {
        let count = usize::try_from(end - offset).unwrap_or(CHUNK_MAX);
        match retry_on_intr(|| sendfile(socket, file, Some(&mut offset), count)) {
            Ok(0) => return Ok(JobProgress::AtEnd(offset - start)),
            Ok(_) => {}
            Err(Errno::AGAIN) => return Ok(JobProgress::Full(offset - start)),
            // The next job returns the error.
            Err(_) if offset > start => break,
            // The kernel cannot do it for files of this kind.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return Ok(JobProgress::NotPossible);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(JobProgress::Sent(offset - start))
}

/// Returns `WouldBlock` if the socket is full, so that the caller waits for an event.
///
/// A job cannot say so: since its system call, an event may have come that reports room.
fn is_writable(socket: &OwnedFd) -> io::Result<()> {
    let mut fds = [PollFd::new(socket, PollFlags::OUT)];
    match retry_on_intr(|| poll(&mut fds, Some(&Timespec::default())))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// Returns whether the process ignores SIGPIPE, which `sendfile` raises and no flag suppresses.
/// False if that is not known.
fn is_sigpipe_ignored() -> bool {
    const SIGPIPE: u32 = 13;
    let Ok(status) = fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (SIGPIPE - 1) & 1 == 1)
}
