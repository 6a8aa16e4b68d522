//! A runtime as the guest of another one on the same thread, which does the waiting.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::time::Duration;

use super::{Dump, Runtime};
use crate::clock;
use crate::event_loop::{EventLoop, GuestRun, GuestState, StopReason};
use crate::panics::Payload;
use crate::tasks::Origin;

/// Makes the host of a new runtime.
pub(crate) type NewHost = fn() -> io::Result<Box<dyn DriveByHost>>;

/// A runtime that hosts ours.
pub(crate) trait Host: fmt::Debug {
    /// Calls `turn` as often as it says, until it says that the run has ended. In the meantime the
    /// host runs its own tasks.
    ///
    /// # Errors
    ///
    /// Returns an error if the host cannot wait for `descriptor`.
    fn run(&self, descriptor: BorrowedFd<'_>, turn: &mut dyn FnMut() -> NextTurn)
    -> io::Result<()>;

    /// Calls `f` while the host is the current runtime of its kind.
    fn enter(&self, f: &mut dyn FnMut());
}

/// When the guest has its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextTurn {
    /// Never.
    Ended,
    /// As soon as the host has had its own.
    Soon,
    /// When the descriptor is readable, or after this time.
    WhenReadable { at_most: Option<Duration> },
}

/// A host of any type. Programs without a host do not contain this code.
pub(crate) trait DriveByHost: Host {
    /// Runs the root of a `block_on` within the loop of the host.
    fn run_root(
        &self,
        runtime: &Runtime,
        root: Pin<&mut dyn Future<Output = ()>>,
        origin: Origin,
    ) -> Result<StopReason, Payload>;

    /// Runs within the loop of the host until nothing keeps the loop alive, and no task waits for
    /// something that the loop does not know: that may be the host's.
    fn run_while_alive(&self, runtime: &Runtime) -> Result<StopReason, Payload>;
}

impl<H: Host> DriveByHost for H {
    #[track_caller]
    fn run_root(
        &self,
        runtime: &Runtime,
        root: Pin<&mut dyn Future<Output = ()>>,
        origin: Origin,
    ) -> Result<StopReason, Payload> {
        let event_loop = &runtime.event_loop;
        let begin = || GuestRun::of_root(event_loop, root, origin);
        runtime.run_as_guest(self, "block_on", begin, || true)
    }

    #[track_caller]
    fn run_while_alive(&self, runtime: &Runtime) -> Result<StopReason, Payload> {
        let event_loop = &runtime.event_loop;
        let begin = || GuestRun::while_alive(event_loop);
        runtime.run_as_guest(self, "run", begin, || {
            if !Dump::stalled(event_loop, true).tasks().is_empty() {
                return false;
            }
            runtime.call_before_exit();
            true
        })
    }
}

impl Runtime {
    #[track_caller]
    fn run_as_guest<'a>(
        &'a self,
        host: &dyn Host,
        name: &str,
        begin: impl FnOnce() -> GuestRun<'a>,
        mut is_over: impl FnMut() -> bool,
    ) -> Result<StopReason, Payload> {
        let event_loop: &EventLoop = &self.event_loop;
        let mut run = self.drive(name, begin);
        // Between the turns, too: for the tasks of the host.
        let _current = self.enter();
        let hosted = host.run(
            self.as_fd(),
            &mut || match self.drive(name, || run.run(&mut is_over)) {
                GuestState::Ended => NextTurn::Ended,
                GuestState::Busy => NextTurn::Soon,
                GuestState::Waiting => NextTurn::WhenReadable {
                    at_most: event_loop
                        .untold_deadline()
                        .map(|deadline| clock::until(deadline, event_loop.clock.now())),
                },
            },
        );
        if let Err(error) = hosted {
            panic!("quintet: the host cannot wait for events of the loop: {error}");
        }
        self.drive(name, || run.finish())
    }
}
