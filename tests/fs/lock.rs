//! Locks of open files.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;

use futures::FutureExt;
use quintet::fs::{File, TryLockError};
use quintet::runtime::Builder;
use quintet::sync::oneshot;
use quintet::{spawn, task};
use rustix::fs::{FlockOperation, flock};

use crate::support::strict::{block_on, block_on_built_by};
use crate::support::wakers::poll;

use super::{HeldWorker, file_with, one_worker, open_both, poll_alone, settle, temp};

/// A handle of another program, as it were: a lock belongs to the open file.
struct Other(std::fs::File);

impl Other {
    fn new(path: &Path) -> Self {
        Other(std::fs::File::open(path).unwrap())
    }

    fn lock(&self, operation: FlockOperation) -> bool {
        flock(&self.0, operation).is_ok()
    }

    /// Whether the file is not locked.
    fn is_free(&self) -> bool {
        let is_free = self.lock(FlockOperation::NonBlockingLockExclusive);
        flock(&self.0, FlockOperation::Unlock).unwrap();
        is_free
    }

    fn is_shared(&self) -> bool {
        let is_shared = self.lock(FlockOperation::NonBlockingLockShared);
        flock(&self.0, FlockOperation::Unlock).unwrap();
        is_shared && !self.is_free()
    }
}

fn would_block(result: Result<(), TryLockError>) {
    assert!(
        matches!(result, Err(TryLockError::WouldBlock)),
        "{result:?}"
    );
}

#[test]
fn an_exclusive_lock_excludes_all_others_and_shared_ones_only_exclusive_ones() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let other = Other::new(&path);
    block_on(async {
        let (a, b) = (File::open(&path).await.unwrap(), open_both(&path).await);
        a.try_lock().await.unwrap();
        assert!(!other.is_free() && !other.is_shared());
        would_block(b.try_lock().await);
        would_block(b.try_lock_shared().await);
        // One's own lock excludes nothing.
        a.try_lock().await.unwrap();
        a.lock().await.unwrap();

        a.unlock().await.unwrap();
        assert!(other.is_free());
        a.unlock().await.unwrap();

        a.lock_shared().await.unwrap();
        assert!(other.is_shared());
        b.try_lock_shared().await.unwrap();
        would_block(a.try_lock().await);
        a.lock_shared().await.unwrap();
        b.unlock().await.unwrap();
        a.lock().await.unwrap();
        assert!(!other.is_free() && !other.is_shared());

        let clone = a.try_clone().await.unwrap();
        clone.try_lock().await.unwrap();
        drop(a);
        assert!(!other.is_free(), "a clone has the lock, too");
        drop(clone);
    });
    assert!(other.is_free(), "closing the file has released it");
}

#[test]
fn a_lock_is_awaited_until_another_program_releases_it() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let other = Other::new(&path);
    block_on(async {
        let file = File::open(&path).await.unwrap();
        for (theirs, is_shared) in [
            (FlockOperation::LockExclusive, false),
            (FlockOperation::LockExclusive, true),
            (FlockOperation::LockShared, false),
        ] {
            assert!(other.lock(theirs));
            let mut lock = match is_shared {
                true => pin!(file.lock_shared().left_future()),
                false => pin!(file.lock().right_future()),
            };
            for _ in 0..10 {
                assert!(poll!(lock.as_mut()).is_pending());
                // The attempt has been made, and the next one waits for the clock.
                settle().await;
                task::yield_now().await;
            }
            assert!(other.lock(FlockOperation::Unlock));
            lock.await.unwrap();
            assert!(!other.is_free());
            file.unlock().await.unwrap();
        }
    });
}

/// With fewer workers than waiters, and where the loop itself runs the jobs.
#[test]
fn waiting_for_a_lock_keeps_no_worker_from_releasing_it() {
    let dir = temp();
    let path = Rc::new(file_with(&dir, b""));
    let mut few = Builder::new();
    few.worker_threads(1);
    let mut seeded = Builder::new();
    seeded.seed(7);
    for builder in [&mut few, &mut seeded] {
        let path = Rc::clone(&path);
        block_on_built_by(builder, async move {
            let holder = open_both(&path).await;
            holder.lock().await.unwrap();
            let waiters: Vec<_> = (0..10)
                .map(|_| {
                    let path = Rc::clone(&path);
                    spawn(async move {
                        let file = open_both(&path).await;
                        file.lock().await.unwrap();
                        // Each of them alone.
                        let len = file.metadata().await.unwrap().len();
                        task::yield_now().await;
                        file.write_all_at(b"x", len).await.unwrap();
                        file.unlock().await.unwrap();
                    })
                })
                .collect();
            for _ in 0..10 {
                task::yield_now().await;
            }
            holder.set_len(0).await.unwrap();
            holder.unlock().await.unwrap();
            for waiter in waiters {
                waiter.await.unwrap();
            }
            assert_eq!(std::fs::read(&*path).unwrap(), [b'x'; 10]);
        });
    }
}

