//! What a caller waits for.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// Urgent data; a public constant only where the OS reports it.
const PRIORITY: u8 = 4;
const ERROR: u8 = 8;

const NAMES: [(u8, &str); 4] = [
    (READABLE, "READABLE"),
    (WRITABLE, "WRITABLE"),
    (PRIORITY, "PRIORITY"),
    (ERROR, "ERROR"),
];

/// The events of a source that a caller waits for, a set that is never empty.
///
/// The constants have the names of tokio's. Sets are combined by `|` or
/// [`add`](Interest::add).
///
/// # Examples
///
/// ```
/// use quintet::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(format!("{both:?}"), "READABLE | WRITABLE");
/// assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Interest in reading: there is data, the other end has closed its half, or the source has
    /// failed.
    pub const READABLE: Interest = Interest(READABLE);

    /// Interest in writing: there is room, the other end has closed its half, or the source has
    /// failed.
    pub const WRITABLE: Interest = Interest(WRITABLE);

    /// Interest in errors alone.
    ///
    /// [`READABLE`](Interest::READABLE) and [`WRITABLE`](Interest::WRITABLE) include errors,
    /// because the next operation does not wait but returns the error. Which errors the OS reports
    /// differs: see `POLLERR` in its documentation of `poll`.
    pub const ERROR: Interest = Interest(ERROR);

    /// Interest in urgent data, on any platform.
    pub(crate) const URGENT: Interest = Interest(PRIORITY);

    const fn contains(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    /// Returns whether the set contains [`READABLE`](Interest::READABLE).
    pub const fn is_readable(self) -> bool {
        self.contains(READABLE)
    }

    /// Returns whether the set contains [`WRITABLE`](Interest::WRITABLE).
    pub const fn is_writable(self) -> bool {
        self.contains(WRITABLE)
    }

    /// Returns whether the set contains [`ERROR`](Interest::ERROR).
    pub const fn is_error(self) -> bool {
        self.contains(ERROR)
    }

    /// Returns whether the set contains interest in urgent data, on any platform.
    pub(crate) const fn wants_priority(self) -> bool {
        self.contains(Interest::URGENT.0)
    }

    /// Returns the events of both sets. This is the `|` operator as a `const fn`.
    #[must_use = "this method returns a new set, and does not change the old one"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// Returns the events of this set that are not in `other`, or `None` if there are none.
    #[must_use = "this method returns a new set, and does not change the old one"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        let left = self.0 & !other.0;
        (left != 0).then_some(Interest(left))
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (_, name) in NAMES.iter().filter(|(bit, _)| self.contains(*bit)) {
            write!(f, "{separator}{name}")?;
            separator = " | ";
        }
        Ok(())
    }
}
