//! A task's budget, as far as it is its own business.
//!
//! One poll of a task may do 128 operations of this crate (and a few less if they move many bytes).
//! After that every one of them answers `Pending`, and the task goes on in the pending phase of the
//! next tick. So whatever is always ready cannot keep a task, and with it the loop, busy for ever.
//!
//! What is here makes loops without such operations take part in that ([`consume_budget`],
//! [`cooperative`]), asks ([`has_budget_remaining`]), and opts out ([`unconstrained`]).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::coop;

/// Charges the task one operation; if its budget is spent, lets others have their turn first.
///
/// For loops that compute and do none of this crate's operations. Where nothing is left, the task
/// goes on in the pending phase of the next tick; all other calls cost next to nothing.
///
/// # Cancel safety
///
/// Nothing is charged unless it is done.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let mut sum = 0;
/// for n in 0..10_000u64 {
///     sum += n * n;
///     quintet::task::coop::consume_budget().await;
/// }
/// assert_eq!(sum, 333_283_335_000);
/// # });
/// ```
pub async fn consume_budget() {
    coop::operate().await;
}

/// Returns whether the task may do one more operation in this poll.
///
/// It always may where nothing is counted: outside of tasks, and in [`unconstrained`].
///
/// # Examples
///
/// ```
/// use quintet::task::coop::{consume_budget, has_budget_remaining};
///
/// # quintet::block_on(async {
/// let mut operations = 0;
/// while has_budget_remaining() {
///     consume_budget().await;
///     operations += 1;
/// }
/// assert_eq!(operations, 128);
/// # });
/// ```
pub fn has_budget_remaining() -> bool {
    coop::has_budget()
}

/// Lets `future` do as many operations in one poll as it likes: none is charged or refused.
///
/// A future that finds something ready for ever then keeps the loop for ever; bound it by other
/// means.
///
/// # Examples
///
/// ```
/// use quintet::task::coop::{consume_budget, has_budget_remaining};
///
/// # quintet::block_on(async {
/// quintet::task::unconstrained(async {
///     for _ in 0..1000 {
///         consume_budget().await;
///     }
/// })
/// .await;
/// assert!(has_budget_remaining());
/// # });
/// ```
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

pin_project! {
    /// The future of [`unconstrained`].
    ///
    /// # Cancel safety
    ///
    /// That of the future inside.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        coop::without_budget(|| self.project().future.poll(cx))
    }
}

/// Makes the end of `future` an operation of the budget.
///
/// For futures of other crates that are often ready at once, such as the receiver of a channel:
/// a task that awaits them in a loop then yields like one that awaits this crate's.
///
/// # Examples
///
/// ```
/// use quintet::task::coop::cooperative;
///
/// # quintet::block_on(async {
/// let output = cooperative(std::future::ready(5)).await;
/// assert_eq!(output, 5);
/// # });
/// ```
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

pin_project! {
    /// The future of [`cooperative`].
    ///
    /// # Cancel safety
    ///
    /// That of the future inside.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Coop<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        ready!(coop::poll_proceed(cx));
        let output = ready!(self.project().future.poll(cx));
        coop::charge(0);
        Poll::Ready(output)
    }
}
