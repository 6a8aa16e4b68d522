//! Without the feature `tracing`: no events are sent.

use super::Report;

#[inline(always)]
pub(super) fn send(_: &Report) {}
