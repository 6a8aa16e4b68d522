//! Descriptors that a loop watches for itself, outside of its sources: no task waits for them, they
//! do not keep the loop alive, and they are nothing that a program could leave behind.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::phase::Callback;
use crate::tasks::Message;

/// What the loop calls after the other events of a fetch, when a byte has arrived.
pub(crate) struct Bell {
    receivers: Vec<UnixStream>,
    call: fn() -> Message,
}

impl Bell {
    /// The receivers must be non-blocking. `call` makes the message that the loop handles.
    pub(crate) fn new(receivers: Vec<UnixStream>, call: fn() -> Message) -> Self {
        Bell { receivers, call }
    }

    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        for receiver in &self.receivers {
            let fd = receiver.as_raw_fd();
            registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Receives all bytes. Returns the callback, if there were any.
    pub(super) fn ring(&self) -> Option<Callback> {
        let mut has_rung = false;
        for mut receiver in &self.receivers {
            // The event comes once, so everything is read.
            while receiver.read(&mut [0; 64]).is_ok_and(|count| count > 0) {
                has_rung = true;
            }
        }
        has_rung.then(|| Callback::Message((self.call)()))
    }
}
