//! The names of the variables that `select!` and its kin expand to.

/// Calls a macro with 64 names, and an empty list for what has been given one:
/// `macro! { before { names } { } after }`.
#[doc(hidden)]
#[macro_export]
macro_rules! __with_names {
    ($macro:ident { $($before:tt)* } $($after:tt)*) => {
        $crate::$macro!($($before)* {
            __f0 __f1 __f2 __f3 __f4 __f5 __f6 __f7 __f8 __f9 __f10 __f11 __f12 __f13
            __f14 __f15 __f16 __f17 __f18 __f19 __f20 __f21 __f22 __f23 __f24 __f25
            __f26 __f27 __f28 __f29 __f30 __f31 __f32 __f33 __f34 __f35 __f36 __f37
            __f38 __f39 __f40 __f41 __f42 __f43 __f44 __f45 __f46 __f47 __f48 __f49
            __f50 __f51 __f52 __f53 __f54 __f55 __f56 __f57 __f58 __f59 __f60 __f61
            __f62 __f63
        } { } $($after)*)
    };
}
