//! A buffer of bytes that have been read and not been taken yet.

use std::mem;

/// A buffer that is larger than this, because of a long line, is freed when it is empty.
const KEPT_MAX: usize = 64 * 1024;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct ReadAhead {
    /// All of it is initialized, so that reads need not do that.
    bytes: Vec<u8>,
    /// What has been read is `start..end`.
    start: usize,
    end: usize,
    /// So many bytes from `start` on contain no end of a line.
    scanned: usize,
}

impl ReadAhead {
    pub(super) const fn new() -> Self {
        ReadAhead {
            bytes: Vec::new(),
            start: 0,
            end: 0,
            scanned: 0,
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Removes bytes from the front.
    ///
    /// # Panics
    ///
    /// Panics if there are not so many.
    #[track_caller]
    pub(super) fn consume(&mut self, len: usize) {
        assert!(
            len <= self.as_slice().len(),
            "{len} bytes are consumed, but only {} have been read",
            self.as_slice().len()
        );
        self.start += len;
        self.scanned = self.scanned.saturating_sub(len);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEPT_MAX {
                self.bytes = Vec::new();
            }
        }
    }

    /// Returns room for `len` bytes behind what is there.
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() - self.end < len && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() - self.end < len {
            // At least twice as large, so that a long line is not copied again and again.
            let len = (self.end + len).max(2 * self.end);
            self.bytes.resize(len, 0);
        }
        &mut self.bytes[self.end..self.end + len]
    }

    /// Adds the first `len` bytes of what [`room`](ReadAhead::room) has returned.
    pub(super) fn fill(&mut self, len: usize) {
        self.end += len;
        assert!(self.end <= self.bytes.len(), "there was room for less");
    }

    pub(super) fn append(&mut self, data: &[u8]) {
        self.room(data.len()).copy_from_slice(data);
        self.fill(data.len());
    }

    /// Puts back what is left in `front`, before what is there.
    pub(super) fn put_back(&mut self, front: &mut ReadAhead) {
        if !self.is_empty() {
            front.append(self.as_slice());
        }
        *self = mem::replace(front, ReadAhead::new());
    }

    /// Returns the length of the first line, with its end.
    pub(super) fn line_len(&mut self) -> Option<usize> {
        let unscanned = &self.bytes[self.start + self.scanned..self.end];
        if let Some(at) = unscanned.iter().position(|&byte| byte == b'\n') {
            return Some(self.scanned + at + 1);
        }
        self.scanned = self.end - self.start;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn containing(data: &[u8]) -> ReadAhead {
        let mut buffer = ReadAhead::new();
        buffer.append(data);
        buffer
    }

    #[test]
    fn lines_are_found_across_appends() {
        let mut buffer = containing(b"on");
        assert_eq!(buffer.line_len(), None);
        buffer.append(b"e\ntwo\nth");
        assert_eq!(buffer.line_len(), Some(4));
        buffer.consume(4);
        assert_eq!(buffer.line_len(), Some(4));
        buffer.consume(2);
        assert_eq!(buffer.line_len(), Some(2));
        buffer.consume(2);
        assert_eq!(buffer.line_len(), None);
        // What has been searched is consumed.
        buffer.consume(1);
        buffer.append(b"ree\n");
        assert_eq!(buffer.line_len(), Some(5));
        assert_eq!(buffer.as_slice(), b"hree\n");
    }

    #[test]
    fn what_is_put_back_comes_first() {
        let mut buffer = containing(b"line\n");
        let mut front = containing(b"xfirst ");
        front.consume(1);
        buffer.put_back(&mut front);
        assert!(front.is_empty());
        assert_eq!(buffer.as_slice(), b"first line\n");
        assert_eq!(buffer.line_len(), Some(11));
    }

    #[test]
    fn bytes_survive_a_move_to_the_front_and_a_larger_buffer() {
        let mut buffer = containing(&[b'a'; 100]);
        buffer.consume(90);
        buffer.append(&[b'b'; 95]);
        buffer.append(&[b'c'; 1000]);
        let expected = [vec![b'a'; 10], vec![b'b'; 95], vec![b'c'; 1000]].concat();
        assert_eq!(buffer.as_slice(), expected);
    }

    #[test]
    fn the_memory_of_a_long_line_is_freed() {
        let mut buffer = containing(&vec![0; KEPT_MAX + 1]);
        buffer.consume(KEPT_MAX + 1);
        assert_eq!(buffer.bytes.len(), 0);
    }
}
