//! Advisory locks of open files.
//!
//! An attempt never waits: a worker that waited for a lock could not be called back, and four of
//! them would keep the owner of the lock from releasing it. So [`File::lock`] tries again from time
//! to time.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::File;
use super::open_file::OpenFile;
use crate::blocking::{self, Purpose, called_here};
use crate::fs::job;
use crate::primitive;
use crate::time::sleep;

/// The wait after the first attempt. It doubles with each attempt: a lock is held for a moment, or
/// for long.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// The longest wait between two attempts. A lock that is held for long is noticed to be free this
/// late, and an attempt this often costs next to nothing.
const PAUSE_MAX: Duration = Duration::from_millis(32);

/// The error of [`File::try_lock`] and [`File::try_lock_shared`].
///
/// It corresponds to `std::fs::TryLockError`, which newer versions of Rust have.
#[derive(Debug)]
pub enum TryLockError {
    /// The system call failed.
    Error(io::Error),
    /// Another handle has a lock that excludes this one.
    WouldBlock,
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryLockError::Error(error) => error.fmt(f),
            TryLockError::WouldBlock => {
                f.write_str("the file is locked through another handle of it")
            }
        }
    }
}

impl Error for TryLockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TryLockError::Error(error) => error.source(),
            TryLockError::WouldBlock => None,
        }
    }
}

impl From<TryLockError> for io::Error {
    fn from(error: TryLockError) -> Self {
        match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, error),
        }
    }
}

/// Locks, by which programs agree on when each of them uses a file (`flock`).
///
/// They are advisory: they exclude only each other, and not reads or writes. A lock belongs to the
/// open file, that is, to this `File` and its [clones](File::try_clone), and not to a task or a
/// process. To lock a file that is locked already changes the kind of the lock, and may lose it in
/// between. A lock is released by [`unlock`](File::unlock), and when the file and its clones have
/// been closed.
impl File {
    /// Waits until no other handle of the file has a lock, and acquires an exclusive one.
    ///
    /// Tries on a worker, and as long as the lock is not free tries again, after 1 ms at first and
    /// every 32 ms later. No worker is occupied meanwhile. If several handles wait, any of them may
    /// be next.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call. The most frequent one is that the file system has no
    /// locks ([`Unsupported`](io::ErrorKind::Unsupported)).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the file is not locked. If it was locked before, it may have lost
    /// that lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::fs::File;
    ///
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("state");
    /// let mut file = File::create(&path).await?;
    /// file.lock().await?;
    /// file.write_all(b"only one program writes this at a time").await?;
    /// file.unlock().await?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = io::Result<()>> {
        called_here(self.wait_for_lock(FlockOperation::NonBlockingLockExclusive))
    }

    /// As [`lock`](File::lock), for a shared lock: several handles can have one at a time, and none
    /// of them while another one has an exclusive lock.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`lock`](File::lock).
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](File::lock).
    #[track_caller]
    pub fn lock_shared(&self) -> impl Future<Output = io::Result<()>> {
        called_here(self.wait_for_lock(FlockOperation::NonBlockingLockShared))
    }

    /// Acquires an exclusive lock, unless another handle of the file has a lock. Runs on a worker.
    ///
    /// # Errors
    ///
    /// Returns [`TryLockError::WouldBlock`] if another handle has a lock, and otherwise the errors
    /// of [`lock`](File::lock).
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](File::lock).
    ///
    /// # Examples
    ///
    /// ```
    /// use quintet::fs::{File, TryLockError};
    ///
    /// # quintet::block_on(async {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("pid");
    /// let file = File::create(&path).await?;
    /// match file.try_lock().await {
    ///     Ok(()) => {}
    ///     Err(TryLockError::WouldBlock) => panic!("the program runs already"),
    ///     Err(TryLockError::Error(error)) => return Err(error),
    /// }
    /// # std::io::Result::Ok(())
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn try_lock(&self) -> impl Future<Output = Result<(), TryLockError>> {
        called_here(self.lock_or_error(FlockOperation::NonBlockingLockExclusive))
    }

    /// Acquires a shared lock, unless another handle of the file has an exclusive one. Runs on a
    /// worker.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`try_lock`](File::try_lock).
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](File::lock).
    #[track_caller]
    pub fn try_lock_shared(&self) -> impl Future<Output = Result<(), TryLockError>> {
        called_here(self.lock_or_error(FlockOperation::NonBlockingLockShared))
    }

    /// Releases the lock, if the file has one. Runs on a worker.
    ///
    /// First waits for a write whose future was dropped, like every operation.
    ///
    /// # Errors
    ///
    /// Returns the error of the system call, which succeeds except on network file systems.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, the file may or may not have been unlocked.
    #[track_caller]
    pub fn unlock(&self) -> impl Future<Output = io::Result<()>> {
        called_here(async move {
            let unlock = |open: &OpenFile| open.locking.unlock(&open.file);
            self.run(Purpose::Change, unlock).await
        })
    }

    async fn wait_for_lock(&self, operation: FlockOperation) -> io::Result<()> {
        let mut pause = PAUSE_MIN;
        while !self.attempt_lock(operation).await? {
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        Ok(())
    }

    async fn lock_or_error(&self, operation: FlockOperation) -> Result<(), TryLockError> {
        match self.attempt_lock(operation).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(TryLockError::WouldBlock),
            Err(error) => Err(TryLockError::Error(error)),
        }
    }

    /// Returns whether the file is locked now.
    async fn attempt_lock(&self, operation: FlockOperation) -> io::Result<bool> {
        let attempt = Attempt::new(&self.open);
        let state = Arc::clone(&attempt.state);
        let lock = move |open: &OpenFile| open.locking.attempt(&open.file, operation, &state);
        let is_locked = self.run(Purpose::Change, lock).await?;
        attempt.end();
        Ok(is_locked)
    }
}

