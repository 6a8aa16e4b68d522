//! `set_immediate`: a closure for the check phase.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{FirstPoll, JoinHandle, spawn_work};
use crate::panics;
use crate::tasks::{Failure, Origin, Outcome, Work};

/// Calls `f` in the next check phase: after the loop has polled the OS, before it runs the close
/// phase and the next timers.
///
/// Immediates run in the order in which they were set. One that is set by another runs in the next
/// tick. The call is a task: its panic is caught, its handle resolves to the result of `f`, and
/// [`abort`](JoinHandle::abort) cancels it.
///
/// # Panics
///
/// If no runtime is current on this thread.
///
/// # Examples
///
/// ```
/// use quintet::task::set_immediate;
///
/// # quintet::block_on(async {
/// let handle = set_immediate(|| 42);
/// assert_eq!(handle.await.unwrap(), 42);
/// # });
/// ```
#[track_caller]
pub fn set_immediate<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    let origin = Origin {
        name: None,
        location: Location::caller(),
    };
    spawn_work(Immediate(Some(f)), origin, FirstPoll::Check)
}

/// A closure as work: complete at its first poll.
struct Immediate<F>(Option<F>);

// The closure is moved out and called; it is never pinned.
impl<F> Unpin for Immediate<F> {}

impl<F: FnOnce() -> T + 'static, T: 'static> Work for Immediate<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        let f = self.0.take().expect("an immediate is called once");
        Poll::Ready(panics::contain(f).map_err(Failure::Panicked))
    }
}
