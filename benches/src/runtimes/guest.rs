//! Quintet as the guest of tokio's current-thread runtime.

use super::quintet::{Drivable, QuintetBy};

/// The adapter of quintet as a guest.
pub(crate) type QuintetGuest = QuintetBy<AsGuest>;

/// A runtime of tokio.
pub(crate) struct AsGuest;

impl Drivable for AsGuest {
    fn block_on<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        quintet::compat::block_on(future)
    }
}
