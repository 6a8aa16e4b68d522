//! What careless and hostile users do. Nothing of it may hang, abort the process or leak.
//!
//! Each probe is about another combination of panics, destructors, threads and ways to run. Under
//! `AddressSanitizer` they are a test of leaks, too: what a probe forgets it drops in the end.

mod destructors;
mod modes;
mod panics;
mod references;
mod starvation;
mod threads;
mod time;

#[path = "../support/drops.rs"]
mod drops;
#[path = "../support/panics.rs"]
mod messages;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/wakers.rs"]
mod wakers;

use std::task::{Poll, Waker};

use quintet::runtime::{Builder, Runtime};
use quintet::time::Duration;

pub(crate) use drops::OnDrop;
pub(crate) use messages::panic_message as panic_of;
pub(crate) use patience::in_time;
pub(crate) use wakers::{CountingWaker, poll_with};

pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn new() -> Runtime {
    Runtime::new().expect("descriptors for a runtime")
}

pub(crate) fn paused() -> Runtime {
    let built = Builder::new().start_paused(true).build();
    built.expect("descriptors for a runtime")
}

/// A panic's payload whose destructor panics, too.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a payload explodes");
        }
    }
}

pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}
