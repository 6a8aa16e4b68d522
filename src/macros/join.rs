//! `join!` and `try_join!`: all of several futures.

/// Waits until all of several futures have completed, and returns their outputs as a tuple.
///
/// ```text
/// let (a, b) = join!(future_a, future_b);
/// ```
///
/// It is used inside of async functions, closures and blocks. All futures run on the current task;
/// to run them on tasks of their own, [`spawn`](crate::spawn) them and pass the join handles. The
/// futures need not be `Unpin`.
///
/// In each poll the futures are polled in turn, beginning with the one after the one that the poll
/// before began with, so that each gets its share of the task's [budget](crate::task::coop). With
/// `biased;` before the first future, they are polled in the order in which they are written.
///
/// # Cancel safety
///
/// All futures are dropped with the `join!`; outputs that are already there are lost.
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let (text, number) = quintet::join!(
///     async { "text" },
///     async {
///         quintet::task::yield_now().await;
///         42
///     },
/// );
/// assert_eq!((text, number), ("text", 42));
/// # });
/// ```
#[macro_export]
macro_rules! join {
    ($(biased;)?) => { async {}.await };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__with_names!(__join { @name join in_order } $($future),+)
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__with_names!(__join { @name join rotate } $($future),+)
    };
}

/// Waits until all of several futures have completed with `Ok`, or one with `Err`.
///
/// ```text
/// let result: Result<(A, B), Error> = try_join!(future_a, future_b);
/// ```
///
/// It is [`join!`](crate::join) for futures that resolve to a `Result` with one type of error: as
/// soon as one completes with `Err`, the others are dropped, and that error is the result.
///
/// # Cancel safety
///
/// As for [`join!`](crate::join).
///
/// # Examples
///
/// ```
/// # quintet::block_on(async {
/// let both = quintet::try_join!(async { Ok::<_, &str>(1) }, async { Ok(2) });
/// assert_eq!(both, Ok((1, 2)));
///
/// let failed = quintet::try_join!(std::future::pending::<Result<(), &str>>(), async {
///     Err::<(), _>("failed")
/// });
/// assert_eq!(failed, Err("failed"));
/// # });
/// ```
#[macro_export]
macro_rules! try_join {
    ($(biased;)?) => { async { ::core::result::Result::Ok(()) }.await };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__with_names!(__join { @name try_join in_order } $($future),+)
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__with_names!(__join { @name try_join rotate } $($future),+)
    };
}

/// The futures of [`join!`](crate::join) and [`try_join!`](crate::try_join), one by one.
#[doc(hidden)]
#[macro_export]
macro_rules! __join {
    // All futures have a name.
    (@run $kind:ident $order:ident $( ($name:ident) ($future:expr) )+) => {{
        $( let $name = $future; )+
        let result = {
            $(
                let mut $name = ::core::pin::pin!($crate::__private::maybe_done(
                    $crate::__private::located_at!(
                        { $future } ::core::future::IntoFuture::into_future($name)
                    )
                ));
            )+
            let mut next = 0;
            ::core::future::poll_fn(|cx| {
                let start =
                    $crate::__private::$order(&mut next, [$( ::core::stringify!($name) ),+].len());
                let mut is_pending = false;
                for is_before_start in [false, true] {
                    let mut index = 0;
                    $(
                        if (index < start) == is_before_start {
                            if ::core::future::Future::poll($name.as_mut(), cx).is_pending() {
                                is_pending = true;
                            } else {
                                $crate::__join!(@return_error $kind $name);
                            }
                        }
                        index += 1;
                    )+
                    let _ = index;
                }
                if is_pending {
                    return ::core::task::Poll::Pending;
                }
                ::core::task::Poll::Ready($crate::__join!(@outputs $kind $($name)+))
            })
            .await
        };
        result
    }};

    (@return_error join $name:ident) => {};
    (@return_error try_join $name:ident) => {
        if let ::core::option::Option::Some(::core::result::Result::Err(_)) =
            $name.as_mut().output_mut()
        {
            let output = $name.as_mut().take_output();
            let ::core::option::Option::Some(::core::result::Result::Err(error)) = output else {
                ::core::unreachable!("the output is an error")
            };
            return ::core::task::Poll::Ready(::core::result::Result::Err(error));
        }
    };

    (@outputs join $($name:ident)+) => {
        ( $( $name.as_mut().take_output().expect("a future that has completed has an output"), )+ )
    };
    (@outputs try_join $($name:ident)+) => {
        ::core::result::Result::Ok(( $(
            match $name.as_mut().take_output() {
                ::core::option::Option::Some(::core::result::Result::Ok(output)) => output,
                _ => ::core::unreachable!("all outputs are there, and none is an error"),
            },
        )+ ))
    };

    // One future, for which a name is left.
    (@name $kind:ident $order:ident { $name:ident $($names:ident)* } { $($done:tt)* }
        $future:expr $(, $($rest:expr),*)?) => {
        $crate::__join!(@name $kind $order { $($names)* }
            { $($done)* ($name) ($future) } $($($rest),*)?)
    };
    (@name $kind:ident $order:ident { $($names:ident)* } { $($done:tt)+ }) => {
        $crate::__join!(@run $kind $order $($done)+)
    };
    (@name $kind:ident $order:ident { } { $($done:tt)+ } $($rest:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "`", ::core::stringify!($kind), "!` takes at most 64 futures"
        ))
    };
}

/// The index of the future that a poll begins with: each in turn.
pub fn rotate(next: &mut usize, count: usize) -> usize {
    let start = *next;
    *next = (start + 1) % count;
    start
}

/// The index of the future that a poll begins with: always the first.
pub fn in_order(_next: &mut usize, _count: usize) -> usize {
    0
}
