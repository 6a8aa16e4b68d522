//! What a member of a cluster knows of it.

use std::sync::Arc;

use crate::runtime::Handle;
use crate::task::{CancellationToken, WaitForCancellationFutureOwned};

/// One loop of a [cluster](super), as the closure on that loop sees it.
///
/// It is cheap to clone, and may be moved into tasks and to other threads.
#[derive(Clone, Debug)]
pub struct Member {
    index: usize,
    shared: Arc<MemberShared>,
}

/// What all members have in common.
#[derive(Debug)]
pub(super) struct MemberShared {
    pub(super) handles: Vec<Handle>,
    pub(super) shutdown: CancellationToken,
}

impl Member {
    pub(super) fn new(index: usize, shared: Arc<MemberShared>) -> Self {
        Member { index, shared }
    }

    /// Returns the number of the loop, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns how many loops the cluster has.
    pub fn count(&self) -> usize {
        self.shared.handles.len()
    }

    /// Returns the handles of all loops, by their numbers, to spawn tasks on them.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// quintet::cluster::run(2, async |member| {
    ///     let other = &member.handles()[1 - member.index()];
    ///     let token = member.token().clone();
    ///     let name = other.spawn(async { std::thread::current().name().map(str::to_owned) });
    ///     println!("{:?} is the other one", name.await);
    ///     token.cancel();
    ///     std::io::Result::Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn handles(&self) -> &[Handle] {
        &self.shared.handles
    }

    /// Waits until the cluster shuts down, for whichever reason.
    ///
    /// The member then has until the [deadline](super::Cluster::drain_timeout) to end.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: the next future completes at once if the cluster has begun to
    /// shut down.
    pub fn shutdown(&self) -> WaitForCancellationFutureOwned {
        self.shared.shutdown.clone().cancelled_owned()
    }

    /// Returns the token that is cancelled when the cluster shuts down. Cancelling it shuts the
    /// cluster down.
    pub fn token(&self) -> &CancellationToken {
        &self.shared.shutdown
    }
}

assert_impl!(Member: Send + Sync);
