//! A log that tasks and destructors of one thread share.

use std::cell::RefCell;
use std::rc::Rc;

/// What happened, in order.
pub(crate) struct Log<T>(Rc<RefCell<Vec<T>>>);

impl<T> Default for Log<T> {
    fn default() -> Self {
        Log(Rc::default())
    }
}

impl<T> Clone for Log<T> {
    fn clone(&self) -> Self {
        Log(Rc::clone(&self.0))
    }
}

impl<T> Log<T> {
    pub(crate) fn add(&self, line: T) {
        self.0.borrow_mut().push(line);
    }

    /// Takes what has been logged.
    pub(crate) fn lines(&self) -> Vec<T> {
        self.0.take()
    }
}
