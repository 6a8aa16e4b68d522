//! What dumps contain, and when they are sent.

use super::Builder;
use crate::signal::unix::SignalKind;

/// Settings of dumps.
impl Builder {
    /// Sets whether the runtime records which tasks wait for which locks and semaphores, and which
    /// tasks hold them, for [dumps](crate::runtime::Dump).
    ///
    /// The default is `true` in debug builds and `false` otherwise. Without it a dump says only
    /// that a task waits for a lock, and does not find [cycles](crate::runtime::Dump::cycles) that
    /// include locks.
    ///
    /// Locks may be shared with other threads and executors. So from the time that one runtime of
    /// a process is built with `true`, all code of the process records what it does with locks and
    /// semaphores. Then to lock and unlock a [`Mutex`](crate::sync::Mutex) takes about 130 ns more.
    /// What the program does, and in which order, is not changed.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use quintet::sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// let runtime = quintet::runtime::Builder::new().track_waits(true).build()?;
    /// let lock = Arc::new(Mutex::new(()));
    /// let held = Arc::clone(&lock);
    /// let holder = runtime.spawn(async move {
    ///     let _guard = held.lock().await;
    ///     std::future::pending::<()>().await;
    /// });
    /// runtime.spawn(async move { drop(lock.lock().await) });
    /// runtime.run_until_stalled();
    ///
    /// let text = runtime.dump().to_string();
    /// assert!(text.contains(&format!("held by task {}", holder.id())), "{text}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn track_waits(&mut self, track: bool) -> &mut Self {
        self.tracks_waits = track;
        self
    }

    /// Makes the runtime send its [dump](crate::runtime::Dump) as a
    /// [`Report::Dump`](crate::runtime::Report::Dump) whenever the process gets a signal. By
    /// default it is written to standard error. Several signals can be set by several calls.
    ///
    /// The dump is taken after all other events of a poll phase. If a task blocks the loop, that is
    /// when it has stopped doing so. Nothing waits for the signal, and it does not keep the runtime
    /// alive. No thread is started. If several runtimes have set the same signal, each of them
    /// sends its dump.
    ///
    /// The signal loses its default action: [`quit`](SignalKind::quit), by Ctrl-\\ at the terminal,
    /// no longer ends the process. [Streams](crate::signal::unix::signal) of the signal get it as
    /// well. When the last runtime and stream of the signal have been dropped, it does again what
    /// it did [before](crate::signal#when-the-last-stream-is-dropped).
    ///
    /// [`build`](Builder::build) fails if the signal cannot be awaited.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use quintet::runtime::Builder;
    /// use quintet::signal::unix::SignalKind;
    ///
    /// let runtime = Builder::new().dump_on(SignalKind::quit()).build()?;
    /// runtime.block_on(async { /* … */ });
    /// # Ok(())
    /// # }
    /// ```
    pub fn dump_on(&mut self, kind: SignalKind) -> &mut Self {
        if !self.dump_signals.contains(&kind) {
            self.dump_signals.push(kind);
        }
        self
    }
}
