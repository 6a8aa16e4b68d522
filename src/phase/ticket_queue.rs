//! A queue of tasks who wait to be served in order, each with a numbered ticket.

use std::collections::VecDeque;

/// A FIFO whose entries can be found again, and seen to have left, by the ticket that [`push`]
/// gave.
///
/// [`push`]: TicketQueue::push
#[derive(Debug)]
pub(crate) struct TicketQueue<T> {
    entries: VecDeque<T>,
    /// How many have been served; the ticket of the entry in front.
    served: u64,
}

impl<T> TicketQueue<T> {
    pub(crate) fn new() -> Self {
        TicketQueue {
            entries: VecDeque::new(),
            served: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Those who stand in it, from the front.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// Joins the end of the queue.
    #[inline]
    pub(crate) fn push(&mut self, entry: T) -> u64 {
        self.entries.push_back(entry);
        self.served + self.entries.len() as u64 - 1
    }

    /// Serves the one in front.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let entry = self.entries.pop_front()?;
        self.served += 1;
        Some(entry)
    }

    /// Whether `ticket` has been served.
    #[inline]
    pub(crate) fn is_served(&self, ticket: u64) -> bool {
        ticket < self.served
    }

    /// The entry of `ticket`; `None` once it has been served.
    pub(crate) fn get_mut(&mut self, ticket: u64) -> Option<&mut T> {
        let ahead = usize::try_from(ticket.checked_sub(self.served)?).ok()?;
        self.entries.get_mut(ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_finds_its_entry_until_it_is_served() {
        let mut queue = TicketQueue::new();
        let tickets = ['a', 'b', 'c'].map(|entry| queue.push(entry));

        assert_eq!(queue.pop(), Some('a'));

        assert_eq!(queue.get_mut(tickets[0]), None);
        assert_eq!(
            tickets.map(|ticket| queue.is_served(ticket)),
            [true, false, false]
        );
        assert_eq!(queue.get_mut(tickets[1]), Some(&mut 'b'));
        assert_eq!(queue.get_mut(tickets[2]), Some(&mut 'c'));
        assert_eq!(queue.push('d'), tickets[2] + 1);
    }
}
