//! Values that the children of a task inherit.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::scope_guard::on_drop;
use crate::vars;

/// A variable whose value belongs to a task and is inherited by its children, such as the current
/// user or the id of a request.
///
/// Every task and every child of a [`scope`](super::scope()) has its own values. A task, a child,
/// and a closure given to [`set_immediate`](super::set_immediate) begin with the values of the code
/// that spawned them. A value that a task sets later is visible to itself and to the children it
/// spawns from then on. Node's `AsyncLocalStorage` and Python's `contextvars` work the same way. (A
/// [`task_local!`](crate::task_local) is not inherited.)
///
/// Blocking jobs, and tasks spawned from another thread, begin without values.
///
/// # Examples
///
/// ```
/// use quintet::task::ContextVar;
///
/// static REQUEST: ContextVar<u32> = ContextVar::new();
///
/// # quintet::block_on(async {
/// let tasks = [1, 2].map(|id| {
///     quintet::spawn(REQUEST.scope(id, async {
///         let child = quintet::spawn(async { REQUEST.get() });
///         child.await.unwrap()
///     }))
/// });
/// for (task, id) in tasks.into_iter().zip([1, 2]) {
///     assert_eq!(task.await.unwrap(), Some(id));
/// }
/// assert_eq!(REQUEST.get(), None);
/// # });
/// ```
pub struct ContextVar<T: 'static> {
    number: OnceLock<u64>,
    _value: PhantomData<fn() -> T>,
}

impl<T: 'static> ContextVar<T> {
    /// Makes a variable without a value, usually for a `static`.
    #[must_use]
    pub const fn new() -> Self {
        ContextVar {
            number: OnceLock::new(),
            _value: PhantomData,
        }
    }

    fn number(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        *self
            .number
            .get_or_init(|| NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns a copy of the value, if there is one.
    pub fn get(&self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }

    /// Calls `f` with the value, if there is one.
    pub fn with<R>(&self, f: impl FnOnce(Option<&T>) -> R) -> R {
        let value = vars::get(self.number());
        f(value.as_ref().and_then(|value| value.downcast_ref()))
    }

    /// Sets the value for the rest of this task and for the children that it spawns from now on.
    ///
    /// Outside of a task the value is set for this thread, and tasks spawned from here inherit it.
    pub fn set(&self, value: T) {
        drop(vars::set(self.number(), Some(Rc::new(value))));
    }

    /// Removes the value.
    pub fn clear(&self) {
        drop(vars::set(self.number(), None));
    }

    /// Runs `future` with `value`, which is visible to it and to the tasks that it spawns. Code
    /// outside of `future` sees the former value.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> ContextVarScope<F> {
        ContextVarScope {
            value: Scoped {
                number: self.number(),
                value: Some(Rc::new(value)),
            },
            future: Some(future),
        }
    }

    /// Calls `f` with `value`, which is visible to it and to the tasks that it spawns.
    pub fn sync_scope<R>(&self, value: T, f: impl FnOnce() -> R) -> R {
        let mut value = Scoped {
            number: self.number(),
            value: Some(Rc::new(value)),
        };
        value.within(f)
    }
}

impl<T: 'static> Default for ContextVar<T> {
    fn default() -> Self {
        ContextVar::new()
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|value| f.debug_tuple("ContextVar").field(&value).finish())
    }
}

/// The value of one variable while it is not set.
struct Scoped {
    number: u64,
    value: Option<Rc<dyn Any>>,
}

impl Scoped {
    /// Calls `f` with the value set, and afterwards keeps the value that `f` left.
    fn within<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let outer = vars::set(self.number, self.value.take());
        let _restore = on_drop(|| self.value = vars::set(self.number, outer));
        f()
    }
}

pin_project! {
    /// The future of [`ContextVar::scope`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct ContextVarScope<F> {
        value: Scoped,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for ContextVarScope<F> {
        fn drop(this: Pin<&mut Self>) {
            // The future's destructor sees the value too.
            let mut this = this.project();
            if this.future.is_some() {
                this.value.within(|| this.future.set(None));
            }
        }
    }
}

impl<F: Future> Future for ContextVarScope<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        this.value.within(|| {
            let Some(future) = this.future.as_mut().as_pin_mut() else {
                panic!("`ContextVarScope` polled after completion");
            };
            let polled = future.poll(cx);
            if polled.is_ready() {
                this.future.set(None);
            }
            polled
        })
    }
}

impl<F> fmt::Debug for ContextVarScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVarScope").finish_non_exhaustive()
    }
}

assert_impl!(ContextVar<Rc<()>>: Send + Sync);
