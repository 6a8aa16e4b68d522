//! `run`, `turn` and `run_until_stalled`: the ways to run a runtime other than `block_on`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic;
use std::time::Duration;

use super::{Dump, Runtime, Stalled};
use crate::context;
use crate::event_loop::{LoopLiveness, StopReason};
use crate::panics;
use crate::ready;
use crate::time::Instant;

/// The ways to run the loop. To embed it in another event loop, see [`turn`](Runtime::turn) and
/// [`as_fd`](Runtime#impl-AsFd-for-Runtime).
impl Runtime {
    /// Runs the loop until nothing keeps it alive, as Node does.
    ///
    /// These keep the loop alive:
    ///
    /// - tasks that are ready to run, immediates and closes;
    /// - blocking jobs whose results have not been delivered;
    /// - an armed timer, a socket or a signal stream on which a task waits;
    /// - a [`KeepAlive`](super::KeepAlive) guard.
    ///
    /// A task that waits for another task or for a channel does not keep the loop alive by itself.
    /// `unref` excludes a single thing: a task (by its
    /// [`JoinHandle`](crate::task::JoinHandle::unref)), a [`Sleep`](crate::time::Sleep::unref), a
    /// [`TcpListener`](crate::net::TcpListener::unref) and others.
    ///
    /// When nothing keeps the loop alive, it calls the [`before_exit`](super::before_exit) hooks,
    /// which may start something. Tasks that are left when `run` returns keep their state, and
    /// `run` can be called again.
    ///
    /// [`Handle::stop`](super::Handle::stop) makes `run` return after the current tick.
    ///
    /// # Errors
    ///
    /// Returns [`Stalled`] if a referenced task is left that nothing on the loop can wake. Only
    /// another thread could wake it, and none holds a [`KeepAlive`](super::KeepAlive) guard.
    ///
    /// # Panics
    ///
    /// - If a runtime is already running on this thread.
    /// - If a task panics and the runtime is set to
    ///   [`ShutdownRuntime`](super::UnhandledPanic::ShutdownRuntime), with the payload of that
    ///   task.
    /// - If a [`before_exit`](super::before_exit) hook panics, with its payload.
    /// - If the OS returns an error when the loop waits for events.
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
    ///     println!("done");
    /// });
    /// runtime.run()?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn run(&self) -> Result<(), Stalled> {
        if let Some(host) = &self.host {
            self.assert_can_run("run");
            match host.run_while_alive(self) {
                Ok(stop) => self.handle_stop(stop),
                Err(payload) => panic::resume_unwind(payload),
            }
            return Ok(());
        }
        let stop = self.drive("run", || {
            let stop = self.event_loop.run_while_alive(|| self.call_before_exit());
            match stop {
                StopReason::Stuck => Err(Stalled::new(Dump::stalled(&self.event_loop, false))),
                StopReason::Done if self.event_loop.liveness() == LoopLiveness::Dead => {
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

    /// Runs one tick, and returns whether anything keeps the loop alive, as defined by
    /// [`run`](Runtime::run).
    ///
    /// Ready tasks run first, and then the five phases. The poll phase waits at most `limit` for
    /// something to happen. Without a limit it waits until something happens, but not at all if
    /// nothing keeps the loop alive. In paused time, the limit is a duration of the paused clock: a
    /// turn that has nothing to do advances the clock by at most `limit`.
    ///
    /// # Panics
    ///
    /// In the same cases as [`run`](Runtime::run), apart from hooks.
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

    /// Runs ticks until nothing is left that can be done without waiting.
    ///
    /// This does not advance paused time.
    ///
    /// # Panics
    ///
    /// In the same cases as [`run`](Runtime::run), apart from hooks.
    #[track_caller]
    pub fn run_until_stalled(&self) {
        let stop = self.drive("run_until_stalled", || self.event_loop.run_until_stalled());
        self.handle_stop(stop);
    }

    /// Returns the time at which the next [`turn`](Runtime::turn) has something to do.
    ///
    /// That is the current time if something is ready, and otherwise the time at which the next
    /// timer is due. Returns `None` if it depends only on sockets, workers and other threads.
    pub fn next_deadline(&self) -> Option<Instant> {
        let clock = &self.event_loop.clock;
        let at = self.event_loop.next_turn(clock.now());
        at.map(|at| Instant::from_std(clock.instant_at(at)))
    }

    /// Returns the live tasks and what they wait for.
    pub fn dump(&self) -> Dump {
        Dump::new(&self.event_loop)
    }

    /// Runs the loop by `f`, and then updates the descriptor for hosts that wait for it.
    #[track_caller]
    pub(super) fn drive<R>(&self, name: &str, f: impl FnOnce() -> R) -> R {
        self.assert_can_run(name);
        let running = context::run(&self.event_loop);
        let result = f();
        drop(running);
        self.event_loop.notify_host();
        result
    }

    /// # Panics
    ///
    /// If a runtime is running on this thread, or this one has been shut down. `name` is the method
    /// that was called.
    #[track_caller]
    pub(super) fn assert_can_run(&self, name: &str) {
        // With a seed, a job on the loop's thread has no running loop in `ready`.
        assert!(
            !ready::is_any_running() && !self.event_loop.shared.is_running(),
            "a quintet runtime is running on this thread already, and `{name}` would block it; \
             inside a task use `.await`, or `spawn_blocking` for blocking code"
        );
        assert!(
            !self.event_loop.is_closed(),
            "this quintet runtime has been shut down by a panic; build a new one"
        );
    }

    /// Ends the process or passes on a panic, if the loop has stopped for that.
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

    pub(super) fn call_before_exit(&self) {
        let mut hooks = std::mem::take(&mut self.event_loop.hooks.borrow_mut().before_exit);
        let mut panicked = None;
        for hook in &mut hooks {
            if let Err(payload) = panics::contain(hook) {
                // Only the first panic is passed on.
                match panicked {
                    None => panicked = Some(payload),
                    Some(_) => panics::discard(payload),
                }
            }
        }
        // Hooks may have added hooks. These follow the others.
        let mut added = self.event_loop.hooks.borrow_mut();
        hooks.append(&mut added.before_exit);
        added.before_exit = hooks;
        drop(added);
        if let Some(payload) = panicked {
            panic::resume_unwind(payload);
        }
    }
}

/// The descriptor of the loop, for embedding it in another event loop.
///
/// It is readable whenever a [`turn`](Runtime::turn) has something to do: a socket is ready, a
/// timer is due, a worker or another thread has sent something, or a task was spawned. Wait for it
/// with `poll(2)` or a similar call, and then call `turn(Some(Duration::ZERO))`. Do not read from
/// it.
///
/// Timers make it readable through a `timerfd`. If the OS cannot create one, because of a sandbox
/// or because no descriptors are left, timers do not make the descriptor readable. A host that must
/// work in this case waits at most until [`next_deadline`](Runtime::next_deadline).
///
/// In paused time, timers make it readable only when they are due, so a turn with a limit of zero
/// does not advance the clock.
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
