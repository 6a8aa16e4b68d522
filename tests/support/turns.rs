//! A loop for a test, and its turns.

use std::future::poll_fn;
use std::task::Poll;

use quintet::task::yield_now;

use crate::support::patience::in_time;
use crate::support::strict::block_on;

/// Runs `test` on a runtime of its own, in time. Nothing must be left there.
pub(crate) fn on_a_loop(test: impl AsyncFnOnce()) {
    in_time(|| block_on(test()));
}

/// Comes back when everything has run that is in the ready queue now.
pub(crate) async fn settle() {
    let mut is_behind = false;
    poll_fn(|cx| {
        if is_behind {
            return Poll::Ready(());
        }
        is_behind = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Comes back when the poll phase has looked at the inbox, and what it found has run.
pub(crate) async fn reach_poll_phase() {
    yield_now().await;
    settle().await;
}
