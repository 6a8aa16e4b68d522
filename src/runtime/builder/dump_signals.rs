//! Dumps that a signal asks for.

use std::any::Any;
use std::io;

use super::Builder;
use crate::context;
use crate::event_loop::EventLoop;
use crate::report::{Dump, Report};
use crate::signal::unix::{SignalKind, subscribe};
use crate::tasks::Message;

impl Builder {
    /// Makes the runtime send its [dump](crate::runtime::Dump) as a
    /// [`Report::Dump`](crate::runtime::Report::Dump) whenever the process gets a signal. By
    /// default it is written to standard error. Several signals can be set by several calls.
    ///
    /// The dump is taken after all other events of a poll phase. If a task blocks the loop, that is
    /// when it has stopped doing so. Nothing waits for the signal, and it does not keep the runtime
    /// alive. No thread is started. If several runtimes have set the same signal, each of them
    /// sends its dump.
    ///
    /// The signal loses its default action: [`quit`](SignalKind::quit), by Ctrl-\\ at the terminal,
    /// no longer ends the process. [Streams](crate::signal::unix::signal) of the signal get it as
    /// well. When the last runtime and stream of the signal have been dropped, it does again what
    /// it did [before](crate::signal#when-the-last-stream-is-dropped).
    ///
    /// [`build`](Builder::build) fails if the signal cannot be awaited.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use quintet::runtime::Builder;
    /// use quintet::signal::unix::SignalKind;
    ///
    /// let runtime = Builder::new().dump_on(SignalKind::quit()).build()?;
    /// runtime.block_on(async { /* … */ });
    /// # Ok(())
    /// # }
    /// ```
    pub fn dump_on(&mut self, kind: SignalKind) -> &mut Self {
        let trigger = self.dump_trigger.get_or_insert((Vec::new(), watch));
        let number = kind.as_raw_value();
        if !trigger.0.contains(&number) {
            trigger.0.push(number);
        }
        self
    }
}

/// Makes a loop report its dump when one of the signals arrives, until the returned subscriptions
/// are dropped.
///
/// # Errors
///
/// Returns an error if a signal cannot be taken over, or if descriptors have run out.
fn watch(event_loop: &EventLoop, numbers: &[i32]) -> io::Result<Box<dyn Any>> {
    let mut receivers = Vec::new();
    let mut subscriptions = Vec::new();
    for number in numbers {
        let (receiver, subscription) = subscribe(SignalKind::from_raw(*number))?;
        receivers.push(receiver);
        subscriptions.push(subscription);
    }
    let call = || Message::Call(Box::new(report_dump));
    event_loop.poll.watch_bell(receivers, call)?;
    Ok(Box::new(subscriptions))
}

/// Reports the dump of the current loop, which is running.
fn report_dump() {
    if let Some(event_loop) = context::current() {
        let dump = Dump::new(&event_loop);
        let reporter = &event_loop.shared.reporter;
        reporter.report(&Report::Dump { dump });
    }
}
