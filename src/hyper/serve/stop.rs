//! How the connections of a server are told that it stops.

use std::cell::Cell;
use std::rc::Rc;

use crate::task::{CancellationToken, WaitForCancellationFutureOwned};

/// Whether a server stops. All clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Rc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    /// The same as the token says, without its lock.
    is_stopping: Cell<bool>,
    token: CancellationToken,
}

impl Stop {
    pub(super) fn is_stopping(&self) -> bool {
        self.0.is_stopping.get()
    }

    /// Tells all connections.
    pub(super) fn begin(&self) {
        self.0.is_stopping.set(true);
        self.0.token.cancel();
    }

    /// Returns a future that completes when the server stops.
    pub(super) fn begun(&self) -> WaitForCancellationFutureOwned {
        self.0.token.clone().cancelled_owned()
    }
}
