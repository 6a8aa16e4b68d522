//! Task-local values.
//!
//! A key is a thread-local `Option`. The future of a scope swaps its value in before it polls or
//! drops the future inside, and swaps it out afterwards, so no other future sees the value.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use crate::scope_guard::on_drop;

/// Declares task-local values: statics of the type [`LocalKey`](crate::task::LocalKey).
///
/// One macro call may declare several. Attributes and visibility are kept.
///
/// # Examples
///
/// ```
/// quintet::task_local! {
///     /// The user of this request.
///     pub static USER: String;
///
///     static DEPTH: u32;
/// }
///
/// # quintet::block_on(async {
/// let greeting = USER.scope("Ada".to_owned(), async {
///     USER.with(|user| format!("Hello, {user}"))
/// });
/// assert_eq!(greeting.await, "Hello, Ada");
/// assert!(DEPTH.try_get().is_err());
/// # });
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty; $($rest:tt)*) => {
        $crate::task_local!($(#[$attribute])* $visibility static $name: $type);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty) => {
        $(#[$attribute])*
        $visibility static $name: $crate::task::LocalKey<$type> = {
            // `$type` is resolved where this name is visible, so the name must not occur in a type.
            $crate::__private::thread_local! {
                static __QUINTET_TASK_LOCAL_VALUE: $crate::__private::TaskLocalValue<$type> =
                    const { $crate::__private::no_value() };
            }
            $crate::__private::local_key(__QUINTET_TASK_LOCAL_VALUE)
        };
    };
}

/// A key to a task-local value; made by [`task_local!`](crate::task_local).
///
/// The value is set by [`scope`](LocalKey::scope) for one future, wherever that is polled, and not
/// for the tasks that it spawns: they have a scope of their own, or none.
///
/// # Examples
///
/// ```
/// quintet::task_local! {
///     static NUMBER: u32;
/// }
///
/// # quintet::block_on(async {
/// NUMBER
///     .scope(1, async {
///         assert_eq!(NUMBER.get(), 1);
///         let inner = NUMBER.scope(2, async { NUMBER.get() });
///         assert_eq!(inner.await, 2);
///         assert_eq!(NUMBER.get(), 1);
///     })
///     .await;
/// # });
/// ```
pub struct LocalKey<T: 'static> {
    value: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    pub(crate) const fn new(value: thread::LocalKey<RefCell<Option<T>>>) -> Self {
        LocalKey { value }
    }

    /// Returns a future that runs `future` with the value set while it is polled or dropped.
    ///
    /// The value is dropped with the returned future.
    ///
    /// # Panics
    ///
    /// The future panics if it is polled inside [`with`](LocalKey::with) of the same key.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture {
            key: self,
            value: Some(value),
            future: Some(future),
        }
    }

    /// Sets the value while `f` runs.
    ///
    /// # Panics
    ///
    /// If it is called inside [`with`](LocalKey::with) of the same key.
    ///
    /// # Examples
    ///
    /// ```
    /// quintet::task_local! {
    ///     static NUMBER: u32;
    /// }
    ///
    /// assert_eq!(NUMBER.sync_scope(1, || NUMBER.get() + 1), 2);
    /// ```
    #[track_caller]
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value = Some(value);
        match self.swapped_in(&mut value, f) {
            Ok(result) => result,
            Err(error) => error.panic(),
        }
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// If no value is set.
    #[track_caller]
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}; use `try_with`, or call this inside `scope`"),
        }
    }

    /// Calls `f` with the value.
    ///
    /// # Errors
    ///
    /// Returns [`AccessError`] if no value is set.
    pub fn try_with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        let result = self.value.try_with(|value| value.borrow().as_ref().map(f));
        result.ok().flatten().ok_or(AccessError(()))
    }

    /// Swaps the thread's value and `value`, calls `f`, and swaps them back.
    fn swapped_in<R>(
        &'static self,
        value: &mut Option<T>,
        f: impl FnOnce() -> R,
    ) -> Result<R, ScopeError> {
        self.swap(value)?;
        let _restore = on_drop(|| {
            let swapped = self.swap(value);
            // The first swap found the thread-local, and every borrow of it ends with its `with`.
            debug_assert!(swapped.is_ok());
        });
        Ok(f())
    }

    /// Swaps the thread's value and `value`. Drops nothing.
    fn swap(&'static self, value: &mut Option<T>) -> Result<(), ScopeError> {
        let swap = |current: &RefCell<Option<T>>| match current.try_borrow_mut() {
            Ok(mut current) => {
                mem::swap(&mut *current, value);
                Ok(())
            }
            Err(_) => Err(ScopeError::Borrowed),
        };
        self.value.try_with(swap).unwrap_or(Err(ScopeError::Gone))
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// Returns a clone of the value.
    ///
    /// # Panics
    ///
    /// If no value is set.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// Returns a clone of the value.
    ///
    /// # Errors
    ///
    /// Returns [`AccessError`] if no value is set.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Why a value cannot be swapped in.
#[derive(Debug)]
enum ScopeError {
    Borrowed,
    Gone,
}

impl ScopeError {
    #[track_caller]
    fn panic(&self) -> ! {
        match self {
            ScopeError::Borrowed => panic!(
                "a task-local scope cannot begin inside `with` of the same key; leave `with` first"
            ),
            ScopeError::Gone => panic!(
                "a task-local scope cannot begin in a destructor of a thread-local: the key's own \
                 thread-local has been destroyed"
            ),
        }
    }
}

pin_project! {
    /// The future of [`LocalKey::scope`].
    ///
    /// # Cancel safety
    ///
    /// The same as that of the future inside.
    ///
    /// # Panics
    ///
    /// Panics when it is polled after completion, or inside [`LocalKey::with`] of the same key.
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if mem::needs_drop::<F>() && this.future.is_some() {
                // If the value cannot be set, the future is dropped without it, as a field.
                let future = &mut this.future;
                let _unset = this.key.swapped_in(this.value, || future.set(None));
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value, or returns `None` if it has been taken. After this the future inside sees
    /// no value.
    ///
    /// # Examples
    ///
    /// ```
    /// quintet::task_local! {
    ///     static NUMBERS: std::cell::RefCell<Vec<u32>>;
    /// }
    ///
    /// # quintet::block_on(async {
    /// let mut scope = Box::pin(NUMBERS.scope(Default::default(), async {
    ///     NUMBERS.with(|numbers| numbers.borrow_mut().push(5));
    /// }));
    /// scope.as_mut().await;
    /// assert_eq!(scope.as_mut().take_value().unwrap().into_inner(), [5]);
    /// # });
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut future = this.future;
        let polled = this.key.swapped_in(this.value, || {
            let poll = future.as_mut().as_pin_mut()?.poll(cx);
            if poll.is_ready() {
                future.set(None);
            }
            Some(poll)
        });
        match polled {
            Ok(Some(poll)) => poll,
            Ok(None) => panic!("`TaskLocalFuture` polled after completion"),
            Err(error) => error.panic(),
        }
    }
}

impl<T, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture")
            .field("has_value", &self.value.is_some())
            .field("is_done", &self.future.is_none())
            .finish_non_exhaustive()
    }
}

/// No value is set; see [`LocalKey::try_with`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no value of this task-local is set here")
    }
}

impl Error for AccessError {}
