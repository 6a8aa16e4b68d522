//! A process that has been started: its exit, and signals to it.

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "running/os/portable.rs"
)]
mod os;

use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child as StdChild, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::process::Signal;

use super::orphans;
use super::sigchld::ChildSignals;
use crate::context;
use crate::coop;
use crate::io::Interest;
use crate::io::source::{OpOutput, Source};
use crate::io_error::cannot;
use crate::phase::poll::Direction;
use crate::ready::LoopId;

/// A process that has been started, without its pipes. If it is dropped before the process has
/// ended, the process is an orphan, and a loop waits for it.
#[derive(Debug)]
pub(super) struct RunningProcess {
    /// `None` only when an orphan has been made of it.
    process: Option<Process>,
    pub(super) kill_on_drop: bool,
}

/// See [`RunningProcess`]. Dropping it does nothing.
#[derive(Debug)]
pub(super) struct Process {
    child: StdChild,
    state: ProcessState,
    /// What reports the exit. `None` if it could not be opened yet, and when the process has ended.
    watch: Option<ExitWatch>,
    /// Whether a wait for the exit keeps the loop alive.
    is_ref: AtomicBool,
    /// The loop and its tick in which the process was started.
    started_in: Option<(LoopId, u64)>,
}

#[derive(Clone, Copy, Debug)]
enum ProcessState {
    /// The status has not been asked for since the process has ended: its id is in use.
    Unreaped,
    Exited(ExitStatus),
    /// Other code has asked for the status. The id may be that of another process now.
    Lost,
}

/// A descriptor that is readable when the process may have ended.
#[derive(Debug)]
struct ExitWatch {
    source: Source<OwnedFd>,
    /// Where there is no pidfd: the signals that say that some child has ended.
    signals: Option<&'static ChildSignals>,
}

impl ExitWatch {
    /// # Errors
    ///
    /// Returns an error if descriptors or memory have run out.
    fn open(child: &StdChild) -> io::Result<Self> {
        let (fd, signals) = match os::open_pidfd(child)? {
            Some(pidfd) => (pidfd, None),
            None => {
                let signals = ChildSignals::shared()?;
                (signals.subscribe()?, Some(signals))
            }
        };
        Ok(ExitWatch {
            source: Source::with_interest(fd, Interest::READABLE),
            signals,
        })
    }

    /// Makes one that belongs to no loop.
    fn leave_loop(self) -> Self {
        let fd = self.source.into_inner();
        ExitWatch {
            source: Source::with_interest(fd, Interest::READABLE),
            signals: self.signals,
        }
    }

    /// Asks for the status of `child`.
    fn try_wait(&self, child: &mut StdChild) -> io::Result<OpOutput<ExitStatus>> {
        // Before the status: a signal that comes after that is an event.
        if let Some(signals) = self.signals {
            signals.drain();
        }
        let status = child.try_wait()?;
        status.map_or(Err(io::ErrorKind::WouldBlock.into()), |status| {
            Ok(OpOutput::new(status))
        })
    }
}

impl Process {
    fn new(child: StdChild) -> Self {
        // Early, because a pidfd must be opened before other code can ask for the status. If
        // descriptors have run out, the process runs nevertheless, and `wait` tries again.
        let watch = ExitWatch::open(&child).ok();
        Process {
            child,
            state: ProcessState::Unreaped,
            watch,
            is_ref: AtomicBool::new(true),
            started_in: this_tick(),
        }
    }

    fn set_ref(&self, is_ref: bool) {
        self.is_ref.store(is_ref, Ordering::Relaxed);
        if let Some(watch) = &self.watch {
            watch.source.set_ref(is_ref);
        }
    }

    /// Returns what reports the exit, for a wait on the current loop, and the child.
    ///
    /// # Errors
    ///
    /// Returns an error if descriptors or memory have run out.
    fn watched(&mut self) -> io::Result<(&ExitWatch, &mut StdChild)> {
        let belongs_elsewhere = |watch: &ExitWatch| watch.source.belongs_elsewhere();
        if self.watch.as_ref().is_some_and(belongs_elsewhere) {
            // Nothing waits on the other loop, because a wait borrows the process.
            self.leave_loop();
        }
        let watch = match &mut self.watch {
            Some(watch) => watch,
            none => {
                let watch = none.insert(ExitWatch::open(&self.child)?);
                watch.source.set_ref(self.is_ref.load(Ordering::Relaxed));
                watch
            }
        };
        Ok((watch, &mut self.child))
    }

