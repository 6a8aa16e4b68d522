//! Closing sockets that have a linger time.
//!
//! The OS blocks the thread that closes such a socket (`SO_LINGER`), even if the socket is
//! non-blocking, until unsent data has been sent or the time is over. So a worker closes it. Only
//! sockets that may have a linger time are asked: their option was set by this crate, was reachable
//! for the user, or was inherited.

use std::os::fd::AsFd;
use std::panic::Location;
use std::time::Duration;

use socket2::SockRef;

use crate::blocking::{self, Purpose};
use crate::context;
use crate::io::source::{CloseFuture, Source};

/// Creates a source that closes `socket` on a worker if it has a linger time. With `may_linger`
/// the OS is asked whether it has.
pub(super) fn source<S>(socket: S, may_linger: bool) -> Source<S>
where
    S: AsFd + Send + 'static,
{
    let source = Source::new(socket).with_slow_close(close);
    if may_linger {
        source.set_closes_slowly();
    }
    source
}

/// Closes a socket. If it has a linger time, a worker does, unless no loop is current: then it
/// blocks a thread that has no tasks to run.
fn close<S>(socket: S) -> Option<CloseFuture>
where
    S: AsFd + Send + 'static,
{
    let linger = SockRef::from(&socket).linger();
    let lingers = linger.is_ok_and(|time| time.is_some_and(|time| time > Duration::ZERO));
    if !lingers || context::with(|_| ()).is_none() {
        return None;
    }
    let location = blocking::call_site(Location::caller());
    let job = blocking::spawn_internal(move || drop(socket), Purpose::Change, location);
    Some(Box::pin(async move {
        // It fails only if the runtime is shut down, and then the socket has been closed.
        let _ended = job.await;
    }))
}
