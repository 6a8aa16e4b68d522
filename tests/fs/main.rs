//! Files and directories, through the public API.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers are parts of tests, and say where they fail"
)]

#[path = "../support/mod.rs"]
mod support;

mod atomic;
mod cursor;
mod directories;
mod dropping;
mod lock;
mod loops;
mod offset;
mod open;
mod send;
mod special;
mod temporary;
mod types;
mod vectored;
mod walk;
mod whole;

use std::fmt::Debug;
use std::io;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use quintet::fs::File;
use quintet::runtime::Runtime;
use quintet::spawn_blocking;
use quintet::task::JoinHandle;
use tempfile::TempDir;

fn temp() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Bytes of which each says where it stands.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn file_with(dir: &TempDir, contents: &[u8]) -> PathBuf {
    let path = dir.path().join("file");
    std::fs::write(&path, contents).unwrap();
    path
}

async fn open_both(path: &Path) -> File {
    let mut options = File::options();
    options.read(true).write(true).open(path).await.unwrap()
}

/// A runtime with one worker, which reads nothing without a job.
fn one_worker() -> Runtime {
    let mut builder = Runtime::builder();
    builder.worker_threads(1).cached_reads(false);
    builder.build().unwrap()
}

/// Keeps the only worker busy until it is released.
struct HeldWorker {
    release: mpsc::Sender<()>,
    job: JoinHandle<()>,
}

impl HeldWorker {
    async fn new() -> Self {
        let (begun, has_begun) = futures::channel::oneshot::channel();
        let (release, held) = mpsc::channel::<()>();
        let job = spawn_blocking(move || {
            begun.send(()).unwrap();
            let _released = held.recv();
        });
        has_begun.await.unwrap();
        HeldWorker { release, job }
    }

    async fn release(self) {
        drop(self.release);
        self.job.await.unwrap();
    }
}

/// Waits for all jobs that were queued before, where there is one worker.
async fn settle() {
    spawn_blocking(|| ()).await.unwrap();
}

/// Polls where no runtime is.
fn poll_alone<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[track_caller]
fn refused<T: Debug>(poll: Poll<io::Result<T>>) {
    let Poll::Ready(Err(error)) = poll else {
        panic!("expected an error at once, not {poll:?}");
    };
    assert!(error.to_string().contains("no quintet runtime"), "{error}");
}

fn pipe() -> (std::fs::File, File) {
    let (reader, writer) = io::pipe().unwrap();
    let writer = std::fs::File::from(OwnedFd::from(writer));
    let reader = std::fs::File::from(OwnedFd::from(reader));
    (writer, File::from_std(reader))
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// How many descriptors of this process show to `path`.
fn descriptors_of(path: &Path) -> usize {
    let path = path.canonicalize().unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    open.filter(|fd| {
        let fd = fd.as_ref().unwrap().path();
        std::fs::read_link(fd).is_ok_and(|target| target == path)
    })
    .count()
}

/// Where the OS has the cursor.
fn os_cursor(file: &File) -> u64 {
    let file = file.as_fd().try_clone_to_owned().unwrap();
    std::fs::File::from(file).stream_position().unwrap()
}

/// A socket that takes no more, as a file, and its other end.
fn full_socket() -> (File, UnixStream, usize) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut taken = 0;
    while let Ok(n) = ours.write(&[0; 4096]) {
        taken += n;
    }
    (File::from_std(OwnedFd::from(ours).into()), theirs, taken)
}