    /// Returns the status if the process has ended.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self.state {
            ProcessState::Unreaped => {
                let status = self.child.try_wait().transpose();
                status.map(|result| self.note(result)).transpose()
            }
            ProcessState::Exited(status) => Ok(Some(status)),
            ProcessState::Lost => Err(lost()),
        }
    }

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        if !matches!(self.state, ProcessState::Unreaped) {
            coop::operate().await;
            return self.try_wait()?.ok_or_else(lost);
        }
        // A process that was started in this tick has hardly ended, so asking for its status would
        // cost a system call for nothing. If it has ended, there is an event for that.
        let mut is_new = self
            .started_in
            .take()
            .is_some_and(|tick| Some(tick) == this_tick());
        let (watch, child) = match self.watched() {
            Ok(watched) => watched,
            // The process may have ended.
            Err(error) => return self.try_wait()?.ok_or(error),
        };
        let exit = watch.source.operate(Direction::Read, |_| {
            if mem::take(&mut is_new) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            watch.try_wait(child)
        });
        let result = exit.await;
        self.note(result)
    }

    /// Polls for the exit, as a caller that is no task.
    pub(super) fn poll_exit(&mut self, cx: &Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let (watch, child) = self.watched()?;
        let exit = watch
            .source
            .poll_operate(cx, Direction::Read, |_| watch.try_wait(child));
        exit.map(|result| self.note(result))
    }

    /// Notes what a system call has said about the status.
    fn note(&mut self, result: io::Result<ExitStatus>) -> io::Result<ExitStatus> {
        self.state = match result {
            Ok(status) => ProcessState::Exited(status),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::CHILD) => ProcessState::Lost,
            Err(error) => return Err(error),
        };
        self.watch = None;
        match self.state {
            ProcessState::Exited(status) => Ok(status),
            _ => Err(lost()),
        }
    }

    fn send_signal(&self, signal: Signal) -> io::Result<()> {
        match self.state {
            ProcessState::Unreaped => {
                let pidfd = self.watch.as_ref().filter(|watch| watch.signals.is_none());
                let pidfd = pidfd.map(|watch| watch.source.get().as_fd());
                os::send_signal(&self.child, pidfd, signal)
                    .map_err(|error| cannot(format!("signal process {}", self.child.id()), error))
            }
            ProcessState::Exited(_) => Ok(()),
            ProcessState::Lost => Err(lost()),
        }
    }

    /// Leaves the loop on which it was waited for.
    fn leave_loop(&mut self) {
        self.watch = self.watch.take().map(ExitWatch::leave_loop);
        self.set_ref(self.is_ref.load(Ordering::Relaxed));
    }

    /// Leaves the loop on which it was waited for, and does not keep the next one alive.
    pub(super) fn become_orphan(&mut self) {
        self.leave_loop();
        self.set_ref(false);
    }
}

/// The current loop, and its tick.
fn this_tick() -> Option<(LoopId, u64)> {
    context::with(|event_loop| (event_loop.id(), event_loop.ticks()))
}

/// The error of a process whose status other code has asked for.
fn lost() -> io::Error {
    let error = io::Error::from(Errno::CHILD);
    let why = "wait for the process, because its status has been taken by other code, or because \
               this process ignores SIGCHLD";
    cannot(why, error)
}

impl RunningProcess {
    pub(super) fn new(child: StdChild, kill_on_drop: bool) -> Self {
        orphans::adopt_homeless();
        RunningProcess {
            process: Some(Process::new(child)),
            kill_on_drop,
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("only `drop` takes it")
    }

    fn process_mut(&mut self) -> &mut Process {
        self.process.as_mut().expect("only `drop` takes it")
    }

    /// Returns the id, unless the process has been seen to have ended.
    pub(super) fn id(&self) -> Option<u32> {
        let process = self.process();
        matches!(process.state, ProcessState::Unreaped).then(|| process.child.id())
    }

    pub(super) fn set_ref(&self, is_ref: bool) {
        self.process().set_ref(is_ref);
    }

    pub(super) fn is_ref(&self) -> bool {
        self.process().is_ref.load(Ordering::Relaxed)
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process_mut().try_wait()
    }

    pub(super) fn wait(&mut self) -> impl Future<Output = io::Result<ExitStatus>> {
        self.process_mut().wait()
    }

    pub(super) fn send_signal(&self, signal: Signal) -> io::Result<()> {
        self.process().send_signal(signal)
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        if self.kill_on_drop {
            // It has ended then, or it is not ours to kill.
            let _ended = process.send_signal(Signal::KILL);
        }
        if let Ok(None) = process.try_wait() {
            orphans::adopt(process);
        }
    }
}
