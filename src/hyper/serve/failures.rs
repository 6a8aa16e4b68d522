//! What a server passes on about its connections, from all of its tasks.

use std::cell::RefCell;
use std::rc::Rc;

use crate::serve::ServeError;

/// The function that gets the errors.
type OnError = Box<dyn FnMut(ServeError)>;

/// Where errors go. All clones are one.
#[derive(Clone)]
pub(super) struct Failures(Rc<RefCell<OnError>>);

impl Failures {
    pub(super) fn new(on_error: OnError) -> Self {
        Failures(Rc::new(RefCell::new(on_error)))
    }

    pub(super) fn note(&self, error: ServeError) {
        // The function runs in one task at a time, because no task is polled within another.
        (self.0.borrow_mut())(error);
    }
}
