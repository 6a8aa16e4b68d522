//! `pin!`: pins values to the stack.

/// Pins values to the stack of the caller.
///
/// `pin!(future)` takes the variable `future` and replaces it by a variable of the same name that
/// is a `Pin<&mut _>` to it. This is what futures need that are not `Unpin`, to be polled through a
/// reference: in [`select!`](crate::select) inside of a loop, for example. It takes several
/// variables, or `let` statements whose values it pins.
///
/// [`std::pin::pin!`] does the same for an expression.
///
/// # Examples
///
/// ```
/// async fn compute() -> u32 {
///     quintet::task::yield_now().await;
///     42
/// }
///
/// # quintet::block_on(async {
/// let first = compute();
/// quintet::pin!(first);
/// assert_eq!((&mut first).await, 42);
///
/// quintet::pin! {
///     let second = compute();
///     let third = compute();
/// }
/// let sum = quintet::select! {
///     n = &mut second => n + third.await,
///     n = &mut third => n + second.await,
/// };
/// assert_eq!(sum, 84);
/// # });
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => { $(
        let $name = $name;
        #[allow(unused_mut, clippy::allow_attributes_without_reason)]
        let mut $name = ::core::pin::pin!($name);
    )* };
    ($( let $name:ident = $value:expr; )*) => { $(
        let $name = $value;
        #[allow(unused_mut, clippy::allow_attributes_without_reason)]
        let mut $name = ::core::pin::pin!($name);
    )* };
}
