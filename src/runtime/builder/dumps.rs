//! What dumps contain.

use super::Builder;

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
}
