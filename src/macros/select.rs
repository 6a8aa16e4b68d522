//! `select!`: the first of several futures.

use std::cell::Cell;
use std::task::{Context, Poll, ready};

use crate::context;
use crate::coop;
use crate::rng::Rng;

thread_local! {
    /// Chooses the first branch where no loop is current.
    static STARTS: Cell<u64> = const { Cell::new(0) };
}

/// Waits on several branches, and runs the handler of the first one that completes.
///
/// ```text
/// select! {
///     <pattern> = <future> [, if <precondition>] => <handler>,
///     …
///     [else => <handler>]
/// }
/// ```
///
/// It is used inside of async functions, closures and blocks, has the syntax of tokio's macro of
/// this name, and takes up to 64 branches. All branches run on the current task; to run futures
/// side by side on tasks of their own, [`spawn`](crate::spawn) them and pass the join handles. The
/// futures need not be `Unpin` or fused, and may borrow.
///
/// In detail, `select!`:
///
/// 1. evaluates all preconditions, and disables each branch whose precondition is `false`;
/// 2. evaluates all future expressions, also those of disabled branches, but does not poll the
///    futures of disabled branches;
/// 3. polls the futures until one completes, and matches its output against the pattern. If the
///    pattern does not match, disables the branch and continues;
/// 4. if the pattern matches, drops all futures, and evaluates the handler with the bindings of the
///    pattern. Its value is the value of `select!`;
/// 5. if all branches are disabled, drops all futures, and evaluates the `else` handler.
///
/// A handler may use `?`, `return`, `break`, `continue` and `.await`, and may borrow mutably what
/// the futures borrowed. All handlers have the same type.
///
/// # Fairness
///
/// In each poll the branches are polled in turn, beginning with one that varies from poll to poll.
/// So no branch starves the others, even if its future is always ready. The choice comes from a
/// sequence of the loop: it is the same in each run of a program that does the same. Under a
/// [seed](crate::runtime::Builder::seed), the seed decides.
///
/// With `biased;` as the first line, the branches are polled from top to bottom in each poll. Then
/// a branch that is always ready starves those below it.
///
/// Each `select!` that completes counts as one operation of the task's [budget](crate::task::coop),
/// unless a future in it has been charged.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Cancel safety
///
/// When one branch completes, the futures of all others are dropped. If a future that is dropped
/// halfway loses data, use it through a reference outside of the loop in which `select!` is called:
/// `result = &mut operation => …`, with an operation pinned by [`pin!`](crate::pin). The
/// documentation of each function of this crate says whether it is cancel safe. Receiving from
/// channels, [`read`](crate::net::TcpStream::read), [`accept`](crate::net::TcpListener::accept) and
/// [`tick`](crate::time::Interval::tick) are; `read_exact` and `write_all` are not. The locks of
/// [`sync`](crate::sync) are cancel safe, but lose their place in the queue.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use quintet::sync::mpsc;
/// use quintet::time::{interval, sleep};
///
/// # #[quintet::main(start_paused)]
/// # async fn main() {
/// let (sender, mut receiver) = mpsc::channel(8);
/// quintet::spawn(async move {
///     for n in 0..3 {
///         sleep(Duration::from_millis(30)).await;
///         sender.send(n).await.unwrap();
///     }
/// });
///
/// let mut ticks = interval(Duration::from_millis(20));
/// let mut log = Vec::new();
/// loop {
///     quintet::select! {
///         _ = ticks.tick() => log.push("tick".to_owned()),
///         message = receiver.recv() => match message {
///             Some(n) => log.push(format!("message {n}")),
///             None => break,
///         },
///     }
/// }
/// assert_eq!(log.iter().filter(|line| line.starts_with("message")).count(), 3);
/// # }
/// ```
///
/// Collect from two streams until both have ended:
///
/// ```
/// use futures::stream::{self, StreamExt};
///
/// # quintet::block_on(async {
/// let mut evens = stream::iter([2, 4]);
/// let mut odds = stream::iter([1, 3, 5]);
/// let mut sum = 0;
/// loop {
///     quintet::select! {
///         Some(n) = evens.next() => sum += n,
///         Some(n) = odds.next() => sum += n,
///         else => break,
///     }
/// }
/// assert_eq!(sum, 15);
/// # });
/// ```
///
/// A precondition disables the branch of an operation that has completed:
///
/// ```
/// use std::time::Duration;
///
/// # #[quintet::main(start_paused)]
/// # async fn main() {
/// let sleep = quintet::time::sleep(Duration::from_millis(50));
/// quintet::pin!(sleep);
/// let mut has_slept = false;
/// let mut rounds = 0;
/// while rounds < 10 {
///     quintet::select! {
///         () = &mut sleep, if !has_slept => has_slept = true,
///         () = quintet::time::sleep(Duration::from_millis(10)) => rounds += 1,
///     }
/// }
/// assert!(has_slept);
/// # }
/// ```
#[macro_export]
macro_rules! select {
    () => {
        ::core::compile_error!("`select!` needs at least one branch: `pattern = future => handler`")
    };
    (biased;) => {
        ::core::compile_error!("`select!` needs at least one branch: `pattern = future => handler`")
    };
    (biased; else => $else:expr $(,)?) => { $else };
    (else => $else:expr $(,)?) => { $else };
    (biased; $($input:tt)+) => {
        $crate::__with_names!(__select { @parse First } $($input)+)
    };
    ($($input:tt)+) => {
        $crate::__with_names!(__select { @parse Any } $($input)+)
    };
}

