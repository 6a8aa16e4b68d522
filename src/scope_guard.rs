//! A closure that runs when a scope ends, also by a panic.

/// Calls `f` when the returned guard is dropped.
pub(crate) fn on_drop<F: FnOnce()>(f: F) -> OnDrop<F> {
    OnDrop(Some(f))
}

/// The guard of [`on_drop`].
#[must_use = "it is called at once unless the guard is kept"]
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn it_runs_once_at_the_end_of_the_scope_and_in_an_unwind() {
        let calls = Cell::new(0);
        let count = || calls.set(calls.get() + 1);
        {
            let _guard = on_drop(count);
            assert_eq!(calls.get(), 0);
        }
        assert_eq!(calls.get(), 1);

        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _guard = on_drop(count);
            panic!("on purpose");
        }));

        assert!(caught.is_err());
        assert_eq!(calls.get(), 2);
    }
}
