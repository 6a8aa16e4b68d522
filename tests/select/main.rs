//! `select!`, `join!`, `try_join!` and `pin!`.

#[path = "../support/mod.rs"]
mod support;

mod join;
mod pin;
mod select;
mod try_join;

use std::cell::Cell;
use std::rc::Rc;

/// A future that is ready at once, and counts its polls.
async fn ready<T>(value: T) -> T {
    value
}

/// A value that notes when it is dropped.
struct NotesDrop(Rc<Cell<bool>>);

impl Drop for NotesDrop {
    fn drop(&mut self) {
        self.0.set(true);
    }
}
