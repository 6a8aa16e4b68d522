//! The exit of children where there are no pidfds: SIGCHLD.
//!
//! The signal says that some child has changed its state, not which. So there is one socket for the
//! process, to which the handler of the signal writes a byte, and each child that is waited for has
//! a duplicate of its descriptor. The duplicates are sources, on any loop. They are edge-triggered:
//! each byte is an event for all of them.
//!
//! The OS reports an event only while the socket is readable, so it is never emptied: one byte
//! always remains. It must not be full either, because then a signal would write nothing.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, OnceLock};

use rustix::io::ioctl_fionread;

use crate::primitive::lock;
use crate::signal::unix::{HandlerRegistration, SignalKind, register};

/// With so many bytes the socket is drained. Those of Linux hold about 280 single bytes.
const DRAINED_ABOVE: u64 = 64;

/// The signals of this process, from the first child on that needs them: to register the handler
/// again for each child would cost more than the handler does.
static SHARED: OnceLock<ChildSignals> = OnceLock::new();

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ChildSignals {
    // Dropped first, so that no signal is written to a socket without a reader.
    _registration: HandlerRegistration,
    receiver: UnixStream,
    /// Held by the thread that drains the receiver.
    draining: Mutex<()>,
}

impl ChildSignals {
    /// # Errors
    ///
    /// Returns an error if descriptors have run out.
    pub(super) fn shared() -> io::Result<&'static Self> {
        if let Some(signals) = SHARED.get() {
            return Ok(signals);
        }
        // Two threads may get here; the signals of one of them are dropped.
        let signals = ChildSignals::new()?;
        Ok(SHARED.get_or_init(|| signals))
    }

    fn new() -> io::Result<Self> {
        let (receiver, mut sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        // The byte that remains.
        sender.write_all(&[0])?;
        let registration = register(SignalKind::child(), sender)?;
        Ok(ChildSignals {
            _registration: registration,
            receiver,
            draining: Mutex::new(()),
        })
    }

    /// Returns a descriptor that has an event for each signal.
    ///
    /// # Errors
    ///
    /// Returns an error if descriptors have run out.
    pub(super) fn subscribe(&self) -> io::Result<OwnedFd> {
        Ok(self.receiver.try_clone()?.into())
    }

    /// Makes room for further signals.
    pub(super) fn drain(&self) {
        if self.len() <= DRAINED_ABOVE {
            return;
        }
        // One thread at a time: two would take the byte that remains.
        let _one = lock(&self.draining);
        let len = self.len();
        if len > DRAINED_ABOVE {
            let mut bytes = [0; 1024];
            let all_but_one = usize::try_from(len - 1).unwrap_or(usize::MAX);
            let room = bytes.len().min(all_but_one);
            // It cannot block, because so many bytes are there.
            let _drained = (&self.receiver).read(&mut bytes[..room]);
        }
    }

    /// The number of bytes in the socket, as far as that is known.
    fn len(&self) -> u64 {
        ioctl_fionread(&self.receiver).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use signal_hook::consts::SIGCHLD;
    use signal_hook::low_level::raise;

    use super::*;

    /// Whether `fd` is readable now.
    fn is_readable(fd: &OwnedFd) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    #[test]
    fn the_socket_is_never_empty_and_never_full() {
        let signals = ChildSignals::new().unwrap();
        let watched = signals.subscribe().unwrap();
        assert!(is_readable(&watched));
        for _ in 0..2000 {
            raise(SIGCHLD).unwrap();
            signals.drain();
            let len = ioctl_fionread(&watched).unwrap();
            assert!((1..=DRAINED_ABOVE).contains(&len), "{len}");
        }
        assert!(is_readable(&watched));
    }

    #[test]
    fn a_full_socket_is_drained_but_for_a_byte() {
        let signals = ChildSignals::new().unwrap();
        let watched = signals.subscribe().unwrap();
        for _ in 0..2000 {
            raise(SIGCHLD).unwrap();
        }
        let before = ioctl_fionread(&watched).unwrap();
        assert!(before > DRAINED_ABOVE);
        for _ in 0..10 {
            signals.drain();
        }
        let after = ioctl_fionread(&watched).unwrap();
        assert!((1..=DRAINED_ABOVE).contains(&after), "{after} of {before}");
        assert!(is_readable(&watched));
    }
}
