//! A child process.

use std::fmt;
use std::io;
use std::process::{Child as StdChild, ExitStatus, Output};

use futures::future::try_join3;
use rustix::process::Signal;

use super::running::RunningProcess;
use super::stdio::{self, ChildStderr, ChildStdin, ChildStdout};
use crate::signal::unix::SignalKind;

/// A child process, started by [`Command::spawn`](super::Command::spawn).
///
/// If it is dropped, the process goes on, unless
/// [`kill_on_drop`](super::Command::kill_on_drop) is set; the
/// [module](super#a-child-that-is-dropped) says how its zombie is avoided.
///
/// A child belongs to no loop, and may be sent to another thread. Its pipes belong to the loop on
/// which one of their operations is first polled.
pub struct Child {
    process: RunningProcess,
    /// The standard input of the child, if it is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The standard output of the child, if it is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The standard error of the child, if it is a pipe.
    pub stderr: Option<ChildStderr>,
}

impl Child {
    /// Converts a child of the standard library, with its pipes, which become non-blocking.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call that makes a pipe non-blocking. The process goes on
    /// then, as after a drop.
    pub fn from_std(child: StdChild) -> io::Result<Self> {
        Child::new(child, false)
    }

    pub(super) fn new(mut child: StdChild, kill_on_drop: bool) -> io::Result<Self> {
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        Ok(Child {
            process: RunningProcess::new(child, kill_on_drop),
            stdin: stdin.map(ChildStdin::from_std).transpose()?,
            stdout: stdout.map(ChildStdout::from_std).transpose()?,
            stderr: stderr.map(ChildStderr::from_std).transpose()?,
        })
    }

    /// Returns the id of the process, or `None` if [`wait`](Child::wait) or
    /// [`try_wait`](Child::try_wait) has returned its status: another process may have the id then.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until the process has ended, and returns its status.
    ///
    /// It closes [`stdin`](Child::stdin) first, because many programs wait for the end of their
    /// input. To keep it open, take it out before. What the child writes to a pipe must be read
    /// meanwhile, if it may be more than the pipe holds.
    ///
    /// It may be called again, and returns the same status.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`Other`](io::ErrorKind::Other) if no runtime is current, and an
    /// error if descriptors have run out, or if other code has
    /// [taken the status](super#how-an-exit-is-noticed).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: if the future is dropped before it completes, the status is not
    /// lost. `stdin` has been closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::process::Command;
    ///
    /// # quintet::block_on(async {
    /// let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
    /// assert_eq!(child.wait().await?.code(), Some(3));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.process.wait().await
    }

    /// Returns the status of the process if it has ended, and `None` if it runs.
    ///
    /// Unlike [`wait`](Child::wait), it does not close [`stdin`](Child::stdin).
    ///
    /// # Errors
    ///
    /// Returns an error if other code has [taken the status](super#how-an-exit-is-noticed).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Waits until the process has ended, while it reads [`stdout`](Child::stdout) and
    /// [`stderr`](Child::stderr) to their ends.
    ///
    /// It closes [`stdin`](Child::stdin) first. What is not a pipe, or has been taken out, is empty
    /// in the result. If another process has one of the pipes as well, such as one that the child
    /// has started in the background, the future waits until that closes it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`wait`](Child::wait), and of reading.
    ///
    /// # Cancel safety
    ///
    /// This method is not cancel safe: what has been read is lost, and the child is dropped.
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (out, err) = (self.stdout.take(), self.stderr.take());
        let stdout = stdio::read_to_end(out.map(ChildStdout::into_receiver));
        let stderr = stdio::read_to_end(err.map(ChildStderr::into_receiver));
        let (status, stdout, stderr) = try_join3(self.wait(), stdout, stderr).await?;
        Ok(Output {
            status,
            stdout,
            stderr,
        })
    }

    /// Kills the process by SIGKILL, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`start_kill`](Child::start_kill) and [`wait`](Child::wait).
    ///
    /// # Cancel safety
    ///
    /// The signal is sent by the first poll. If the future is dropped then, the status is not lost.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await.map(drop)
    }

    /// Kills the process by SIGKILL, and does not wait until it has ended.
    ///
    /// Does nothing if the process has ended.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`PermissionDenied`](io::ErrorKind::PermissionDenied) if the
    /// process has another user now, or if other code has
    /// [taken its status](super#how-an-exit-is-noticed).
    pub fn start_kill(&mut self) -> io::Result<()> {
        self.process.send_signal(Signal::KILL)
    }

    /// Sends a signal to the process, for example SIGTERM to ask it to end.
    ///
    /// Does nothing if the process has ended. On Linux the signal never reaches another process
    /// that has got the same id.
    ///
    /// # Errors
    ///
    /// Returns an error of kind [`InvalidInput`](io::ErrorKind::InvalidInput) if it is no signal
    /// with a name, as real-time signals are, and the errors of
    /// [`start_kill`](Child::start_kill).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// use quintet::process::Command;
    /// use quintet::signal::unix::SignalKind;
    ///
    /// # quintet::block_on(async {
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// child.send_signal(SignalKind::terminate())?;
    /// assert_eq!(child.wait().await?.signal(), Some(15));
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    pub fn send_signal(&self, kind: SignalKind) -> io::Result<()> {
        let number = kind.as_raw_value();
        let signal = Signal::from_named_raw(number).ok_or_else(|| {
            let text = format!("signal {number} cannot be sent to a child");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })?;
        self.process.send_signal(signal)
    }

    /// Keeps the runtime alive while a task waits for this child. This is the default.
    ///
    /// It reverses [`unref`](Child::unref). Both may be called any number of times; the last call
    /// counts. The pipes of the child are referenced on their own. See
    /// [`Runtime::run`](crate::runtime::Runtime::run).
    pub fn ref_(&self) {
        self.process.set_ref(true);
    }

    /// Allows the runtime to end even while a task waits for this child.
    ///
    /// A task that waits for a pipe of the child still keeps the runtime alive, unless the pipe is
    /// excluded, too.
    pub fn unref(&self) {
        self.process.set_ref(false);
    }

    /// Returns whether the child keeps the runtime alive while a task waits for it.
    pub fn has_ref(&self) -> bool {
        self.process.is_ref()
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("id", &self.id())
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}

assert_impl!(Child: Send + Sync + Unpin);
