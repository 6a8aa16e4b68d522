//! The methods about readiness that all sockets and other sources have.

/// Adds to a type with a field `source` the methods `ready`, `readable`, `writable`, `try_io` and
/// `async_io`. `$thing` is what the documentation calls it; `$example` is added to that of
/// `readable`.
macro_rules! impl_readiness {
    ($type:ty, $thing:literal; $(#[$example:meta])*) => {
        #[doc = concat!("The readiness of the ", $thing, ".")]
        impl $type {
            #[doc = concat!("Waits until the ", $thing, " is ready for one of the events of")]
            /// `interest`, and returns all of them that are there.
            ///
            /// Use it to wait for reading and writing at once. Readiness is a hint, and it is
            /// remembered until an operation would block; see [`readable`](Self::readable). If
            /// it is known, this method makes no system call.
            ///
            /// # Errors
            ///
            /// Returns an error if the source belongs to another loop, or if no loop is current.
            /// An error of the source itself is left for the next operation to return.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it consumes no readiness.
            pub fn ready(
                &self,
                interest: $crate::io::Interest,
            ) -> impl Future<Output = ::std::io::Result<$crate::io::Ready>> {
                self.source.ready(interest)
            }

            #[doc = concat!("Waits until the ", $thing, " is readable: there is something to read,")]
            /// the other end has closed its half, or the source has failed.
            ///
            /// Use it with a `try_` method. Readiness is a hint: spurious wake-ups are possible, so
            /// that method may still return `WouldBlock`. Events are edge-triggered, but the loop
            /// remembers them until an operation shows that the source is drained: if something is
            /// left, the next call resolves at once.
            ///
            /// Any number of tasks may wait, and all are woken, in the order in which they came. A
            /// task that calls a `try_` method in vain and waits again is behind all others then.
            /// Methods that wait themselves, and [`async_io`](Self::async_io), keep the task's
            /// place, so tasks that call them in loops take turns.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`ready`](Self::ready).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it consumes no data and no readiness.
            $(#[$example])*
            pub fn readable(&self) -> impl Future<Output = ::std::io::Result<()>> {
                self.source.readable()
            }

            #[doc = concat!("Waits until the ", $thing, " is writable: there is room, or the source")]
            /// has failed.
            ///
            /// Use it with a `try_` method; see [`readable`](Self::readable).
            ///
            /// # Errors
            ///
            /// Returns the errors of [`ready`](Self::ready).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: it consumes no readiness.
            pub fn writable(&self) -> impl Future<Output = ::std::io::Result<()>> {
                self.source.writable()
            }

            /// Calls `f`, which makes a system call of its own on the descriptor, if one of the
            /// events of `interest` is there.
            ///
            /// If `f` returns an error of kind [`WouldBlock`](::std::io::ErrorKind::WouldBlock),
            #[doc = concat!("the ", $thing, " is not ready for `interest` before the next event. So")]
            /// `f` must return it only if the descriptor itself did, and must not use the methods
            /// of this type.
            ///
            /// # Errors
            ///
            /// Returns an error of kind `WouldBlock` without calling `f` if no event of `interest`
            /// is there, and otherwise the error of `f`.
            pub fn try_io<R>(
                &self,
                interest: $crate::io::Interest,
                f: impl FnOnce() -> ::std::io::Result<R>,
            ) -> ::std::io::Result<R> {
                self.source.try_io(interest, f)
            }

            /// Calls `f` each time that one of the events of `interest` is there, until it does
            /// not return `WouldBlock`, and returns its result.
            ///
            /// `f` makes a system call of its own on the descriptor; see
            /// [`try_io`](Self::try_io).
            ///
            /// # Errors
            ///
            /// Returns the error of `f`, and the errors of [`ready`](Self::ready).
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: `f` runs within one poll, and the poll in which it
            /// succeeds returns its result.
            pub fn async_io<R>(
                &self,
                interest: $crate::io::Interest,
                f: impl FnMut() -> ::std::io::Result<R>,
            ) -> impl Future<Output = ::std::io::Result<R>> {
                self.source.async_io(interest, f)
            }
        }
    };
}

pub(super) use impl_readiness;

/// Adds to a type with a field `source` a method that polls for readiness.
macro_rules! impl_poll_ready {
    ($type:ty, $name:ident, $interest:ident, $operation:literal) => {
        impl $type {
            #[doc = concat!("Polls until a ", $operation, " may succeed.")]
            ///
            /// If it would block, the task of `cx` is woken when it may succeed. Unlike in tokio,
            /// any number of tasks may wait. Spurious wake-ups are possible.
            ///
            /// # Errors
            ///
            /// Returns the errors of [`ready`](Self::ready).
            pub fn $name(
                &self,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let ready = self.source.poll_ready(cx, $crate::io::Interest::$interest);
                ready.map_ok(drop)
            }
        }
    };
}
pub(super) use impl_poll_ready;
