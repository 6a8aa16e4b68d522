//! A check at compile time of what a type implements.

/// Fails to compile unless the type implements the traits.
macro_rules! assert_impl {
    ($type:ty: $first:ident $(+ $other:ident)*) => {
        const _: () = {
            const fn check<T: $first $(+ $other)*>() {}
            check::<$type>();
        };
    };
}
