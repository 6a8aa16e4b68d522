//! A FIFO of waiters, each with a numbered ticket.

use std::collections::VecDeque;

/// A FIFO whose entries can be found by the ticket that [`push`](TicketQueue::push) has returned.
#[derive(Debug)]
pub(crate) struct TicketQueue<T> {
    entries: VecDeque<T>,
    /// How many entries have been taken: the ticket of the first entry.
    taken: u64,
}

impl<T> TicketQueue<T> {
    pub(crate) fn new() -> Self {
        TicketQueue {
            entries: VecDeque::new(),
            taken: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Iterates over the entries, from first to last.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// Adds an entry at the end, and returns its ticket.
    #[inline]
    pub(crate) fn push(&mut self, entry: T) -> u64 {
        self.entries.push_back(entry);
        self.taken + self.entries.len() as u64 - 1
    }

    /// Takes the first entry.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.taken += 1;
        Some(entry)
    }

    /// Returns whether the entry of `ticket` has been taken.
    #[inline]
    pub(crate) fn is_taken(&self, ticket: u64) -> bool {
        ticket < self.taken
    }

    /// Returns the entry of `ticket`, or `None` if it has been taken.
    pub(crate) fn get_mut(&mut self, ticket: u64) -> Option<&mut T> {
        let ahead = usize::try_from(ticket.checked_sub(self.taken)?).ok()?;
        self.entries.get_mut(ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_finds_its_entry_until_that_is_taken() {
        let mut queue = TicketQueue::new();
        let tickets = ['a', 'b', 'c'].map(|entry| queue.push(entry));

        assert_eq!(queue.pop(), Some('a'));

        assert_eq!(queue.get_mut(tickets[0]), None);
        assert_eq!(
            tickets.map(|ticket| queue.is_taken(ticket)),
            [true, false, false]
        );
        assert_eq!(queue.get_mut(tickets[1]), Some(&mut 'b'));
        assert_eq!(queue.get_mut(tickets[2]), Some(&mut 'c'));
        assert_eq!(queue.push('d'), tickets[2] + 1);
    }
}