#[test]
fn a_dropped_lock_is_not_kept() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let other = Other::new(&path);
    one_worker().block_on(async {
        let file = File::open(&path).await.unwrap();
        // Before a worker has begun.
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.lock())).is_pending());
        worker.release().await;
        settle().await;
        assert!(other.is_free());

        // When a worker has locked it, and the future does not know that.
        {
            let mut lock = pin!(file.lock());
            assert!(poll!(lock.as_mut()).is_pending());
            settle().await;
            assert!(!other.is_free());
        }
        settle().await;
        assert!(other.is_free());

        // While it waits.
        assert!(other.lock(FlockOperation::LockExclusive));
        {
            let mut lock = pin!(file.lock_shared());
            assert!(poll!(lock.as_mut()).is_pending());
            settle().await;
            assert!(poll!(lock.as_mut()).is_pending());
        }
        assert!(other.lock(FlockOperation::Unlock));
        settle().await;
        assert!(other.is_free());
    });
}

#[test]
fn a_lock_that_follows_a_dropped_one_is_kept() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let other = Other::new(&path);
    one_worker().block_on(async {
        let file = File::open(&path).await.unwrap();
        {
            let mut lock = pin!(file.lock());
            assert!(poll!(lock.as_mut()).is_pending());
            settle().await;
        }
        // The dropped one is released before or after this is acquired, but not from it.
        file.try_lock_shared().await.unwrap();
        settle().await;
        assert!(other.is_shared());
        file.unlock().await.unwrap();
        assert!(other.is_free());
    });
}

#[test]
fn a_lock_that_is_dropped_without_a_runtime_is_not_kept() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let other = Other::new(&path);
    let file = File::from_std(std::fs::File::open(&path).unwrap());
    let mut lock = Box::pin(file.lock());
    let runtime = one_worker();
    runtime.block_on(async {
        assert!(poll!(lock.as_mut()).is_pending());
        settle().await;
    });
    assert!(!other.is_free());
    drop(runtime);
    drop(lock);
    assert!(other.is_free());
}

#[test]
fn a_file_is_unlocked_after_the_end_of_a_dropped_write() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        file.lock().await.unwrap();
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"abc"))).is_pending());
        let mut unlock = pin!(file.unlock());
        assert!(poll!(unlock.as_mut()).is_pending());
        worker.release().await;
        unlock.await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    });
}

#[test]
fn a_waiting_lock_may_be_awaited_on_paused_time_and_does_not_stop_another_task() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let mut builder = Builder::new();
    builder.start_paused(true);
    block_on_built_by(&mut builder, async {
        let (a, b) = (open_both(&path).await, open_both(&path).await);
        a.lock().await.unwrap();
        let (release, released) = oneshot::channel::<()>();
        let waiter = spawn(async move {
            b.lock().await.unwrap();
            drop(release);
        });
        quintet::time::sleep(std::time::Duration::from_secs(3600)).await;
        a.unlock().await.unwrap();
        assert!(released.await.is_err());
        waiter.await.unwrap();
    });
}

#[test]
fn errors_of_locks_are_told_apart() {
    let error = io::Error::from(TryLockError::WouldBlock);
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let text = "the file is locked through another handle of it";
    assert_eq!(error.to_string(), text);
    assert_eq!(TryLockError::WouldBlock.to_string(), text);

    // No worker is needed to say that there is no loop.
    let file = File::from_std(std::fs::File::open("/dev/null").unwrap());
    let std::task::Poll::Ready(Err(TryLockError::Error(error))) = poll_alone(file.try_lock())
    else {
        panic!("it needs a loop");
    };
    let text = error.to_string();
    assert!(text.contains("no quintet runtime"), "{error}");
    assert_eq!(TryLockError::Error(error).to_string(), text);
}

/// A descriptor that only stands for a path has no locks.
#[cfg(target_os = "linux")]
#[test]
fn an_error_of_the_system_call_is_returned() {
    let path = std::fs::File::from(
        rustix::fs::open("/", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap(),
    );
    let runtime = Builder::new().build().unwrap();
    let path = File::from_std(path);
    let error = runtime.block_on(path.lock()).unwrap_err();
    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::BADF.raw_os_error())
    );
    runtime.block_on(path.unlock()).unwrap_err();
}
