//! Descriptors that a loop watches for itself, outside of its sources: no task waits for them, they
//! do not keep the loop alive, and they are nothing that a program could leave behind.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use mio::Interest;
use mio::unix::SourceFd;

use super::{BELL, Poll};
use crate::tasks::Message;

impl Poll {
    /// Watches `receivers`, which nothing keeps alive and which keep nothing alive. They must be
    /// non-blocking. When a byte has arrived, `call` makes the message that the loop handles after
    /// the other events of the fetch.
    ///
    /// # Errors
    ///
    /// Returns an error if the poller does not accept one of the descriptors.
    pub(crate) fn watch_bell(
        &self,
        receivers: Vec<UnixStream>,
        call: fn() -> Message,
    ) -> io::Result<()> {
        for receiver in &receivers {
            let fd = receiver.as_raw_fd();
            let mut source = SourceFd(&fd);
            self.registry
                .register(&mut source, BELL, Interest::READABLE)?;
        }
        let ring = move || receive_all(&receivers).then(call);
        self.bell.replace(Some(Box::new(ring)));
        Ok(())
    }
}

/// Receives all bytes. Returns whether there were any.
fn receive_all(receivers: &[UnixStream]) -> bool {
    let mut has_rung = false;
    for mut receiver in receivers {
        // The event comes once, so everything is read.
        while receiver.read(&mut [0; 64]).is_ok_and(|count| count > 0) {
            has_rung = true;
        }
    }
    has_rung
}