/// The branches of [`select!`](crate::select), one by one.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // All branches are parsed.
    (@run $start:ident { $else:expr } $( ($name:ident) ($pattern:pat) ($future:expr) ($condition:expr) ($handler:expr) )+) => {{
        #[allow(non_camel_case_types, clippy::allow_attributes_without_reason)]
        enum Selected<$($name),+> {
            $( $name($name), )+
            Disabled,
        }
        let output = {
            let mut enabled = [$( $condition ),+];
            // First by itself, so that temporaries which it refers to live on.
            $( let $name = $future; )+
            $(
                let mut $name = ::core::pin::pin!($crate::__private::located_at!(
                    { $future } ::core::future::IntoFuture::into_future($name)
                ));
            )+
            ::core::future::poll_fn(|cx| {
                $crate::__private::poll_branches(cx, enabled.len(), $crate::__private::Start::$start, |cx, start| {
                    let mut is_pending = false;
                    // From `start` to the last branch, then the ones before `start`.
                    for is_before_start in [false, true] {
                        let mut index = 0;
                        $(
                            if enabled[index] && (index < start) == is_before_start {
                                match ::core::future::Future::poll($name.as_mut(), cx) {
                                    ::core::task::Poll::Pending => is_pending = true,
                                    ::core::task::Poll::Ready(value) => {
                                        enabled[index] = false;
                                        // In a tuple, so that the pattern meets a place and not a
                                        // reference.
                                        let value = (value,);
                                        #[allow(unused_variables, unreachable_patterns, clippy::allow_attributes_without_reason)]
                                        let is_match = match &value {
                                            ($crate::__private::borrowed_pattern!($pattern),) => true,
                                            _ => false,
                                        };
                                        if is_match {
                                            return ::core::task::Poll::Ready(Selected::$name(value.0));
                                        }
                                    }
                                }
                            }
                            index += 1;
                        )+
                        let _ = index;
                    }
                    if is_pending {
                        ::core::task::Poll::Pending
                    } else {
                        ::core::task::Poll::Ready(Selected::Disabled)
                    }
                })
            })
            .await
        };
        #[allow(unreachable_patterns, clippy::allow_attributes_without_reason)]
        match output {
            $( Selected::$name($pattern) => $handler, )+
            Selected::Disabled => $else,
            _ => ::core::unreachable!("the output matched its pattern before"),
        }
    }};

    // The end of the input, without and with `else`.
    (@parse $start:ident { $($names:ident)* } { $($branches:tt)+ }) => {
        $crate::__select!(@run $start {
            ::core::panic!("all branches of `select!` are disabled, and there is no `else`")
        } $($branches)+)
    };
    (@parse $start:ident { $($names:ident)* } { $($branches:tt)+ } else => $else:expr $(,)?) => {
        $crate::__select!(@run $start { $else } $($branches)+)
    };

    // One branch, for which a name is left. Its handler is a block, or ends at a comma or at the
    // end.
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr, if $condition:expr => $handler:block, $($rest:tt)*) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) ($condition) ($handler) } $($rest)*)
    };
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr => $handler:block, $($rest:tt)*) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) (true) ($handler) } $($rest)*)
    };
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr, if $condition:expr => $handler:block $($rest:tt)*) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) ($condition) ($handler) } $($rest)*)
    };
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr => $handler:block $($rest:tt)*) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) (true) ($handler) } $($rest)*)
    };
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr, if $condition:expr => $handler:expr) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) ($condition) ($handler) })
    };
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr => $handler:expr) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) (true) ($handler) })
    };
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr, if $condition:expr => $handler:expr, $($rest:tt)*) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) ($condition) ($handler) } $($rest)*)
    };
    (@parse $start:ident { $name:ident $($names:ident)* } { $($branches:tt)* }
        $pattern:pat = $future:expr => $handler:expr, $($rest:tt)*) => {
        $crate::__select!(@parse $start { $($names)* }
            { $($branches)* ($name) ($pattern) ($future) (true) ($handler) } $($rest)*)
    };
    // What cannot be parsed.
    (@parse $start:ident { $($names:ident)* } { $($branches:tt)* } else => $($rest:tt)*) => {
        $crate::__private::error_at!("`else` is the last branch of `select!`", $($rest)*)
    };
    (@parse $start:ident { $($names:ident)+ } { $($branches:tt)* } $pattern:pat = $future:expr $(, $($rest:tt)*)?) => {
        $crate::__private::error_at!("a branch of `select!` needs a handler: `pattern = future => handler`", $pattern)
    };
    // A branch, but no name is left.
    (@parse $start:ident { } { $($branches:tt)+ } $($rest:tt)+) => {
        ::core::compile_error!("`select!` takes at most 64 branches")
    };
}

/// The branch that a poll of `select!` begins with.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// The first branch.
    First,
    /// Any branch, so that all have their turn.
    Any,
}

/// Polls the branches of a `select!`, of which there are `count`, by `poll`, which takes the index
/// of the branch to begin with.
pub fn poll_branches<R>(
    cx: &mut Context<'_>,
    count: usize,
    start: Start,
    poll: impl FnOnce(&mut Context<'_>, usize) -> Poll<R>,
) -> Poll<R> {
    ready!(coop::poll_proceed(cx));
    let start = match start {
        Start::First => 0,
        Start::Any => any_branch(count),
    };
    let left = coop::left();
    let result = poll(cx, start);
    if result.is_ready() {
        coop::charge_unless_charged(left, 0);
    }
    result
}

/// The next index of the loop's sequence, or of the thread's where no loop is current.
fn any_branch(count: usize) -> usize {
    context::with(|event_loop| event_loop.any_branch(count)).unwrap_or_else(|| {
        STARTS.with(|starts| {
            let rng = Rng::new(starts.get());
            let start = rng.below(count);
            starts.set(rng.into_seed());
            start
        })
    })
}
