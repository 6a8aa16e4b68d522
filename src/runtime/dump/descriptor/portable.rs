//! What a descriptor refers to, where there is no `/proc` that tells it: its number.
//!
//! A loop knows its sources by number only, and safe code cannot use a number as a descriptor.

use std::os::fd::RawFd;

/// Descriptors and their descriptions.
#[derive(Default)]
pub(in crate::runtime) struct Descriptors {}

impl Descriptors {
    pub(in crate::runtime) fn describe(&mut self, fd: RawFd) -> String {
        format!("descriptor {fd}")
    }
}
