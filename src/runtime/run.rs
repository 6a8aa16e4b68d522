//! The ways to drive a runtime besides `block_on`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic;
use std::time::Duration;

use super::{Dump, Runtime, Stalled};
use crate::context;
use crate::event_loop::{Life, StopReason};
use crate::panics;
use crate::ready;
use crate::time::Instant;

/// For a loop inside of another one, see [`turn`](Runtime::turn) and
/// [`as_fd`](Runtime#impl-AsFd-for-Runtime).
impl Runtime {
    /// Runs the loop until nothing is alive that keeps it going; Node's rule.
    ///
    /// Alive are tasks that are ready to run, immediates and closes; blocking jobs that have not been
    /// delivered; an armed timer, a socket or a signal stream on which a task waits; and a
    /// [`KeepAlive`](super::KeepAlive) guard. A task that waits for another task, or for a channel,
    /// keeps nothing alive by itself. What was taken out of this count by `unref` (a task by its
    /// [`JoinHandle`](crate::task::JoinHandle::unref), a [`Sleep`](crate::time::Sleep::unref), a
    /// [`TcpListener`](crate::net::TcpListener::unref) …) does not count.
    ///
    /// When nothing is alive, the [`before_exit`](super::before_exit) hooks are called, which may
    /// start something. What is left after that stays where it is, and this can be called again.
    ///
    /// [`Handle::stop`](super::Handle::stop) makes it return after the tick it is in.
    ///
    /// # Errors
    ///
    /// [`Stalled`], if a task is left that keeps the loop alive but waits for nothing of it: it
    /// could only be woken by another thread, and none has said that it will.
    ///
    /// # Panics
    ///
    /// If a runtime runs on this thread already. If the OS refuses to wait for events. With the panic
    /// of a task, if that is to [end the runtime](super::UnhandledPanic::ShutdownRuntime).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use quintet::time::{Duration, sleep};
    ///
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// runtime.spawn(async {
    ///     sleep(Duration::from_millis(2)).await;
    ///     println!("done, and so is the runtime");
    /// });
    /// runtime.run()?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn run(&self) -> Result<(), Stalled> {
        let stop = self.drive("run", || {
            let stop = self.event_loop.run_while_alive(|| self.call_before_exit());
            match stop {
                StopReason::Stuck => Err(Stalled::new(Dump::stalled(&self.event_loop, false))),
                StopReason::Done if self.event_loop.life() == Life::Over => {
                    let dump = Dump::stalled(&self.event_loop, true);
                    if dump.tasks().is_empty() {
                        Ok(stop)
                    } else {
                        Err(Stalled::new(dump))
                    }
                }
                stop => Ok(stop),
            }
        })?;
        self.handle_stop(stop);
        Ok(())
    }

    /// Lets the loop go round once, and answers whether anything is alive, as for
    /// [`run`](Runtime::run).
    ///
    /// First what is ready runs, then come the five phases. The poll phase waits at most `limit` for
    /// something to happen; without a limit it waits as long as that takes, but not at all if
    /// nothing is alive. Under paused time the limit counts in that time: a turn that has nothing to
    /// do moves it on by `limit` at most.
    ///
    /// # Panics
    ///
    /// As [`run`](Runtime::run) does.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::time::Duration;
    ///
    /// let runtime = quintet::runtime::Runtime::new()?;
    /// let task = runtime.spawn(async { quintet::task::yield_now().await });
    /// while runtime.turn(Some(Duration::ZERO)) {
    ///     // … draw a frame …
    /// }
    /// assert!(task.is_finished());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn turn(&self, limit: Option<Duration>) -> bool {
        let (stop, is_alive) = self.drive("turn", || {
            let stop = self.event_loop.run_once(limit);
            (stop, self.event_loop.may_be_alive())
        });
        self.handle_stop(stop);
        is_alive
    }

    /// Lets the loop go round, without ever waiting, until there is nothing to do at once.
    ///
    /// Under paused time this does not move the time on.
    ///
    /// # Panics
    ///
    /// As [`run`](Runtime::run) does.
    #[track_caller]
    pub fn run_until_stalled(&self) {
        let stop = self.drive("run_until_stalled", || self.event_loop.run_until_stalled());
        self.handle_stop(stop);
    }

    /// Returns when the next [`turn`](Runtime::turn) has something to do, as far as that is known:
    /// now, if something is ready; else when the next timer is due; `None` if it depends on sockets,
    /// workers and other threads alone.
    pub fn next_deadline(&self) -> Option<Instant> {
        let clock = &self.event_loop.clock;
        let at = self.event_loop.next_turn(clock.now());
        at.map(|at| Instant::from_std(clock.instant_at(at)))
    }

    /// Returns what is alive, and what it waits for.
    pub fn dump(&self) -> Dump {
        Dump::new(&self.event_loop)
    }

    /// Runs the loop by `f`, and leaves its descriptor as it must be for those who wait for it.
    #[track_caller]
    pub(super) fn drive<R>(&self, name: &str, f: impl FnOnce() -> R) -> R {
        // A job that runs on the loop's thread, under a seed, does not see that a loop is running.
        assert!(
            !ready::is_any_running() && !self.event_loop.shared.is_running(),
            "a quintet runtime is running on this thread already, and `{name}` would stop it; \
             inside a task use `.await`, or `spawn_blocking` for what must block"
        );
        assert!(
            !self.event_loop.is_closed(),
            "this quintet runtime has been shut down by a panic; make a new one"
        );
        let running = context::run(&self.event_loop);
        let result = f();
        drop(running);
        self.event_loop.touch();
        result
    }

    /// What is to happen when the loop has stopped.
    pub(super) fn handle_stop(&self, stop: StopReason) {
        match stop {
            StopReason::Done | StopReason::Stuck => {}
            StopReason::Exit(code) => {
                self.shut_down(code);
                std::process::exit(code);
            }
            StopReason::Panicked(payload) => {
                self.shut_down(1);
                panic::resume_unwind(payload);
            }
        }
    }

    fn call_before_exit(&self) {
        let mut hooks = std::mem::take(&mut self.event_loop.hooks.borrow_mut().before_exit);
        let mut panicked = None;
        for hook in &mut hooks {
            if let Err(payload) = panics::contain(hook) {
                // The first one is told of. To drop another may panic, too.
                match panicked {
                    None => panicked = Some(payload),
                    Some(_) => panics::discard(payload),
                }
            }
        }
        let mut present = self.event_loop.hooks.borrow_mut();
        hooks.append(&mut present.before_exit);
        present.before_exit = hooks;
        drop(present);
        if let Some(payload) = panicked {
            panic::resume_unwind(payload);
        }
    }
}

/// The loop's descriptor, to wait for in another loop.
///
/// It is readable whenever a [`turn`](Runtime::turn) would do something: a socket is ready, a timer
/// is due, a worker or another thread has sent something, a task was spawned. Wait for it with
/// `poll(2)` or the like, and then call `turn(Some(Duration::ZERO))`; nothing need be read from it.
/// Timers make it readable by a `timerfd`. Where the OS refuses one (a sandbox may, or descriptors
/// have run out) it does not tell of timers: a host that must work there waits no longer than until
/// [`next_deadline`](Runtime::next_deadline).
/// Under paused time it tells of timers only when they are due: such a turn does not move the time.
impl AsFd for Runtime {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event_loop.descriptor()
    }
}

impl AsRawFd for Runtime {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
