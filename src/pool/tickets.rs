//! The tickets of a loop's jobs, used again and again.
//!
//! A burst of jobs is a burst of allocations, and their tickets would be a third of it. So a loop
//! that queues a job takes the ticket of an earlier one that nobody holds any more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::job::{Label, Ticket};

/// How many tickets are kept, about 64 bytes each.
const KEPT_MAX: usize = 1024;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Tickets {
    /// The one issued longest ago first. Some may be in use.
    issued: Mutex<VecDeque<Arc<Ticket>>>,
}

impl Tickets {
    /// A ticket that nobody else holds a share of, but for this.
    ///
    /// Jobs end about in the order in which they came, so a single look, at the oldest, mostly finds
    /// one to use again. One that is held for long moves to the back and is in nobody's way.
    pub(super) fn issue(&self, label: Label) -> Arc<Ticket> {
        let ticket = Ticket::new(label);
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut oldest) = issued.pop_front() {
            if let Some(unused) = Arc::get_mut(&mut oldest) {
                *unused = ticket;
                issued.push_back(Arc::clone(&oldest));
                return oldest;
            }
            if issued.len() < KEPT_MAX - 1 {
                issued.push_back(oldest);
            }
        }
        let ticket = Arc::new(ticket);
        issued.push_back(Arc::clone(&ticket));
        ticket
    }
}
