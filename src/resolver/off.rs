//! Without the feature `net`: no name is looked up.

/// The resolver of a loop: there is none.
#[derive(Clone, Debug)]
pub(crate) enum SharedResolver {}
