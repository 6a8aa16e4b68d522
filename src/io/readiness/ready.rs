//! What a source is ready for.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

use super::Interest;
use super::os::HAS_PRIORITY;

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
const READ_CLOSED: u8 = 4;
const WRITE_CLOSED: u8 = 8;
/// Urgent data; a public constant only where the OS reports it.
const PRIORITY: u8 = 16;
const ERROR: u8 = 32;

/// What a source is ready for: a set of events, returned by `ready` methods.
///
/// It is a hint: an operation may still find that it would block. The constants have the names of
/// tokio's.
///
/// # Examples
///
/// ```
/// use quintet::io::Ready;
///
/// let ready = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(ready.is_readable() && ready.is_read_closed());
/// assert!(!ready.is_writable());
/// assert_eq!(ready - Ready::READ_CLOSED, Ready::READABLE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// The empty set.
    pub const EMPTY: Ready = Ready(0);

    /// A read would not block: it returns data, the end of the stream or an error.
    pub const READABLE: Ready = Ready(READABLE);

    /// A write would not block: it writes data or returns an error.
    pub const WRITABLE: Ready = Ready(WRITABLE);

    /// No more data will come. There may still be data to be read.
    pub const READ_CLOSED: Ready = Ready(READ_CLOSED);

    /// Data can no longer be written.
    pub const WRITE_CLOSED: Ready = Ready(WRITE_CLOSED);

    /// The source has failed, and the next operation returns the error.
    pub const ERROR: Ready = Ready(ERROR);

    /// All events that this platform reports.
    pub const ALL: Ready = Ready(
        READABLE
            | WRITABLE
            | READ_CLOSED
            | WRITE_CLOSED
            | ERROR
            | if HAS_PRIORITY { PRIORITY } else { 0 },
    );

    /// Urgent data, on any platform.
    pub(crate) const URGENT: Ready = Ready(PRIORITY);

    /// Returns the events by which `interest` is satisfied.
    pub(crate) fn of_interest(interest: Interest) -> Self {
        let when = |is_wanted: bool, events| if is_wanted { events } else { 0 };
        Ready(
            when(interest.is_readable(), READABLE | READ_CLOSED)
                | when(interest.is_writable(), WRITABLE | WRITE_CLOSED)
                | when(interest.wants_priority(), PRIORITY | READ_CLOSED)
                | when(interest.is_error(), ERROR),
        )
    }

    /// Returns `self` if `is_set`, or the empty set.
    #[must_use]
    pub(crate) fn when(self, is_set: bool) -> Self {
        if is_set { self } else { Ready::EMPTY }
    }

    /// Returns whether the set contains all events of `other`.
    pub(crate) fn contains(self, other: Ready) -> bool {
        self & other == other
    }

    /// Returns whether the set is empty.
    pub fn is_empty(self) -> bool {
        self == Ready::EMPTY
    }

    /// Returns whether a read would not block: the set contains [`READABLE`](Ready::READABLE) or
    /// [`READ_CLOSED`](Ready::READ_CLOSED).
    pub fn is_readable(self) -> bool {
        self.contains(Ready::READABLE) || self.is_read_closed()
    }

    /// Returns whether a write would not block: the set contains [`WRITABLE`](Ready::WRITABLE) or
    /// [`WRITE_CLOSED`](Ready::WRITE_CLOSED).
    pub fn is_writable(self) -> bool {
        self.contains(Ready::WRITABLE) || self.is_write_closed()
    }

    /// Returns whether the set contains [`READ_CLOSED`](Ready::READ_CLOSED).
    pub fn is_read_closed(self) -> bool {
        self.contains(Ready::READ_CLOSED)
    }

    /// Returns whether the set contains [`WRITE_CLOSED`](Ready::WRITE_CLOSED).
    pub fn is_write_closed(self) -> bool {
        self.contains(Ready::WRITE_CLOSED)
    }

    /// Returns whether the set contains [`ERROR`](Ready::ERROR).
    pub fn is_error(self) -> bool {
        self.contains(Ready::ERROR)
    }
}

impl BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Ready");
        fields
            .field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error());
        if HAS_PRIORITY {
            fields.field("is_priority", &self.contains(Ready::URGENT));
        }
        fields.finish()
    }
}
