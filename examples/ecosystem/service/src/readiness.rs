//! Whether the service wants requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the service wants requests: not before it has started, and not once it is to end.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Sets whether it wants requests.
    pub fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Relaxed);
    }

    /// Returns whether it wants requests.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
