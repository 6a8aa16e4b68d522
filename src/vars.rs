//! The values of context variables, which a task passes on to its children.
//!
//! While a task is polled, its values are in a thread-local. A task that is spawned by it gets a
//! snapshot of them. A program that sets no variable pays one check of a flag for each poll.
//!
//! `counts` of the attributes here: `#[inline]` saves 33 instructions for a `sleep(0)` in a task
//! and 22 for a cancelled timer; `#[inline]` and `#[cold]` together save 35 for a spawn and join.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use crate::panics;
use crate::scope_guard::on_drop;

/// The values of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars(Option<Rc<Values>>);

/// Values by the numbers of their variables. They are few, so a linear search is fast.
type Values = Vec<(u64, Rc<dyn Any>)>;

thread_local! {
    /// Whether a variable was ever set on this thread.
    static IS_USED: Cell<bool> = const { Cell::new(false) };
    static CURRENT: RefCell<Vars> = const { RefCell::new(Vars(None)) };
}

/// Whether a variable was ever set on this thread.
#[inline]
pub(crate) fn are_used() -> bool {
    IS_USED.get()
}

impl Vars {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The values that a child of the running code inherits.
    #[inline]
    pub(crate) fn inherit() -> Self {
        if !IS_USED.get() {
            return Vars(None);
        }
        CURRENT
            .try_with(|current| current.borrow().clone())
            .unwrap_or_default()
    }

    /// Calls `f` with these values as the current ones, and stores what `f` has changed.
    #[inline]
    pub(crate) fn with<R>(&mut self, f: impl FnOnce() -> R) -> R {
        if IS_USED.get() {
            return self.with_swapped(f);
        }
        let result = f();
        if IS_USED.get() {
            *self = Vars::take_current();
        }
        result
    }

    /// Takes the current values, which the running task was the first on this thread to set.
    #[cold]
    pub(crate) fn take_current() -> Self {
        CURRENT
            .try_with(|current| current.take())
            .unwrap_or_default()
    }

    #[cold]
    fn with_swapped<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let outer = replace(mem::take(self));
        let _restore = on_drop(|| *self = replace(outer));
        f()
    }
}

/// Calls `f` without any values, and drops the values that it sets.
#[inline]
pub(crate) fn without<R>(f: impl FnOnce() -> R) -> R {
    let outer = if IS_USED.get() {
        replace(Vars(None))
    } else {
        Vars(None)
    };
    let _restore = on_drop(|| {
        if IS_USED.get() {
            drop_current(outer);
        }
    });
    f()
}

/// Drops the current values, and makes `outer` the current ones.
#[cold]
fn drop_current(outer: Vars) {
    // Twice, because the destructor of a value may set another value.
    for vars in [Vars(None), outer] {
        let own = replace(vars);
        panics::drop_contained(own, "the destructor of a context variable's value");
    }
}

/// Makes `vars` the current values, and returns the previous ones.
fn replace(vars: Vars) -> Vars {
    // During the end of the thread, this thread-local may be destroyed.
    CURRENT
        .try_with(|current| current.replace(vars))
        .unwrap_or_default()
}

/// Returns the value of the variable `number`.
pub(crate) fn get(number: u64) -> Option<Rc<dyn Any>> {
    let get = |current: &RefCell<Vars>| {
        let current = current.borrow();
        let values = current.0.as_ref()?;
        let (_, value) = values.iter().find(|(other, _)| *other == number)?;
        Some(Rc::clone(value))
    };
    CURRENT.try_with(get).ok().flatten()
}

/// Sets or removes the value of the variable `number`, and returns the previous value.
pub(crate) fn set(number: u64, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
    IS_USED.set(true);
    let set = |current: &RefCell<Vars>| {
        let mut current = current.borrow_mut();
        let values = Rc::make_mut(current.0.get_or_insert_default());
        let index = values.iter().position(|(other, _)| *other == number);
        match (index, value) {
            (Some(index), Some(value)) => Some(mem::replace(&mut values[index].1, value)),
            (Some(index), None) => Some(values.remove(index).1),
            (None, Some(value)) => {
                values.push((number, value));
                None
            }
            (None, None) => None,
        }
    };
    CURRENT.try_with(set).ok().flatten()
}
