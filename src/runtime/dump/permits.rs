//! Which tasks hold what a task waits for, or have used it last.

use std::collections::HashMap;
use std::time::Duration;

use crate::report::{ChannelWait, Holder, PermitWait, WaitReason};
use crate::task::Id;
use crate::waits::{HoldKind, PermitKind, Tracked, TrackedNow, WaitPlace};

/// The wait of a task of this loop that is in the queue of a primitive. `live` has the tasks of the
/// loop.
pub(super) fn wait(
    tracked: &Tracked,
    state: &TrackedNow,
    waiting: &WaitPlace,
    now: u64,
    live: &HashMap<u64, usize>,
) -> WaitReason {
    if tracked.kind == PermitKind::Room {
        return channel(tracked, state, tracked.what, waiting.since, now);
    }
    let held = state.held.iter().map(|held| Holder {
        id: Id(held.task),
        permits: held.count,
        is_certain: held.kind == HoldKind::Borrowed && live.contains_key(&held.task),
    });
    // A waiter that is served in part keeps its permits, unless its future is dropped. That may be
    // in another task by now.
    let others = state.waiting.iter();
    let others = others.filter(|other| other.node != waiting.node && other.granted > 0);
    let known = others.clone().filter(|other| other.task != 0);
    let served = known.map(|other| Holder {
        id: Id(other.task),
        permits: other.granted,
        is_certain: false,
    });
    let nameless = others.filter(|other| other.task == 0);
    WaitReason::Permits(PermitWait {
        what: tracked.what,
        location: tracked.made_at,
        is_counted: tracked.kind == PermitKind::Semaphore,
        waited: Duration::from_nanos(now.saturating_sub(waiting.since)),
        missing: waiting.missing,
        holders: held.chain(served).collect(),
        unknown: state.unknown + nameless.map(|other| other.granted).sum::<usize>(),
    })
}

/// The tasks that wait for a message of a channel, and their waits. `polls` returns how often a
/// task of this loop has been polled.
pub(super) fn messages(
    tracked: &Tracked,
    state: &TrackedNow,
    now: u64,
    polls: impl Fn(u64) -> Option<u32>,
) -> Vec<(u64, WaitReason)> {
    let places = state.receivers.iter();
    places
        .filter(|(id, place)| polls(*id) == Some(place.poll))
        .map(|(id, place)| (*id, channel(tracked, state, place.what, place.since, now)))
        .collect()
}

fn channel(
    tracked: &Tracked,
    state: &TrackedNow,
    what: &'static str,
    since: u64,
    now: u64,
) -> WaitReason {
    WaitReason::Channel(ChannelWait {
        what,
        location: tracked.made_at,
        waited: Duration::from_nanos(now.saturating_sub(since)),
        last_sender: state.peers.sender.map(Id),
        last_receiver: state.peers.receiver.map(Id),
    })
}
