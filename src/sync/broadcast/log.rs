//! The messages of a channel and the counts of its handles, under one lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::TryRecvError;
use super::receiver::Receiver;
use crate::sync::peers::ChannelPeers;
use crate::sync::reentry::ReentryMutex;
use crate::sync::watchers::Watchers;

pub(super) struct BroadcastShared<T> {
    pub(super) log: Watchers<MessageLog<T>>,
    /// The tasks that wait until there are no receivers.
    pub(super) closed: Watchers<()>,
    pub(super) peers: ChannelPeers,
}

/// The messages that some receiver has not received yet.
pub(super) struct MessageLog<T> {
    pub(super) messages: VecDeque<LogEntry<T>>,
    /// The position of the first message.
    pub(super) first: u64,
    pub(super) capacity: usize,
    pub(super) senders: usize,
    pub(super) weak_senders: usize,
    pub(super) receivers: usize,
}

pub(super) struct LogEntry<T> {
    /// In an `Arc`, so that it is not cloned under the lock of the log, because that runs users'
    /// code. In a mutex, so that the channel is `Sync` even if `T` is not.
    body: Arc<ReentryMutex<T>>,
    /// The number of receivers that have not received it. They have not received later messages
    /// either, so the first message has the fewest.
    pub(super) receivers: usize,
}

impl<T> MessageLog<T> {
    /// Returns the position of the next message.
    pub(super) fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Appends a message. Returns the one that it displaces.
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

    /// Returns the message at `next`, and advances `next`.
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
        if message.receivers > 0 {
            return Ok(Arc::clone(&message.body));
        }
        let first = self.pop().expect("it is the first message");
        Ok(first.body)
    }

    /// Removes a receiver. Returns the messages that no other receiver needs.
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
