//! Which tasks use a channel, for dumps.

use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;

use crate::context;
use crate::ready;
use crate::tasks::Note;
use crate::waits::{self, PermitKind, ReceiverPlace, Tracked};

/// The record of a channel that was made while waits are tracked.
///
/// That of a `mpsc` channel belongs to its semaphore. A `oneshot` channel has none: a task waits
/// for the only use of its sender, so no peer has been seen until then.
pub(super) struct ChannelPeers(Option<Arc<Tracked>>);

impl ChannelPeers {
    #[inline(always)]
    #[track_caller]
    pub(super) fn new() -> Self {
        // Not in the closure, where it would be this line.
        let made_at = Location::caller();
        ChannelPeers(waits::are_tracked().then(|| record(made_at)))
    }

    /// Records that the task has sent a message.
    #[inline]
    pub(super) fn sent(&self) {
        if let Some(record) = &self.0 {
            record.sent(context::acting_id());
        }
    }

    /// Records that the task has received a message.
    #[inline]
    pub(super) fn received(&self) {
        if let Some(record) = &self.0 {
            record.received(context::acting_id());
        }
    }

    /// Records what a poll for a message, called `what`, has found.
    #[inline]
    pub(super) fn polled<R>(&self, polled: &Poll<R>, what: Note) {
        if let Some(record) = &self.0 {
            match polled {
                Poll::Ready(_) => record.received(context::acting_id()),
                Poll::Pending => record_wait(record, what),
            }
        }
    }
}

#[cold]
fn record(made_at: &'static Location<'static>) -> Arc<Tracked> {
    Tracked::new("room in a channel", made_at, PermitKind::Room)
}

/// Records that the task that is polled waits for `what` of a channel.
#[cold]
pub(super) fn record_wait(record: &Arc<Tracked>, what: Note) {
    context::with(|event_loop| {
        let loop_id = event_loop.id().to_bits();
        event_loop.waits.add(loop_id, record);
        let tasks = &event_loop.tasks;
        let (Some(key), Some(id)) = (ready::polled_task(event_loop.id()), tasks.polled_id()) else {
            return;
        };
        let place = ReceiverPlace {
            loop_id,
            key,
            poll: tasks.polls(key),
            since: event_loop.clock.recent(),
            what,
        };
        record.wait_for_message(id, place, |other| {
            other.loop_id != loop_id || tasks.polls(other.key) == other.poll
        });
    });
}
