//! The builder of child processes.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{
    Child as StdChild, Command as StdCommand, CommandArgs, CommandEnvs, ExitStatus, Output, Stdio,
};

use super::child::Child;
use super::running::RunningProcess;
use crate::io_error::cannot;

/// A program to execute in a child process, with its arguments, environment and standard streams.
///
/// The builder methods are those of [`std::process::Command`], and do the same. What this type does
/// not have is reached by [`as_std_mut`](Command::as_std_mut). A command can be spawned several
/// times.
///
/// # Examples
///
/// ```
/// use quintet::process::Command;
///
/// # quintet::block_on(async {
/// let status = Command::new("true").status().await?;
/// assert!(status.success());
///
/// let error = Command::new("no-such-program").status().await.unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.to_string().contains("no-such-program"));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    kill_on_drop: bool,
}

impl Command {
    /// Creates a command for `program`, without arguments, which inherits the environment, the
    /// working directory and the standard streams of this process.
    ///
    /// A name without a slash is looked up in `PATH`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Self {
        StdCommand::new(program).into()
    }

    /// Returns the command of the standard library that this one wraps.
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// Returns the command of the standard library that this one wraps, for its other methods.
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// Converts into the command of the standard library.
    /// [`kill_on_drop`](Command::kill_on_drop) is lost.
    pub fn into_std(self) -> StdCommand {
        self.std
    }

    /// Adds an argument.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Self {
        self.std.arg(arg);
        self
    }

    /// Adds several arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets an environment variable of the child.
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets several environment variables of the child.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Removes an environment variable from what the child inherits.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Self {
        self.std.env_remove(key);
        self
    }

    /// Removes all environment variables from what the child inherits, also those that were set.
    pub fn env_clear(&mut self) -> &mut Self {
        self.std.env_clear();
        self
    }

    /// Sets the working directory of the child. A relative path of the program should not be
    /// combined with it, because systems differ in where they look it up.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Self {
        self.std.current_dir(dir);
        self
    }

    /// Sets the standard input of the child. By default it is inherited.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdin(cfg);
        self
    }

    /// Sets the standard output of the child. By default it is inherited by
    /// [`spawn`](Command::spawn) and [`status`](Command::status). [`output`](Command::output)
    /// always makes a pipe.
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stdout(cfg);
        self
    }

    /// Sets the standard error of the child, with the defaults of [`stdout`](Command::stdout).
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Self {
        self.std.stderr(cfg);
        self
    }

    /// Sets whether a child is killed when its [`Child`] is dropped before it has ended. The
    /// default is false.
    ///
    /// It includes the futures of [`status`](Command::status), [`output`](Command::output) and
    /// [`Child::wait_with_output`], which own their child. The process is killed by SIGKILL, and
    /// its zombie is reaped as the [module](super#a-child-that-is-dropped) says. Processes that it
    /// has started itself are not killed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use quintet::process::Command;
    /// use quintet::time::timeout;
    ///
    /// # quintet::block_on(async {
    /// let sleeping = Command::new("sleep").arg("1000").kill_on_drop(true).status();
    /// let result = timeout(Duration::from_millis(1), sleeping).await;
    /// // The future was dropped, and so the process is killed.
    /// assert!(result.is_err());
    /// # });
    /// ```
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Self {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// Returns what [`kill_on_drop`](Command::kill_on_drop) has set.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Sets the user id of the child. An error of the system call is that of
    /// [`spawn`](Command::spawn).
    pub fn uid(&mut self, id: u32) -> &mut Self {
        self.std.uid(id);
        self
    }

    /// Sets the group id of the child. An error of the system call is that of
    /// [`spawn`](Command::spawn).
    pub fn gid(&mut self, id: u32) -> &mut Self {
        self.std.gid(id);
        self
    }

    /// Sets the first argument that the program sees, which is its own name by convention.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Self {
        self.std.arg0(arg);
        self
    }

    /// Sets the process group of the child; 0 makes a new one, with the id of the child.
    ///
    /// Ctrl-C in a terminal is sent to the processes of its foreground group. So a child in another
    /// group does not receive it, and may not read from the terminal.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Self {
        self.std.process_group(pgroup);
        self
    }

    /// Returns the program.
    pub fn get_program(&self) -> &OsStr {
        self.std.get_program()
    }

    /// Returns the arguments.
    pub fn get_args(&self) -> CommandArgs<'_> {
        self.std.get_args()
    }

    /// Returns the environment variables that have been set or, with `None`, removed.
    pub fn get_envs(&self) -> CommandEnvs<'_> {
        self.std.get_envs()
    }

    /// Returns the working directory, if it has been set.
    pub fn get_current_dir(&self) -> Option<&Path> {
        self.std.get_current_dir()
    }

    /// Starts a child process.
    ///
    /// It blocks until the program has been [executed](super#starting-a-process-blocks). It needs
    /// no runtime; awaiting the child does.
    ///
    /// # Errors
    ///
    /// Returns an error that names the program, of kind
    ///
    /// - [`NotFound`](io::ErrorKind::NotFound) if it does not exist, or if the working directory
    ///   does not.
    /// - [`PermissionDenied`](io::ErrorKind::PermissionDenied) if it may not be executed, or if a
    ///   user, group or working directory may not be set.
    /// - [`InvalidInput`](io::ErrorKind::InvalidInput) if a string has a zero byte.
    /// - [`WouldBlock`](io::ErrorKind::WouldBlock) if there are too many processes.
    ///
    /// Other errors are those of the system calls, for example if descriptors have run out.
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(StdCommand::spawn)
    }

    /// Starts a child process by `with`, which calls [`spawn`](StdCommand::spawn) of the standard
    /// library, or what a crate provides instead.
    ///
    /// # Errors
    ///
    /// Returns the error of `with`, with the name of the program.
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut StdCommand) -> io::Result<StdChild>,
    ) -> io::Result<Child> {
        let child = self.start(with)?;
        Child::new(child, self.kill_on_drop)
    }

    fn start(
        &mut self,
        with: impl FnOnce(&mut StdCommand) -> io::Result<StdChild>,
    ) -> io::Result<StdChild> {
        with(&mut self.std).map_err(|error| self.cannot_run(error))
    }

    fn cannot_run(&self, error: io::Error) -> io::Error {
        let program = self.get_program();
        match self.get_current_dir() {
            None => cannot(format!("run {program:?}"), error),
            Some(dir) => cannot(format!("run {program:?} in {dir:?}"), error),
        }
    }

    /// Starts a child process, and waits until it has ended. Returns its status.
    ///
    /// The process is started by this call, not by the first poll. If standard streams are pipes,
    /// their ends in this process are closed at once.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`spawn`](Command::spawn) and [`Child::wait`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the process goes on, unless
    /// [`kill_on_drop`](Command::kill_on_drop) is set.
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        // Not a child, which has room for pipes, and not moved by `?`, for which the future would
        // have room for two processes.
        let mut process = self.start(StdCommand::spawn).map(|mut child| {
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            RunningProcess::new(child, self.kill_on_drop)
        });
        async {
            match process {
                Ok(ref mut process) => process.wait().await,
                Err(error) => Err(error),
            }
        }
    }

    /// Starts a child process, and waits until it has ended. Returns its status, and what it has
    /// written to its standard output and standard error.
    ///
    /// The process is started by this call, not by the first poll. As in tokio, standard output and
    /// standard error are pipes, whatever was set before, and standard input is inherited unless it
    /// was set. (In the standard library it is empty.) An input that is a pipe is closed at once.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`spawn`](Command::spawn) and [`Child::wait_with_output`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the process goes on, unless
    /// [`kill_on_drop`](Command::kill_on_drop) is set. Its output is lost.
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Self {
        Command {
            std,
            kill_on_drop: false,
        }
    }
}
