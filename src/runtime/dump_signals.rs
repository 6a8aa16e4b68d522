//! Dumps that a signal asks for.

use std::io;

use super::Dump;
use crate::context;
use crate::event_loop::EventLoop;
use crate::phase::poll::Bell;
use crate::report::Report;
use crate::signal::unix::{SignalKind, Subscription, subscribe};
use crate::tasks::Message;

/// The signals that make a loop report its dump, until this is dropped.
#[derive(Debug, Default)]
pub(super) struct DumpSignals {
    _subscriptions: Vec<Subscription>,
}

impl DumpSignals {
    /// # Errors
    ///
    /// Returns an error if a signal cannot be taken over, or if descriptors have run out.
    pub(super) fn new(event_loop: &EventLoop, kinds: &[SignalKind]) -> io::Result<Self> {
        if kinds.is_empty() {
            return Ok(DumpSignals::default());
        }
        let mut receivers = Vec::new();
        let mut subscriptions = Vec::new();
        for kind in kinds {
            let (receiver, subscription) = subscribe(*kind)?;
            receivers.push(receiver);
            subscriptions.push(subscription);
        }
        let call = || Message::Call(Box::new(report_dump));
        event_loop.poll.watch_bell(Bell::new(receivers, call))?;
        Ok(DumpSignals {
            _subscriptions: subscriptions,
        })
    }
}

/// Reports the dump of the current loop, which is running.
fn report_dump() {
    if let Some(event_loop) = context::current() {
        let dump = Dump::new(&event_loop);
        let reporter = &event_loop.shared.reporter;
        reporter.report(&Report::Dump { dump });
    }
}