/// No worker has acquired the lock yet.
const WAITING: u8 = 0;

/// A worker has acquired the lock, and the future has not resolved yet.
const LOCKED: u8 = 1;

/// The future has resolved, or was dropped.
const OVER: u8 = 2;

/// What the locks of an open file need to know.
#[derive(Debug, Default)]
pub(super) struct Locking {
    /// Held during a system call, so that one finds what the last one has done.
    turn: Mutex<()>,
    /// Whether the file was locked for a future that was dropped then.
    is_orphaned: AtomicBool,
}

impl Locking {
    /// Tries to lock `file` for the attempt whose state is `state`. For workers.
    fn attempt(
        &self,
        file: &std::fs::File,
        operation: FlockOperation,
        state: &AtomicU8,
    ) -> io::Result<bool> {
        let _turn = primitive::lock(&self.turn);
        self.release_orphan(file);
        match retry_on_intr(|| flock(file, operation)) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let taken = state.compare_exchange(WAITING, LOCKED, Ordering::AcqRel, Ordering::Acquire);
        if taken.is_err() {
            // The future was dropped meanwhile.
            flock(file, FlockOperation::Unlock)?;
        }
        Ok(true)
    }

    fn unlock(&self, file: &std::fs::File) -> io::Result<()> {
        let _turn = primitive::lock(&self.turn);
        self.is_orphaned.store(false, Ordering::Release);
        Ok(retry_on_intr(|| flock(file, FlockOperation::Unlock))?)
    }

    /// Releases a lock whose future was dropped. Called in turn.
    fn release_orphan(&self, file: &std::fs::File) {
        if self.is_orphaned.swap(false, Ordering::AcqRel) {
            // No caller is left to which an error could be returned.
            let _failed = flock(file, FlockOperation::Unlock);
        }
    }
}

/// The future of an attempt to lock a file holds this guard, which releases the lock if the future
/// is dropped after a worker has acquired it.
struct Attempt {
    state: Arc<AtomicU8>,
    open: Arc<OpenFile>,
    location: &'static Location<'static>,
}

impl Attempt {
    #[track_caller]
    fn new(open: &Arc<OpenFile>) -> Self {
        Attempt {
            state: Arc::new(AtomicU8::new(WAITING)),
            open: Arc::clone(open),
            location: blocking::call_site(Location::caller()),
        }
    }

    /// The caller knows whether the file is locked.
    fn end(self) {
        self.state.store(OVER, Ordering::Release);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.state.swap(OVER, Ordering::AcqRel) != LOCKED {
            return;
        }
        self.open.locking.is_orphaned.store(true, Ordering::Release);
        // Whatever comes first releases it: this, or the next operation on the lock.
        job::drop_on_worker(ReleaseOnDrop(Arc::clone(&self.open)), self.location);
    }
}

/// Releases an orphaned lock when it is dropped, by a job or in place of one.
struct ReleaseOnDrop(Arc<OpenFile>);

impl Drop for ReleaseOnDrop {
    fn drop(&mut self) {
        let locking = &self.0.locking;
        let _turn = primitive::lock(&locking.turn);
        locking.release_orphan(&self.0.file);
    }
}
