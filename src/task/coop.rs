//! Cooperative scheduling: the budget of a task.
//!
//! One poll of a task may do 128 operations of this crate, or fewer if they move many bytes. After
//! that each of them returns `Pending`, and the task continues in the pending phase of the next
//! tick. So a source that is always ready cannot keep a task, and with it the loop, busy for ever.
//!
//! [`consume_budget`] and [`cooperative`] charge code that does none of these operations,
//! [`has_budget_remaining`] reads the budget, and [`unconstrained`] lifts it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::coop;

/// Charges the task one operation, and yields first if its budget is spent.
///
/// For loops that compute and do none of this crate's operations. A task without budget continues
/// in the pending phase of the next tick; all other calls return at once.
///
/// # Cancel safety
///
/// A future that is dropped before it completes charges nothing.
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
/// Returns true where nothing is counted: outside of tasks, and in [`unconstrained`].
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

/// Runs `future` without a budget: none of its operations is charged or refused.
///
/// A future whose operations are always ready then blocks the loop for ever; bound it by other
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
    /// The same as that of the future inside.
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

/// Charges one operation when `future` completes.
///
/// For futures of other crates that are often ready at once, such as the receiver of a channel: a
/// task that awaits them in a loop then yields as if they were futures of this crate.
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
    /// The same as that of the future inside.
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
