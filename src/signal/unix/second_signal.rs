//! The end of the process at a second signal, even if no loop runs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::flag;

use super::{HandlerRegistration, SignalKind, disposition};

/// While it exists, the second signal of these kinds has its default action, whether or not the
/// first one has been received.
///
/// It is for signals that have a stream. A kind that the program handles itself, or that was
/// ignored at its start, is left out.
#[derive(Debug)]
pub(crate) struct SecondSignalGuard {
    _handlers: Vec<HandlerRegistration>,
}

impl SecondSignalGuard {
    pub(crate) fn new(kinds: &[SignalKind]) -> io::Result<Self> {
        let is_second = Arc::new(AtomicBool::new(false));
        let mut handlers = Vec::new();
        for SignalKind(signal) in kinds.iter().copied() {
            if disposition::is_handled_elsewhere(signal) {
                continue;
            }
            // In this order, so that the first signal finds that it is not the second.
            let ends = flag::register_conditional_default(signal, Arc::clone(&is_second))?;
            handlers.push(HandlerRegistration(ends));
            let sets = flag::register(signal, Arc::clone(&is_second))?;
            handlers.push(HandlerRegistration(sets));
        }
        Ok(SecondSignalGuard {
            _handlers: handlers,
        })
    }
}
