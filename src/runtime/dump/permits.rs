//! Which tasks hold what a task waits for.

use std::collections::HashMap;
use std::time::Duration;

use crate::report::{Holder, PermitWait, WaitReason};
use crate::slots::Key;
use crate::task::Id;
use crate::waits::{HoldKind, PermitKind, Tracked, TrackedNow, WaitPlace};

/// The wait of a task of this loop that is in the queue of a primitive. `live` has the tasks of the
/// loop.
pub(super) fn wait(
    tracked: &Tracked,
    state: &TrackedNow,
    waiting: &WaitPlace,
    now: u64,
    live: &HashMap<u64, Key>,
) -> WaitReason {
    if tracked.kind == PermitKind::Room {
        return WaitReason::Other(tracked.what);
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
