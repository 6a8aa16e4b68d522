//! The names of threads, and functions of users that threads call.

use std::fmt;
use std::slice;
use std::sync::Arc;

/// How the threads of a pool are named.
#[derive(Clone, Debug)]
pub(crate) enum ThreadNames {
    /// A hyphen and the number of the slot follow: `-0`.
    Prefix(String),
    /// One name for each slot.
    Each(Vec<String>),
}

impl ThreadNames {
    pub(super) fn name(&self, slot: usize) -> String {
        match self {
            ThreadNames::Prefix(prefix) => format!("{prefix}-{slot}"),
            ThreadNames::Each(names) => names[slot].clone(),
        }
    }

    /// Returns what the names are made of.
    pub(crate) fn all(&self) -> &[String] {
        match self {
            ThreadNames::Prefix(prefix) => slice::from_ref(prefix),
            ThreadNames::Each(names) => names,
        }
    }
}

/// A function of the user.
#[derive(Clone)]
pub(crate) struct ThreadHook(Arc<dyn Fn() + Send + Sync>);

impl ThreadHook {
    pub(crate) fn new(function: impl Fn() + Send + Sync + 'static) -> Self {
        ThreadHook(Arc::new(function))
    }

    pub(crate) fn call(&self) {
        (self.0)();
    }
}

impl fmt::Debug for ThreadHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadHook").finish_non_exhaustive()
    }
}
