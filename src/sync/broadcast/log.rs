//! The messages of a channel and the counts of its handles, under one lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::TryRecvError;
use super::receiver::Receiver;
use crate::sync::reentry::ReentryMutex;
use crate::sync::watchers::Watchers;

pub(super) struct BroadcastShared<T> {
    pub(super) log: Watchers<MessageLog<T>>,
    /// Those who wait for there to be no receivers.
    pub(super) closed: Watchers<()>,
}

/// The messages that somebody has still to receive.
pub(super) struct MessageLog<T> {
    pub(super) messages: VecDeque<LogEntry<T>>,
    /// The position of the first of them.
    pub(super) first: u64,
    pub(super) capacity: usize,
    pub(super) senders: usize,
    pub(super) weak_senders: usize,
    pub(super) receivers: usize,
}

pub(super) struct LogEntry<T> {
    /// Counted, so that it is cloned, which runs users' code, not under the log's lock; and in a
    /// lock, so that the channel is `Sync` even where `T` is not.
    body: Arc<ReentryMutex<T>>,
    /// How many receivers have still to receive it. Who has not received one message has not
    /// received later ones, so the first has the fewest.
    pub(super) receivers: usize,
}

impl<T> MessageLog<T> {
    /// The position of the next message.
    pub(super) fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Adds a message. Returns the one that had to give way.
    pub(super) fn push(&mut self, message: T) -> Option<LogEntry<T>> {
        let is_full = self.messages.len() == self.capacity;
        let displaced = if is_full { self.pop() } else { None };
        self.messages.push_back(LogEntry {
            body: Arc::new(ReentryMutex::new(message)),
            receivers: self.receivers,
        });
        displaced
    }

    pub(super) fn pop(&mut self) -> Option<LogEntry<T>> {
        self.first += 1;
        self.messages.pop_front()
    }

    /// The message at `next`, which is moved on.
    pub(super) fn take(&mut self, next: &mut u64) -> Result<Arc<ReentryMutex<T>>, TryRecvError> {
        if *next < self.first {
            let missed = self.first - *next;
            *next = self.first;
            return Err(TryRecvError::Lagged(missed));
        }
        let index = (*next - self.first) as usize;
        let Some(message) = self.messages.get_mut(index) else {
            return Err(if self.senders == 0 {
                TryRecvError::Closed
            } else {
                TryRecvError::Empty
            });
        };
        *next += 1;
        message.receivers -= 1;
        let body = Arc::clone(&message.body);
        if message.receivers == 0 {
            // It is the first, and we have its body.
            drop(self.pop());
        }
        Ok(body)
    }

    /// Takes out a receiver. Returns the messages that were there for it alone.
    pub(super) fn leave(&mut self, next: u64) -> Vec<LogEntry<T>> {
        self.receivers -= 1;
        let seen = next.saturating_sub(self.first) as usize;
        for message in self.messages.iter_mut().skip(seen) {
            message.receivers -= 1;
        }
        let mut unwanted = Vec::new();
        while self.messages.front().is_some_and(|m| m.receivers == 0) {
            unwanted.extend(self.pop());
        }
        unwanted
    }
}

impl<T> BroadcastShared<T> {
    pub(super) fn subscribe(self: &Arc<Self>) -> Receiver<T> {
        let next = self.log.with(|log| {
            log.receivers += 1;
            log.end()
        });
        Receiver::new(Arc::clone(self), next)
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.log.with(|log| log.receivers == 0)
    }
}
