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
    (@run $rotate:ident { $($names:ident)* } { $( ($name:ident) ($future:expr) )+ }) => {{
        $( let $name = $future; )+
        $(
            let mut $name = ::core::pin::pin!($crate::__private::maybe_done(
                $crate::__private::located_at!(
                { $future } ::core::future::IntoFuture::into_future($name)
            )
            ));
        )+
        let mut next = 0;
        ::core::future::poll_fn(|cx| {
            let start = $crate::__private::$rotate(&mut next, [$( ::core::stringify!($name) ),+].len());
            let mut is_pending = false;
            for is_before_start in [false, true] {
                let mut index = 0;
                $(
                    if (index < start) == is_before_start {
                        is_pending |= ::core::future::Future::poll($name.as_mut(), cx).is_pending();
                    }
                    index += 1;
                )+
                let _ = index;
            }
            if is_pending {
                ::core::task::Poll::Pending
            } else {
                ::core::task::Poll::Ready(())
            }
        })
        .await;
        ( $( $name.as_mut().take_output().expect("a future that has completed has an output"), )+ )
    }};
    (@name $rotate:ident { $name:ident $($names:ident)* } { $($done:tt)* } $future:expr $(, $($rest:expr),*)?) => {
        $crate::join!(@name $rotate { $($names)* } { $($done)* ($name) ($future) } $($($rest),*)?)
    };
    (@name $rotate:ident { $($names:ident)* } { $($done:tt)+ }) => {
        $crate::join!(@run $rotate { $($names)* } { $($done)+ })
    };
    (@name $rotate:ident { } { $($done:tt)+ } $($rest:tt)+) => {
        ::core::compile_error!("`join!` takes at most 64 futures")
    };
    (@names $rotate:ident $($future:expr),+) => {
        $crate::join!(@name $rotate {
            __f0 __f1 __f2 __f3 __f4 __f5 __f6 __f7 __f8 __f9 __f10 __f11 __f12 __f13 __f14 __f15
            __f16 __f17 __f18 __f19 __f20 __f21 __f22 __f23 __f24 __f25 __f26 __f27 __f28 __f29 __f30
            __f31 __f32 __f33 __f34 __f35 __f36 __f37 __f38 __f39 __f40 __f41 __f42 __f43 __f44 __f45
            __f46 __f47 __f48 __f49 __f50 __f51 __f52 __f53 __f54 __f55 __f56 __f57 __f58 __f59 __f60
            __f61 __f62 __f63
        } { } $($future),+)
    };
    ($(biased;)?) => { async {}.await };
    (biased; $($future:expr),+ $(,)?) => { $crate::join!(@names in_order $($future),+) };
    ($($future:expr),+ $(,)?) => { $crate::join!(@names rotate $($future),+) };
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
    (@run $rotate:ident { $($names:ident)* } { $( ($name:ident) ($future:expr) )+ }) => {{
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
                    $crate::__private::$rotate(&mut next, [$( ::core::stringify!($name) ),+].len());
                let mut is_pending = false;
                for is_before_start in [false, true] {
                    let mut index = 0;
                    $(
                        if (index < start) == is_before_start {
                            if ::core::future::Future::poll($name.as_mut(), cx).is_pending() {
                                is_pending = true;
                            } else if let ::core::option::Option::Some(::core::result::Result::Err(_)) =
                                $name.as_mut().output_mut()
                            {
                                let output = $name.as_mut().take_output();
                                let ::core::option::Option::Some(::core::result::Result::Err(error)) =
                                    output
                                else {
                                    ::core::unreachable!("the output is an error")
                                };
                                return ::core::task::Poll::Ready(::core::result::Result::Err(error));
                            }
                        }
                        index += 1;
                    )+
                    let _ = index;
                }
                if is_pending {
                    return ::core::task::Poll::Pending;
                }
                ::core::task::Poll::Ready(::core::result::Result::Ok(( $(
                    match $name.as_mut().take_output() {
                        ::core::option::Option::Some(::core::result::Result::Ok(output)) => output,
                        _ => ::core::unreachable!("all outputs are there, and none is an error"),
                    },
                )+ )))
            })
            .await
        };
        result
    }};
    (@name $rotate:ident { $name:ident $($names:ident)* } { $($done:tt)* } $future:expr $(, $($rest:expr),*)?) => {
        $crate::try_join!(@name $rotate { $($names)* } { $($done)* ($name) ($future) } $($($rest),*)?)
    };
    (@name $rotate:ident { $($names:ident)* } { $($done:tt)+ }) => {
        $crate::try_join!(@run $rotate { $($names)* } { $($done)+ })
    };
    (@name $rotate:ident { } { $($done:tt)+ } $($rest:tt)+) => {
        ::core::compile_error!("`try_join!` takes at most 64 futures")
    };
    (@names $rotate:ident $($future:expr),+) => {
        $crate::try_join!(@name $rotate {
            __f0 __f1 __f2 __f3 __f4 __f5 __f6 __f7 __f8 __f9 __f10 __f11 __f12 __f13 __f14 __f15
            __f16 __f17 __f18 __f19 __f20 __f21 __f22 __f23 __f24 __f25 __f26 __f27 __f28 __f29 __f30
            __f31 __f32 __f33 __f34 __f35 __f36 __f37 __f38 __f39 __f40 __f41 __f42 __f43 __f44 __f45
            __f46 __f47 __f48 __f49 __f50 __f51 __f52 __f53 __f54 __f55 __f56 __f57 __f58 __f59 __f60
            __f61 __f62 __f63
        } { } $($future),+)
    };
    ($(biased;)?) => { async { ::core::result::Result::Ok(()) }.await };
    (biased; $($future:expr),+ $(,)?) => { $crate::try_join!(@names in_order $($future),+) };
    ($($future:expr),+ $(,)?) => { $crate::try_join!(@names rotate $($future),+) };
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
