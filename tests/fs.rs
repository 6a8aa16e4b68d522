//! Files and directories, through the public API.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers are parts of tests, and say where they fail"
)]

mod support;

use std::ffi::OsString;
use std::fmt::Debug;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::process::Command;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, SystemTime};
use std::{cell::Cell, io, rc::Rc};

use futures::{StreamExt, TryStreamExt, future, poll};
use quintet::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use quintet::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use quintet::runtime::Runtime;
use quintet::task::JoinHandle;
use quintet::time::timeout;
use quintet::{spawn, spawn_blocking};
use tempfile::TempDir;

use crate::support::strict::block_on;

// ------------------------------------------------------------------------------------ support

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

/// A runtime whose jobs come one after the other, and who reads nothing without a job.
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

// ---------------------------------------------------------------------------- whole operations

#[test]
fn what_was_written_is_read_back() {
    let dir = temp();
    let path = dir.path().join("a");
    block_on(async {
        fs::write(&path, "hello").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"hello");
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "hello");
        fs::write(&path, b"hi".to_vec()).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"hi");
    });
}

#[test]
fn files_of_any_size_are_read_whole() {
    let dir = temp();
    for len in [
        0,
        1,
        8191,
        8192,
        8193,
        100_000,
        (16 << 20) + 5,
        (40 << 20) + 1,
    ] {
        let contents = pattern(len);
        let path = file_with(&dir, &contents);
        assert!(
            block_on(fs::read(&path)).unwrap() == contents,
            "{len} bytes"
        );
    }
}

#[test]
fn a_file_that_states_no_length_is_read_whole() {
    let status = block_on(fs::read_to_string("/proc/self/status")).unwrap();
    assert!(status.starts_with("Name:"));
    // Longer than the room that is made for it at first.
    let all = std::fs::read("/proc/kallsyms").unwrap_or_default();
    if !all.is_empty() {
        let read = block_on(fs::read("/proc/kallsyms")).unwrap();
        assert_eq!(read.len(), all.len());
    }
}

#[test]
fn a_missing_file_is_an_error_that_says_what_and_where() {
    let error = block_on(fs::read("/no/such")).unwrap_err();
    let text = r#"cannot open "/no/such": No such file or directory (os error 2)"#;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), text);
    assert!(format!("{error:?}").contains(text), "{error:?}");

    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.raw_os_error(), Some(2));
}

#[test]
fn all_errors_name_what_was_to_be_done_and_the_paths() {
    #[track_caller]
    fn check<T: Debug>(result: io::Result<T>, text: &str) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            format!("{text}: No such file or directory (os error 2)")
        );
    }
    let (x, y) = ("/no/x", "/no/y");
    block_on(async {
        check(fs::read_to_string(x).await, r#"cannot open "/no/x""#);
        check(fs::write(x, "").await, r#"cannot create "/no/x""#);
        check(fs::copy(x, y).await, r#"cannot copy "/no/x" to "/no/y""#);
        check(
            fs::rename(x, y).await,
            r#"cannot rename "/no/x" to "/no/y""#,
        );
        check(
            fs::remove_file(x).await,
            r#"cannot remove the file "/no/x""#,
        );
        check(
            fs::remove_dir(x).await,
            r#"cannot remove the directory "/no/x""#,
        );
        check(
            fs::remove_dir_all(x).await,
            r#"cannot remove all of the directory "/no/x""#,
        );
        check(
            fs::create_dir(x).await,
            r#"cannot create the directory "/no/x""#,
        );
        check(
            fs::metadata(x).await,
            r#"cannot read the metadata of "/no/x""#,
        );
        check(
            fs::symlink_metadata(x).await,
            r#"cannot read the metadata of "/no/x""#,
        );
        check(fs::canonicalize(x).await, r#"cannot resolve "/no/x""#);
        check(fs::read_link(x).await, r#"cannot read the link "/no/x""#);
        check(
            fs::symlink(x, y).await,
            r#"cannot make "/no/y" a symbolic link to "/no/x""#,
        );
        check(
            fs::hard_link(x, y).await,
            r#"cannot make "/no/y" a hard link to "/no/x""#,
        );
        check(
            fs::read_dir(x).await,
            r#"cannot read the directory "/no/x""#,
        );
        check(File::open(x).await, r#"cannot open "/no/x""#);
        check(File::create(x).await, r#"cannot create "/no/x""#);
        check(File::create_new(x).await, r#"cannot create "/no/x""#);

        let permissions = std::fs::metadata("/").unwrap().permissions();
        let set = fs::set_permissions(x, permissions).await;
        check(set, r#"cannot set the permissions of "/no/x""#);
    });
}

#[test]
fn kinds_of_errors_stay() {
    let dir = temp();
    let path = file_with(&dir, b"\xff\xfe");
    block_on(async {
        let error = fs::read_to_string(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(
            error.to_string().ends_with("it is not valid UTF-8"),
            "{error}"
        );

        let error = fs::create_dir(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let error = fs::remove_dir(dir.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
        let error = fs::read(dir.path()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IsADirectory);
        let error = fs::try_exists(path.join("below")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotADirectory);
        let error = fs::read_link(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn directories_are_made_and_removed() {
    let dir = temp();
    let (a, deep) = (dir.path().join("a"), dir.path().join("a/b/c"));
    block_on(async {
        fs::create_dir(&a).await.unwrap();
        fs::create_dir_all(&deep).await.unwrap();
        fs::create_dir_all(&deep).await.unwrap();
        fs::remove_dir(&deep).await.unwrap();
        fs::write(a.join("b/file"), "").await.unwrap();
        fs::remove_dir_all(&a).await.unwrap();
        assert!(!fs::try_exists(&a).await.unwrap());

        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&deep)
            .await
            .unwrap();
        let mode = fs::metadata(&deep).await.unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    });
}

#[test]
fn names_are_changed_and_linked() {
    let dir = temp();
    let path = |name: &str| dir.path().join(name);
    block_on(async {
        fs::write(path("a"), "a").await.unwrap();
        fs::write(path("b"), "b").await.unwrap();
        fs::rename(path("a"), path("b")).await.unwrap();
        assert_eq!(fs::read(path("b")).await.unwrap(), b"a");
        assert!(!fs::try_exists(path("a")).await.unwrap());

        fs::hard_link(path("b"), path("hard")).await.unwrap();
        assert_eq!(fs::metadata(path("hard")).await.unwrap().nlink(), 2);
        fs::symlink("b", path("soft")).await.unwrap();
        assert_eq!(fs::read_link(path("soft")).await.unwrap(), Path::new("b"));
        assert!(
            fs::symlink_metadata(path("soft"))
                .await
                .unwrap()
                .is_symlink()
        );
        assert!(fs::metadata(path("soft")).await.unwrap().is_file());
        let real = fs::canonicalize(path("soft")).await.unwrap();
        assert_eq!(real, path("b").canonicalize().unwrap());

        fs::remove_file(path("b")).await.unwrap();
        assert!(
            !fs::try_exists(path("soft")).await.unwrap(),
            "it leads nowhere"
        );
        fs::remove_file(path("soft")).await.unwrap();
        assert_eq!(fs::read(path("hard")).await.unwrap(), b"a");
    });
}

#[test]
fn a_copy_has_the_contents_and_the_permissions() {
    let dir = temp();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let contents = pattern(300_000);
    block_on(async {
        fs::write(&from, &contents).await.unwrap();
        let mut permissions = fs::metadata(&from).await.unwrap().permissions();
        permissions.set_mode(0o640);
        fs::set_permissions(&from, permissions).await.unwrap();

        assert_eq!(fs::copy(&from, &to).await.unwrap(), 300_000);

        assert!(fs::read(&to).await.unwrap() == contents);
        let mode = fs::metadata(&to).await.unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        // No writer of a FIFO is waited for.
        mkfifo(&dir.path().join("fifo"));
        for name in ["", "fifo"] {
            let copying = timeout(
                Duration::from_secs(30),
                fs::copy(dir.path().join(name), &to),
            );
            let error = copying.await.expect("it does not wait").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        assert!(fs::read(&to).await.unwrap() == contents, "it stays");
    });
}

#[test]
fn a_copy_of_a_file_onto_itself_is_refused_and_leaves_it() {
    let dir = temp();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("file"), "contents").unwrap();
    std::fs::set_permissions(path("file"), PermissionsExt::from_mode(0o640)).unwrap();
    std::fs::create_dir(path("below")).unwrap();
    std::fs::hard_link(path("file"), path("hard")).unwrap();
    std::os::unix::fs::symlink("file", path("soft")).unwrap();
    std::os::unix::fs::symlink("..", path("below/up")).unwrap();
    let before = std::fs::metadata(path("file")).unwrap();
    let names = [
        "file",
        "hard",
        "soft",
        "below/../file",
        "below/up/soft",
        "./file",
    ];
    let descriptor = std::fs::File::open(path("file")).unwrap();
    let by_descriptor = PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()));
    let names: Vec<_> = names.into_iter().map(path).chain([by_descriptor]).collect();
    block_on(async {
        for from in &names {
            for to in &names {
                let error = fs::copy(from, to).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{from:?} to {to:?}");
                let text = format!("cannot copy {from:?} to {to:?}: they are the same file");
                assert_eq!(error.to_string(), text);
            }
        }
        let after = std::fs::metadata(path("file")).unwrap();
        assert_eq!(std::fs::read(path("file")).unwrap(), b"contents");
        assert_eq!(after.mtime_nsec(), before.mtime_nsec());
        assert_eq!(after.ctime_nsec(), before.ctime_nsec());

        // Another file of the same contents is another file.
        std::fs::write(path("other"), "contents and more").unwrap();
        assert_eq!(fs::copy(path("soft"), path("other")).await.unwrap(), 8);
        assert_eq!(std::fs::read(path("other")).unwrap(), b"contents");
        assert_eq!(
            std::fs::metadata(path("other")).unwrap().mode() & 0o777,
            0o640
        );

        // The other operations on two names leave it, too.
        fs::rename(path("file"), path("hard")).await.unwrap();
        fs::rename(path("file"), path("file")).await.unwrap();
        let error = fs::hard_link(path("file"), path("file")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let error = fs::symlink(path("file"), path("file")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        for name in ["file", "hard"] {
            assert_eq!(std::fs::read(path(name)).unwrap(), b"contents");
        }
    });
}

#[test]
fn what_is_no_regular_file_can_be_copied_to_and_not_from() {
    let dir = temp();
    let path = file_with(&dir, b"contents");
    block_on(async {
        let mode = || std::fs::metadata("/dev/null").unwrap().mode();
        let before = mode();
        assert_eq!(fs::copy(&path, "/dev/null").await.unwrap(), 8);
        assert_eq!(mode(), before);
        for from in [dir.path(), Path::new("/dev/null")] {
            let new = dir.path().join("new");
            let error = fs::copy(from, &new).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(!new.exists());
        }
    });
}

#[test]
fn without_a_worker_each_operation_is_an_error_that_asks_no_one_to_wait() {
    fn is_right<T: Debug>(result: io::Result<T>) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other, "{error}");
        assert!(error.to_string().contains("no worker thread"), "{error}");
    }
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let mut builder = Runtime::builder();
    // There is no room for such a thread.
    builder.thread_stack_size(1 << 60).cached_reads(false);
    let runtime = builder.build().unwrap();
    let mut options = std::fs::File::options();
    let file = options.read(true).write(true).open(&path).unwrap();
    runtime.block_on(async {
        let mut file = File::from_std(file);
        is_right(file.write(b"x").await);
        is_right(AsyncWriteExt::write(&mut file, b"x").await);
        is_right(file.read(&mut [0]).await);
        is_right(AsyncReadExt::read(&mut file, &mut [0]).await);
        is_right(file.seek(SeekFrom::End(0)).await);
        is_right(file.read_at(&mut [0], 0).await);
        is_right(file.write_at(b"x", 0).await);
        is_right(file.sync_all().await);
        is_right(fs::read(&path).await);
        is_right(fs::read_dir(dir.path()).await);
        // None of them goes on, and an error that was returned is not kept.
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        is_right(file.write(b"x").await);
        file.into_std().await.unwrap();
    });
}

#[test]
fn the_traits_do_not_return_would_block() {
    block_on(async {
        let (mut file, _theirs, _) = full_socket();
        assert_eq!(
            file.write(b"x").await.unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert_eq!(
            file.read(&mut [0]).await.unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let error = AsyncWriteExt::write(&mut file, b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
        assert!(error.to_string().contains("non-blocking"), "{error}");
        let error = AsyncReadExt::read(&mut file, &mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Other);
    });
}

// ------------------------------------------------------------------------------------- dropping

#[test]
fn what_was_dropped_before_it_began_does_not_happen() {
    let dir = temp();
    let (old, new) = (file_with(&dir, b"abc"), dir.path().join("new"));
    let runtime = one_worker();
    let file = runtime.block_on(open_both(&old));
    let (worker, last_has_run, dropped) = runtime.block_on(async {
        let worker = HeldWorker::new().await;
        let mut write = Box::pin(fs::write(&new, "no"));
        assert!(poll!(write.as_mut()).is_pending());
        let mut create = Box::pin(File::create(&new));
        assert!(poll!(create.as_mut()).is_pending());
        let mut write_at = Box::pin(file.write_at(b"x", 0));
        assert!(poll!(write_at.as_mut()).is_pending());
        let mut set_len = Box::pin(file.set_len(0));
        assert!(poll!(set_len.as_mut()).is_pending());
        let (run, last_has_run) = mpsc::channel();
        spawn_blocking(move || run.send(()).unwrap());
        (worker, last_has_run, (write, create, write_at, set_len))
    });

    // The loop stands still, so that it cannot take anything out of the queue.
    drop(dropped);
    drop(worker.release);
    last_has_run.recv().unwrap();

    assert!(!new.exists());
    assert_eq!(std::fs::read(&old).unwrap(), b"abc");
}

#[test]
fn a_whole_read_that_nobody_wants_any_more_stops() {
    let dir = temp();
    let path = dir.path().join("fifo");
    mkfifo(&path);
    let (begun, has_begun) = futures::channel::oneshot::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let writer = thread::spawn({
        let path = path.clone();
        move || {
            let mut fifo = std::fs::File::options().write(true).open(path).unwrap();
            begun.send(()).unwrap();
            let () = may_go_on.recv().unwrap();
            fifo.write_all(&vec![0; 64 << 20])
        }
    });
    one_worker().block_on(async {
        {
            let mut read = pin!(fs::read(&path));
            assert!(poll!(read.as_mut()).is_pending());
            has_begun.await.unwrap();
        }
        go_on.send(()).unwrap();
        settle().await;
    });
    // Nobody reads it any more.
    let error = writer.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_dropped_file_is_closed_and_what_it_has_not_begun_does_not_begin() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        assert_eq!(descriptors_of(&path), 1);
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"no"))).is_pending());
        drop(file);
        assert_eq!(
            descriptors_of(&path),
            0,
            "nothing has begun, so nothing is waited for"
        );
        worker.release().await;
        settle().await;
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    });
}

#[test]
fn a_dropped_file_does_not_write_on_a_loop_that_stands_still() {
    // The abort of the job waits for its loop; the job must not happen all the same.
    let dir = temp();
    let path = file_with(&dir, b"");
    let runtime = one_worker();
    let (worker, mut file) = runtime.block_on(async {
        let file = open_both(&path).await;
        (HeldWorker::new().await, file)
    });
    runtime.block_on(async { assert!(poll!(pin!(file.write(b"no"))).is_pending()) });
    drop(file);
    runtime.block_on(async {
        worker.release().await;
        settle().await;
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[test]
fn a_dropped_read_loses_no_data() {
    let (mut writer, mut reader) = pipe();
    one_worker().block_on(async {
        let mut buf = [0; 8];
        assert!(poll!(pin!(reader.read(&mut buf))).is_pending());
        writer.write_all(b"abcdef").unwrap();
        settle().await;

        // Into a smaller buffer than was asked for at first.
        assert_eq!(reader.read(&mut buf[..4]).await.unwrap(), 4);
        assert_eq!(&buf[..4], b"abcd");
        assert_eq!(reader.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf[..2], b"ef");
        drop(writer);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 0);
    });
}

/// Whose write or seek it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Method,
    Trait,
}

impl By {
    async fn write(self, file: &mut File, data: &[u8]) -> io::Result<usize> {
        match self {
            By::Method => file.write(data).await,
            By::Trait => AsyncWriteExt::write(file, data).await,
        }
    }

    async fn seek(self, file: &mut File, position: SeekFrom) -> io::Result<u64> {
        match self {
            By::Method => file.seek(position).await,
            By::Trait => AsyncSeekExt::seek(file, position).await,
        }
    }
}

/// All pairs of a dropped operation and the next one, but for two of the traits: those cannot be
/// told apart.
const TOLD_APART: [(By, By); 3] = [
    (By::Method, By::Method),
    (By::Method, By::Trait),
    (By::Trait, By::Method),
];

/// Drops a write of `first` when it is queued, or when it has ended, and then writes `second`.
fn drop_one_write_and_do_another(
    (first, first_data): (By, &[u8]),
    (second, second_data): (By, &[u8]),
    has_ended: bool,
) -> (usize, Vec<u8>) {
    let dir = temp();
    let path = file_with(&dir, b"");
    let n = one_worker().block_on(async {
        let mut file = open_both(&path).await;
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(first.write(&mut file, first_data))).is_pending());
        if has_ended {
            worker.release().await;
            settle().await;
            return second.write(&mut file, second_data).await.unwrap();
        }
        let mut write = pin!(second.write(&mut file, second_data));
        assert!(poll!(write.as_mut()).is_pending());
        worker.release().await;
        write.await.unwrap()
    });
    (n, std::fs::read(&path).unwrap())
}

#[test]
fn a_dropped_write_does_not_answer_for_another_one() {
    let equal = [("same", "same"), ("same", "same and more")];
    let other = [("old!", "new"), ("abcd", "abc")];
    let any = [equal, other].concat();
    let mut cases: Vec<_> = TOLD_APART.iter().map(|pair| (*pair, &any[..])).collect();
    cases.push(((By::Trait, By::Trait), &other));
    for ((first, second), data) in cases {
        for (old, new) in data {
            for has_ended in [false, true] {
                let (n, contents) = drop_one_write_and_do_another(
                    (first, old.as_bytes()),
                    (second, new.as_bytes()),
                    has_ended,
                );
                let case = format!("{first:?} {old:?}, {second:?} {new:?}, {has_ended}");
                assert_eq!(n, new.len(), "{case}");
                // The first one was under way.
                assert_eq!(contents, format!("{old}{new}").as_bytes(), "{case}");
            }
        }
    }
}

#[test]
fn a_line_whose_timeout_expires_is_followed_by_an_equal_line() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        let mut options = File::options();
        let mut log = options.append(true).open(&path).await.unwrap();
        for _ in 0..3 {
            let line = timeout(Duration::ZERO, log.write_all(b"line\n"));
            line.await.unwrap_err();
            settle().await;
        }
        log.write_all(b"line\n").await.unwrap();
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"line\n".repeat(4));
}

#[test]
fn a_dropped_write_of_a_trait_that_is_asked_for_again_is_done_once() {
    let by = By::Trait;
    for has_ended in [false, true] {
        let do_both = |first: &[u8], second: &[u8]| {
            drop_one_write_and_do_another((by, first), (by, second), has_ended)
        };
        let (n, contents) = do_both(b"same", b"same");
        assert_eq!((n, &contents[..]), (4, &b"same"[..]));
        // What was written is the beginning of what is to be written: so much of it is.
        let (n, contents) = do_both(b"same", b"same and more");
        assert_eq!((n, &contents[..]), (4, &b"same"[..]));
    }
}

#[test]
fn of_a_write_that_was_cut_short_only_what_is_written_counts() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut file = File::from_std(OwnedFd::from(ours).into());
    let mut data = pattern(1 << 20);
    one_worker().block_on(async {
        assert!(poll!(pin!(By::Trait.write(&mut file, &data))).is_pending());
        settle().await;
        *data.last_mut().unwrap() ^= 1;
        let n = By::Trait.write(&mut file, &data).await.unwrap();
        assert!(n < 1 << 20);
        let error = file.write(&data[n..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        drop(theirs);
    });
}

#[test]
fn a_write_of_a_trait_after_anything_else_is_a_new_one() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        let drop_write = async |file: &mut File| {
            assert!(poll!(pin!(By::Trait.write(file, b"ab"))).is_pending());
            settle().await;
        };
        let write = async |file: &mut File| By::Trait.write(file, b"ab").await.unwrap();

        drop_write(&mut file).await;
        By::Trait.seek(&mut file, SeekFrom::Start(0)).await.unwrap();
        write(&mut file).await;
        assert_eq!(fs::read(&path).await.unwrap(), b"ab");

        drop_write(&mut file).await;
        file.flush().await.unwrap();
        write(&mut file).await;
        assert_eq!(fs::read(&path).await.unwrap(), b"ababab");

        drop_write(&mut file).await;
        file.write_all(b"x").await.unwrap();
        write(&mut file).await;
        assert_eq!(fs::read(&path).await.unwrap(), b"ababababxab");

        // Two halves of a file are used by turns.
        drop_write(&mut file).await;
        assert_eq!(AsyncReadExt::read(&mut file, &mut [0; 4]).await.unwrap(), 0);
        write(&mut file).await;
        assert_eq!(fs::read(&path).await.unwrap(), b"ababababxabab");
    });
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

#[test]
fn an_error_of_a_dropped_write_is_no_error_of_another_one() {
    one_worker().block_on(async {
        for (first, second) in TOLD_APART {
            let (mut file, mut theirs, taken) = full_socket();
            assert!(poll!(pin!(first.write(&mut file, b"same"))).is_pending());
            settle().await;
            theirs.read_exact(&mut vec![0; taken]).unwrap();
            assert_eq!(second.write(&mut file, b"same").await.unwrap(), 4);
            let mut data = [0; 4];
            theirs.read_exact(&mut data).unwrap();
            assert_eq!(&data, b"same");

            // It is kept for those who ask whether all is written, and is told once.
            let error = file.flush().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            file.flush().await.unwrap();
        }

        // Of the traits, asked for again, it is the same write.
        let (mut file, mut theirs, taken) = full_socket();
        assert!(poll!(pin!(By::Trait.write(&mut file, b"old"))).is_pending());
        settle().await;
        theirs.read_exact(&mut vec![0; taken]).unwrap();
        By::Trait.write(&mut file, b"old").await.unwrap_err();
        assert_eq!(By::Trait.write(&mut file, b"old").await.unwrap(), 3);
        file.flush().await.unwrap();
    });
}

#[test]
fn the_error_of_a_dropped_write_is_told_by_flush_and_sync() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    // Nothing can be written to it.
    let read_only = || File::open(&path);
    one_worker().block_on(async {
        let mut options = File::options();
        let full = options.write(true).open("/dev/full").await;
        let mut file = full.unwrap();
        assert!(poll!(pin!(file.write(b"one"))).is_pending());
        // As it is under way, and one that other operations have left behind.
        let error = file.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        for _ in 0..2 {
            assert!(poll!(pin!(file.write(b"two"))).is_pending());
        }
        file.seek(SeekFrom::Start(0)).await.unwrap();
        let error = AsyncWriteExt::close(&mut file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        AsyncWriteExt::close(&mut file).await.unwrap();

        let mut file = read_only().await.unwrap();
        let kind = file.write(b"x").await.unwrap_err().kind();
        file.sync_all().await.unwrap();
        for has_ended in [false, true] {
            assert!(poll!(pin!(file.write(b"x"))).is_pending());
            if has_ended {
                settle().await;
            }
            assert_eq!(file.sync_all().await.unwrap_err().kind(), kind);
            file.sync_data().await.unwrap();
            file.flush().await.unwrap();
        }
        // By offset, too.
        for offset in [0, 1] {
            let mut write = pin!(file.write_at(b"x", offset));
            assert!(poll!(write.as_mut()).is_pending());
            settle().await;
        }
        assert_eq!(file.sync_data().await.unwrap_err().kind(), kind);
        file.flush().await.unwrap();
        assert_eq!(file.read(&mut [0; 4]).await.unwrap(), 3);
    });
}

#[test]
fn what_is_called_after_a_dropped_write_begins_after_it() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        // On a worker that is free, and before the write's own job has come.
        for is_held in [false, true] {
            let drop_write = async |file: &mut File| {
                let worker = HeldWorker::new().await;
                assert!(poll!(pin!(file.write(b"ab"))).is_pending());
                if !is_held {
                    worker.release().await;
                    return None;
                }
                Some(worker)
            };
            let ends = async |worker: Option<HeldWorker>| {
                if let Some(worker) = worker {
                    worker.release().await;
                }
            };
            file.set_len(0).await.unwrap();
            file.seek(SeekFrom::Start(0)).await.unwrap();

            let worker = drop_write(&mut file).await;
            let metadata = async { file.metadata().await.unwrap().len() };
            assert_eq!(future::join(metadata, ends(worker)).await.0, 2);

            let worker = drop_write(&mut file).await;
            let mut buf = [0; 9];
            let read_at = async { file.read_at(&mut buf, 0).await.unwrap() };
            assert_eq!(future::join(read_at, ends(worker)).await.0, 4);

            let worker = drop_write(&mut file).await;
            let chunk = async { file.read_chunk_at(Vec::new(), 9, 0).await.unwrap() };
            assert_eq!(future::join(chunk, ends(worker)).await.0, b"ababab");

            let worker = drop_write(&mut file).await;
            let write_at = async { file.write_at(b"x", 7).await.unwrap() };
            future::join(write_at, ends(worker)).await;
            assert_eq!(std::fs::read(&path).unwrap(), b"abababax");

            let worker = drop_write(&mut file).await;
            let set_len = async { file.set_len(9).await.unwrap() };
            future::join(set_len, ends(worker)).await;
            assert_eq!(std::fs::read(&path).unwrap(), b"abababaxa");

            let worker = drop_write(&mut file).await;
            let clone = async { file.try_clone().await.unwrap() };
            let (mut clone, ()) = future::join(clone, ends(worker)).await;
            let position = clone.seek(SeekFrom::Current(0)).await.unwrap();
            assert_eq!(position, 12);
        }
    });
}

#[test]
fn a_write_that_is_dropped_while_it_waits_for_another_one_has_not_begun() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"one"))).is_pending());
        assert!(poll!(pin!(file.write(b"two"))).is_pending());
        worker.release().await;
        file.write_all(b"three").await.unwrap();
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"onethree");
}

#[test]
fn flushing_waits_for_a_dropped_write() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        for by in [By::Method, By::Trait] {
            let mut file = open_both(&path).await;
            file.set_len(0).await.unwrap();
            let worker = HeldWorker::new().await;
            assert!(poll!(pin!(by.write(&mut file, b"abc"))).is_pending());
            {
                let mut flush = pin!(file.flush());
                assert!(poll!(flush.as_mut()).is_pending());
                worker.release().await;
                flush.await.unwrap();
            }
            assert_eq!(std::fs::read(&path).unwrap(), b"abc");
            by.write(&mut file, b"abc").await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"abcabc");
            file.close().await.unwrap();
        }
    });
}

#[test]
fn flushing_does_not_wait_for_a_read() {
    let (_writer, mut reader) = pipe();
    block_on(async {
        assert!(poll!(pin!(reader.read(&mut [0; 8]))).is_pending());
        reader.flush().await.unwrap();
        drop(_writer);
    });
}

#[test]
fn a_dropped_seek_moves_before_the_next_one() {
    let dir = temp();
    let path = file_with(&dir, &pattern(100));
    let by_ten = SeekFrom::Current(10);
    one_worker().block_on(async {
        for (first, second) in TOLD_APART {
            let mut file = open_both(&path).await;
            assert!(poll!(pin!(first.seek(&mut file, by_ten))).is_pending());
            settle().await;
            let position = second.seek(&mut file, by_ten).await.unwrap();
            assert_eq!(position, 20, "{first:?}, {second:?}");
            // And before its job has come.
            assert!(poll!(pin!(first.seek(&mut file, by_ten))).is_pending());
            assert_eq!(second.seek(&mut file, by_ten).await.unwrap(), 40);
        }
        // Of the traits the same seek is taken for the same one.
        let mut file = open_both(&path).await;
        assert!(poll!(pin!(By::Trait.seek(&mut file, by_ten))).is_pending());
        assert_eq!(By::Trait.seek(&mut file, by_ten).await.unwrap(), 10);
        assert!(poll!(pin!(By::Trait.seek(&mut file, by_ten))).is_pending());
        let five = SeekFrom::Current(5);
        assert_eq!(By::Trait.seek(&mut file, five).await.unwrap(), 25);
    });
}

#[test]
fn a_dropped_read_moves_no_position_and_tells_no_end() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    let append = || {
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.write_all(b"more").unwrap();
    };
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        assert!(poll!(pin!(file.read(&mut [0; 4]))).is_pending());
        settle().await;
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 0);
        assert!(poll!(pin!(file.read(&mut [0; 4]))).is_pending());
        file.write_all(b"ab").await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"ab23456789");

        // That the file ends here was true then.
        file.seek(SeekFrom::End(0)).await.unwrap();
        assert!(poll!(pin!(file.read(&mut [0; 4]))).is_pending());
        settle().await;
        append();
        let mut buf = [0; 4];
        assert_eq!(file.read(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"more");
        // It is looked for again by each call, also where the next one is of another kind.
        assert!(poll!(pin!(file.read(&mut buf))).is_pending());
        settle().await;
        append();
        let n = AsyncReadExt::read(&mut file, &mut buf).await.unwrap();
        assert_eq!(n, 4);
    });

    // A stream says it once: a terminal, for one.
    let (mut writer, mut reader) = pipe();
    one_worker().block_on(async {
        assert!(poll!(pin!(reader.read(&mut [0; 4]))).is_pending());
        writer.write_all(b"ab").unwrap();
        settle().await;
        drop(writer);
        let mut buf = [0; 4];
        assert_eq!(reader.read(&mut buf).await.unwrap(), 2);
        assert!(poll!(pin!(reader.read(&mut buf))).is_pending());
        settle().await;
        // It needs no worker to be told.
        assert!(matches!(
            poll!(pin!(reader.read(&mut buf))),
            Poll::Ready(Ok(0))
        ));
    });
}

// ---------------------------------------------------------------------------------------- loops

#[test]
fn where_no_runtime_is_there_are_errors_and_no_panics() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    refused(poll_alone(fs::read(&path)));
    refused(poll_alone(fs::write(&path, "x")));
    refused(poll_alone(fs::metadata(&path)));
    refused(poll_alone(fs::read_dir(dir.path())));
    refused(poll_alone(File::open(&path)));

    let mut file = File::from_std(std::fs::File::open(&path).unwrap());
    refused(poll_alone(file.read(&mut [0; 1])));
    refused(poll_alone(file.write(b"x")));
    refused(poll_alone(file.seek(SeekFrom::Start(1))));
    refused(poll_alone(file.read_at(&mut [0; 1], 0)));
    refused(poll_alone(file.write_at(b"x", 0)));
    refused(poll_alone(file.metadata()));
    refused(poll_alone(file.try_clone()));
    assert_eq!(std::fs::read(&path).unwrap(), b"abc");

    // What is there already needs no runtime.
    block_on(file.read_exact(&mut [0; 1])).unwrap();
    let mut rest = [0; 2];
    assert!(matches!(
        poll_alone(file.read(&mut rest)),
        Poll::Ready(Ok(2))
    ));
    assert!(matches!(poll_alone(file.into_std()), Poll::Ready(Ok(_))));
}

#[test]
fn a_future_that_goes_to_another_loop_answers_an_error() {
    let runtime = one_worker();
    let mut read = Box::pin(fs::read("/proc/self/status"));
    runtime.block_on(async { assert!(poll!(read.as_mut()).is_pending()) });
    let Poll::Ready(Err(error)) = poll_alone(read.as_mut()) else {
        panic!("it needs its loop");
    };
    assert!(
        error.to_string().contains("was begun on quintet loop"),
        "{error}"
    );

    let mut read = Box::pin(fs::read("/proc/self/status"));
    runtime.block_on(async { assert!(poll!(read.as_mut()).is_pending()) });
    let error = block_on(read.as_mut()).unwrap_err();
    assert!(
        error.to_string().contains("was begun on quintet loop"),
        "{error}"
    );
}

#[test]
fn an_operation_under_way_survives_being_polled_where_no_runtime_is() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let runtime = one_worker();
    let mut file = runtime.block_on(open_both(&path));
    let mut buf = [0; 4];
    runtime.block_on(async { assert!(poll!(pin!(file.read(&mut buf))).is_pending()) });
    refused(poll_alone(file.read(&mut buf)));
    assert_eq!(runtime.block_on(file.read(&mut buf)).unwrap(), 3);
}

#[test]
fn a_file_goes_from_one_loop_to_another_with_all_that_is_under_way() {
    let (mut writer, mut reader) = pipe();
    let (first, second) = (one_worker(), one_worker());
    let mut buf = [0; 8];
    first.block_on(async { assert!(poll!(pin!(reader.read(&mut buf))).is_pending()) });
    second.block_on(async {
        let mut read = pin!(reader.read(&mut buf));
        assert!(poll!(read.as_mut()).is_pending());
        writer.write_all(b"abc").unwrap();
        assert_eq!(read.await.unwrap(), 3);
    });
    assert_eq!(&buf[..3], b"abc");
    writer.write_all(b"de").unwrap();
    assert_eq!(first.block_on(reader.read(&mut buf)).unwrap(), 2);
}

#[test]
fn a_write_that_one_loop_has_not_begun_is_done_once_on_another_one() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let (first, second) = (one_worker(), one_worker());
    let (worker, mut file) = first.block_on(async {
        let mut file = open_both(&path).await;
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"abc"))).is_pending());
        (worker, file)
    });
    assert_eq!(second.block_on(file.write(b"abc")).unwrap(), 3);
    assert_eq!(std::fs::read(&path).unwrap(), b"abcabc");
    first.block_on(async {
        worker.release().await;
        settle().await;
    });
    assert_eq!(std::fs::read(&path).unwrap(), b"abcabc");

    // Even if the first one ends, and its jobs with it.
    let third = one_worker();
    let worker = third.block_on(async {
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"def"))).is_pending());
        worker
    });
    let ends = thread::spawn(move || {
        thread::yield_now();
        drop(worker.release);
    });
    drop(third);
    ends.join().unwrap();
    assert_eq!(second.block_on(file.metadata()).unwrap().len(), 9);
    assert_eq!(std::fs::read(&path).unwrap(), b"abcabcdef");
}

#[test]
fn a_file_and_a_listing_outlive_their_runtime() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let mut buf = [0; 4];
    let runtime = one_worker();
    let mut file = runtime.block_on(open_both(&path));
    let mut entries = runtime.block_on(fs::read_dir(dir.path())).unwrap();
    runtime.block_on(async { assert!(poll!(pin!(file.read(&mut buf))).is_pending()) });
    drop(runtime);
    assert_eq!(block_on(file.read(&mut buf)).unwrap(), 3);
    let entry = block_on(entries.next_entry()).unwrap().unwrap();
    assert_eq!(entry.file_name(), "file");
    assert!(block_on(entries.next_entry()).unwrap().is_none());
}

#[test]
fn reads_that_a_buffer_answers_let_other_tasks_go_on() {
    let dir = temp();
    let path = file_with(&dir, &pattern(60_000));
    block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 1]).await.unwrap();
        let turns = Rc::new(Cell::new(0));
        let other = spawn({
            let turns = Rc::clone(&turns);
            async move {
                loop {
                    turns.set(turns.get() + 1);
                    quintet::task::yield_now().await;
                }
            }
        });
        let reader = spawn(async move {
            for _ in 1..60_000 {
                file.read_exact(&mut [0; 1]).await.unwrap();
            }
        });
        reader.await.unwrap();
        other.abort();
        assert!(turns.get() > 300, "{} turns", turns.get());
    });
}

// --------------------------------------------------------------------------------- by the cursor

#[test]
fn ten_mebibytes_stream_through_unchanged() {
    let dir = temp();
    let contents = pattern(10 << 20);
    let from = file_with(&dir, &contents);
    let to = dir.path().join("to");
    block_on(async {
        // By way of reads of odd sizes, below and above what is read ahead.
        let mut file = File::open(&from).await.unwrap();
        let mut read = Vec::new();
        let mut buf = vec![0; 3 << 20];
        for len in [1, 7, 100, 65_535, 65_536, 65_537, 200_001, 3 << 20]
            .into_iter()
            .cycle()
        {
            let n = file.read(&mut buf[..len]).await.unwrap();
            assert!(n <= 1 << 20);
            if n == 0 {
                break;
            }
            read.extend_from_slice(&buf[..n]);
        }
        assert!(read == contents);

        // By the traits.
        let mut read = Vec::new();
        let mut file = File::open(&from).await.unwrap();
        AsyncReadExt::read_to_end(&mut file, &mut read)
            .await
            .unwrap();
        assert!(read == contents);
        let mut file = File::create(&to).await.unwrap();
        AsyncWriteExt::write_all(&mut file, &contents)
            .await
            .unwrap();
        assert!(std::fs::read(&to).unwrap() == contents);
        let mut copy = File::create(&to).await.unwrap();
        let from = File::open(&from).await.unwrap();
        assert_eq!(quintet::io::copy(from, &mut copy).await.unwrap(), 10 << 20);
        assert!(std::fs::read(&to).unwrap() == contents);
    });
}

#[test]
fn lines_are_read_through_a_bufreader() {
    block_on(async {
        let file = File::open("/proc/self/status").await.unwrap();
        let lines: Vec<_> = BufReader::new(file).lines().try_collect().await.unwrap();
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("VmRSS:") || line.starts_with("Pid:"))
        );
    });
}

#[test]
fn one_call_moves_at_most_one_mebibyte() {
    let dir = temp();
    let path = file_with(&dir, &pattern(3 << 20));
    let mut buf = vec![0; 3 << 20];
    block_on(async {
        let mut file = open_both(&path).await;
        assert_eq!(file.read(&mut buf).await.unwrap(), 1 << 20);
        assert_eq!(file.read_at(&mut buf, 0).await.unwrap(), 1 << 20);
        let chunk = file.read_chunk_at(Vec::new(), 3 << 20, 0).await.unwrap();
        assert_eq!(chunk.len(), 1 << 20);
        assert_eq!(file.write(&buf).await.unwrap(), 1 << 20);
        assert_eq!(file.write_at(&buf, 0).await.unwrap(), 1 << 20);
        let halves = [IoSlice::new(&buf[..600_000]), IoSlice::new(&buf[..600_000])];
        assert_eq!(file.write_vectored(&halves).await.unwrap(), 1 << 20);
    });
}

#[test]
fn small_reads_are_answered_from_what_was_read_ahead() {
    let dir = temp();
    let path = file_with(&dir, &pattern(200_000));
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(os_cursor(&file), 64 << 10);
        // No job is needed: it would not get at a worker without a runtime.
        assert!(matches!(
            poll_alone(file.read(&mut [0; 10])),
            Poll::Ready(Ok(10))
        ));
    });
}

#[test]
fn seeking_starts_from_what_was_read_and_not_from_what_was_read_ahead() {
    let dir = temp();
    let contents = pattern(100);
    let path = file_with(&dir, &contents);
    block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 10);
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(
            AsyncSeekExt::seek(&mut file, SeekFrom::Current(5))
                .await
                .unwrap(),
            25
        );
        let mut byte = [0];
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte[0], contents[25]);

        // One that fails moves nothing.
        let error = file.seek(SeekFrom::Current(-50)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte[0], contents[26]);
        assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 99);
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte[0], contents[99]);
    });
}

#[test]
fn writing_goes_to_where_reading_stands() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 2]).await.unwrap();
        file.write_all(b"ab").await.unwrap();
        let mut next = [0; 2];
        file.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"45");
        assert_eq!(fs::read(&path).await.unwrap(), b"01ab456789");
    });
}

#[test]
fn what_is_changed_by_offset_is_seen_by_the_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 2]).await.unwrap();
        file.write_at(b"ab", 2).await.unwrap();
        let mut next = [0; 2];
        file.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"ab");
        file.set_len(5).await.unwrap();
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"4");
    });
}

#[test]
fn any_sequence_of_operations_does_what_it_does_in_std() {
    let dir = temp();
    let contents = pattern(150_000);
    for seed in 1..=16u64 {
        let mut runtime = Runtime::builder();
        let runtime = runtime.cached_reads(seed % 2 == 0).build().unwrap();
        let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
        std::fs::write(&ours, &contents).unwrap();
        std::fs::write(&theirs, &contents).unwrap();
        let append = seed % 8 < 2;
        let mut options = std::fs::File::options();
        options.read(true).write(true).append(append);
        let mut std_file = options.open(&theirs).unwrap();
        let mut state = seed;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        runtime.block_on(async {
            let mut file = OpenOptions::from(options).open(&ours).await.unwrap();
            for step in 0..400 {
                let len = usize::try_from(random(6_000)).unwrap();
                let offset = random(160_000);
                let (mut a, mut b) = (vec![0; len], vec![0; len]);
                match random(10) {
                    0..4 => {
                        // A short read is no difference.
                        let n = file.read(&mut a).await.unwrap();
                        std_file.read_exact(&mut b[..n]).unwrap();
                        if n == 0 && len > 0 {
                            assert_eq!(std_file.read(&mut b).unwrap(), 0);
                        }
                    }
                    4 => {
                        let data = pattern(len);
                        file.write_all(&data).await.unwrap();
                        std_file.write_all(&data).unwrap();
                    }
                    5 => {
                        let data = pattern(len);
                        file.write_all_at(&data, offset).await.unwrap();
                        std_file.write_all_at(&data, offset).unwrap();
                    }
                    6 => {
                        let n = file.read_at(&mut a, offset).await.unwrap();
                        assert_eq!(n, std_file.read_at(&mut b, offset).unwrap());
                    }
                    7 => {
                        file.set_len(offset).await.unwrap();
                        std_file.set_len(offset).unwrap();
                    }
                    _ => {
                        let by = i64::try_from(len).unwrap() - 3_000;
                        let position = match random(3) {
                            0 => SeekFrom::Start(offset),
                            1 => SeekFrom::End(by),
                            _ => SeekFrom::Current(by),
                        };
                        let to = file.seek(position).await.map_err(|error| error.kind());
                        let std_to = std_file.seek(position).map_err(|error| error.kind());
                        assert_eq!(to, std_to, "seed {seed}, step {step}");
                    }
                }
                assert!(a == b, "seed {seed}, step {step}");
            }
            let end = file.seek(SeekFrom::Current(0)).await.unwrap();
            assert_eq!(end, std_file.stream_position().unwrap());
        });
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(&theirs).unwrap());
    }
}

#[test]
fn what_was_appended_is_read_after_a_seek() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    block_on(async {
        let mut options = File::options();
        let mut file = options.read(true).append(true).open(&path).await.unwrap();
        file.read_exact(&mut [0; 1]).await.unwrap();
        file.write_all(b"def").await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 6);
        file.seek(SeekFrom::Start(2)).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "cdef");
    });
}

#[test]
fn a_file_that_grows_is_read_on() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let mut writer = std::fs::File::options().append(true).open(&path).unwrap();
    block_on(async {
        let mut file = File::open(&path).await.unwrap();
        let mut buf = [0; 8];
        for line in ["abc", "de", "f"] {
            assert_eq!(file.read(&mut buf).await.unwrap(), line.len());
            assert_eq!(&buf[..line.len()], line.as_bytes());
            assert_eq!(file.read(&mut buf).await.unwrap(), 0);
            writer
                .write_all(if line == "abc" { b"de" } else { b"f" })
                .unwrap();
        }
    });
}

#[test]
fn clones_share_the_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    block_on(async {
        let mut a = open_both(&path).await;
        let mut byte = [0];
        a.read_exact(&mut byte).await.unwrap();
        let mut b = a.try_clone().await.unwrap();
        b.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"1");
        a.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"2");
        b.write_all(b"x").await.unwrap();
        a.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"4");
        assert_eq!(fs::read(&path).await.unwrap(), b"012x456789");
    });
}

#[test]
fn a_file_goes_to_std_with_its_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 3]).await.unwrap();
        let mut std_file = file.into_std().await.unwrap();
        let mut byte = [0];
        std_file.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"3");

        // And back, and while a write and a read are under way whose futures were dropped.
        let mut file = File::from_std(std_file);
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"ab"))).is_pending());
        assert!(poll!(pin!(file.read_at(&mut [0; 1], 0))).is_pending());
        let mut into_std = pin!(file.into_std());
        assert!(poll!(into_std.as_mut()).is_pending());
        worker.release().await;
        let mut std_file = into_std.await.unwrap();
        assert_eq!(std_file.stream_position().unwrap(), 6);
        assert_eq!(std::fs::read(&path).unwrap(), b"0123ab6789");
    });
}

#[test]
fn several_buffers_are_written_as_one() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(file.write_vectored(&bufs).await.unwrap(), 5);

        // It is told from others by the data, however they are cut.
        let bufs = [IoSlice::new(b"f"), IoSlice::new(b"gh")];
        assert!(poll!(file.write_vectored(&bufs)).is_pending());
        let bufs = [IoSlice::new(b"fg"), IoSlice::new(b"hi")];
        assert_eq!(file.write_vectored(&bufs).await.unwrap(), 3);
        assert_eq!(std::fs::read(&path).unwrap(), b"abcdefgh");
    });
}

#[test]
fn empty_reads_and_writes_ask_nobody() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let mut file = File::from_std(std::fs::File::open(path).unwrap());
    assert!(matches!(poll_alone(file.read(&mut [])), Poll::Ready(Ok(0))));
    assert!(matches!(poll_alone(file.write(&[])), Poll::Ready(Ok(0))));
    assert!(matches!(
        poll_alone(file.read_at(&mut [], 0)),
        Poll::Ready(Ok(0))
    ));
    assert!(matches!(
        poll_alone(file.write_at(&[], 0)),
        Poll::Ready(Ok(0))
    ));
    assert!(matches!(poll_alone(file.flush()), Poll::Ready(Ok(()))));
}

// -------------------------------------------------------------------------- files that are none

#[test]
fn a_pipe_is_read_and_written_without_a_cursor() {
    let (mut writer, mut reader) = pipe();
    block_on(async {
        writer.write_all(b"abcdef").unwrap();
        let mut buf = [0; 2];
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"ab");
        let error = reader.seek(SeekFrom::Start(0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSeekable);
        let error = reader.read_at(&mut buf, 0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSeekable);

        // Nothing was read ahead, which could not be given back.
        let mut reader = reader.into_std().await.unwrap();
        reader.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"cd");

        let mut writer = File::from_std(writer);
        writer.write_all(b"gh").await.unwrap();
        drop(writer);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "efgh");
    });
}

#[test]
fn writing_does_not_lose_what_was_read_where_the_two_are_apart() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut file = File::from_std(OwnedFd::from(ours).into());
    one_worker().block_on(async {
        assert!(poll!(pin!(file.read(&mut [0; 8]))).is_pending());
        theirs.write_all(b"abc").unwrap();
        settle().await;
        file.write_all(b"x").await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(file.read(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
        theirs.read_exact(&mut buf[..1]).unwrap();
        assert_eq!(buf[0], b'x');
    });
}

#[test]
fn a_clone_of_a_pipe_does_not_wait_for_a_read_that_does() {
    let (mut writer, mut reader) = pipe();
    block_on(async {
        assert!(poll!(pin!(reader.read(&mut [0; 8]))).is_pending());
        let clone = reader.try_clone().await.unwrap();
        assert_ne!(clone.as_raw_fd(), reader.as_raw_fd());
        writer.write_all(b"a").unwrap();
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn a_fifo_waits_for_its_other_end() {
    let dir = temp();
    let path = dir.path().join("fifo");
    mkfifo(&path);
    let writer = thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "through the fifo").unwrap()
    });
    block_on(async {
        let mut text = String::new();
        let mut file = File::open(&path).await.unwrap();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "through the fifo");
    });
    writer.join().unwrap();

    // Unless it is asked not to.
    const O_NONBLOCK: i32 = 0o4000;
    block_on(async {
        let mut options = File::options();
        options.read(true).custom_flags(O_NONBLOCK);
        let mut file = options.open(&path).await.unwrap();
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn devices_and_proc_are_read_and_written() {
    block_on(async {
        let mut null = open_both(Path::new("/dev/null")).await;
        assert_eq!(null.read(&mut [0; 8]).await.unwrap(), 0);
        null.write_all(b"gone").await.unwrap();
        let mut zeros = [1; 100_000];
        let mut zero = File::open("/dev/zero").await.unwrap();
        zero.read_exact(&mut zeros).await.unwrap();
        assert!(zeros.iter().all(|byte| *byte == 0));

        let mut status = String::new();
        let mut file = File::open("/proc/self/status").await.unwrap();
        file.read_exact(&mut [0; 3]).await.unwrap();
        file.seek(SeekFrom::Start(0)).await.unwrap();
        file.read_to_string(&mut status).await.unwrap();
        assert!(status.starts_with("Name:") && status.contains("\nPid:"));
    });
}

// ------------------------------------------------------------------------------------ by offset

#[test]
fn many_reads_at_offsets_are_under_way_at_once() {
    let dir = temp();
    let contents = pattern(64 * 1000);
    let path = file_with(&dir, &contents);
    one_worker().block_on(async {
        let file = File::open(&path).await.unwrap();
        let worker = HeldWorker::new().await;
        let reads = (0..64).map(|i| {
            let file = &file;
            async move {
                let mut buf = vec![0; 1000];
                file.read_exact_at(&mut buf, i * 1000).await.unwrap();
                buf
            }
        });
        let mut reads = pin!(future::join_all(reads));
        assert!(poll!(reads.as_mut()).is_pending());
        worker.release().await;
        assert!(reads.await.concat() == contents);
        assert_eq!(os_cursor(&file), 0);
    });
}

#[test]
fn chunks_come_back_in_the_buffer_that_was_given() {
    let dir = temp();
    let contents = pattern((10 << 20) + 123);
    let path = file_with(&dir, &contents);
    block_on(async {
        let file = File::open(&path).await.unwrap();
        let mut read = Vec::new();
        let mut chunk = Vec::with_capacity(100_000);
        chunk.extend_from_slice(b"what was in it before");
        let memory = chunk.as_ptr();
        loop {
            chunk = file
                .read_chunk_at(chunk, 100_000, read.len() as u64)
                .await
                .unwrap();
            assert_eq!(chunk.as_ptr(), memory);
            if chunk.is_empty() {
                break;
            }
            read.extend_from_slice(&chunk);
        }
        assert!(read == contents);

        // Less than there is room for.
        chunk = file.read_chunk_at(chunk, 10, 5).await.unwrap();
        assert_eq!((chunk.as_ptr(), &chunk[..]), (memory, &contents[5..15]));
        let end = contents.len() - 3;
        chunk = file.read_chunk_at(chunk, 10, end as u64).await.unwrap();
        assert_eq!(chunk, contents[end..]);
        chunk = file.read_chunk_at(chunk, 0, 5).await.unwrap();
        assert_eq!((chunk.as_ptr(), chunk.len()), (memory, 0));
        // More than there is room for.
        chunk = file.read_chunk_at(chunk, 200_000, 5).await.unwrap();
        assert!(chunk == contents[5..200_005]);
    });
}

#[test]
fn writes_at_offsets_leave_holes_and_the_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"");
    block_on(async {
        let mut file = open_both(&path).await;
        let data = pattern(2_500_000);
        future::try_join(
            file.write_all_at(b"end", 3_000_000),
            file.write_all_at(&data, 100),
        )
        .await
        .unwrap();
        let mut buf = [1; 100];
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, [0; 100]);
        let all = fs::read(&path).await.unwrap();
        assert!(all[100..2_500_100] == data && all[3_000_000..] == *b"end");

        let error = file
            .read_exact_at(&mut buf, 3_000_000 - 50)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let error = file.read_at(&mut buf, u64::MAX).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

// ------------------------------------------------------------------------------- the open file

#[test]
fn options_say_how_a_file_is_opened() {
    let dir = temp();
    let path = dir.path().join("a");
    block_on(async {
        let mut file = File::create_new(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        let error = File::create_new(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let error = OpenOptions::new().open(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with("cannot open "), "{error}");

        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .truncate(true)
            .open(&path)
            .await
            .unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 0);
        let error = file.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(9), "{error}");

        let path = dir.path().join("b");
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .await
            .unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode() & 0o777, 0o600);
        let mut file = File::create(&path).await.unwrap();
        file.write_all(b"abc").await.unwrap();
        File::create(&path).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"");
    });
}

#[test]
fn an_open_file_tells_and_changes_what_the_file_system_knows() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    block_on(async {
        let file = open_both(&path).await;
        assert_eq!(file.metadata().await.unwrap().len(), 3);
        file.set_len(5).await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"abc\0\0");

        let mut permissions = file.metadata().await.unwrap().permissions();
        permissions.set_mode(0o600);
        file.set_permissions(permissions).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().mode() & 0o777, 0o600);

        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        file.set_modified(then).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().modified().unwrap(), then);
        file.set_times(FileTimes::new().set_accessed(then))
            .await
            .unwrap();
        assert_eq!(file.metadata().await.unwrap().accessed().unwrap(), then);

        file.sync_data().await.unwrap();
        file.sync_all().await.unwrap();
        assert!(format!("{file:?}").contains("File"));
    });
}

// ---------------------------------------------------------------------------------- directories

fn thousand(dir: &TempDir) -> Vec<OsString> {
    let mut names: Vec<_> = (0..1000)
        .map(|i| OsString::from(format!("{i:04}")))
        .collect();
    for name in &names {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    names.sort();
    names
}

#[test]
fn all_of_a_thousand_entries_are_listed_once() {
    let dir = temp();
    let names = thousand(&dir);
    block_on(async {
        let mut listed = Vec::new();
        let mut entries = fs::read_dir(dir.path()).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert_eq!(entry.path(), dir.path().join(entry.file_name()));
            listed.push(entry.file_name());
        }
        assert!(entries.next_entry().await.unwrap().is_none());
        listed.sort();
        assert_eq!(listed, names);

        // And as a stream.
        let entries = fs::read_dir(dir.path()).await.unwrap();
        let mut listed: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name())
            .collect()
            .await;
        listed.sort();
        assert_eq!(listed, names);
    });
}

#[test]
fn a_dropped_next_entry_loses_no_entry() {
    let dir = temp();
    let names = thousand(&dir);
    one_worker().block_on(async {
        let mut listed = Vec::new();
        let mut entries = fs::read_dir(dir.path()).await.unwrap();
        let mut dropped = 0;
        loop {
            let mut next = poll!(pin!(entries.next_entry()));
            if next.is_pending() {
                dropped += 1;
                next = Poll::Ready(entries.next_entry().await);
            }
            let Poll::Ready(next) = next else {
                unreachable!();
            };
            match next.unwrap() {
                Some(entry) => listed.push(entry.file_name()),
                None => break,
            }
        }
        assert!(dropped > 5, "{dropped}");
        listed.sort();
        assert_eq!(listed, names);
    });
}

#[test]
fn entries_say_what_they_are() {
    let dir = temp();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("file"), "abc").unwrap();
    std::fs::create_dir(path("dir")).unwrap();
    std::os::unix::fs::symlink("file", path("link")).unwrap();
    block_on(async {
        let mut entries = fs::read_dir(dir.path()).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let name = entry.file_name();
            let Poll::Ready(Ok(file_type)) = poll_alone(entry.file_type()) else {
                panic!("it is known already");
            };
            assert_eq!(file_type.is_file(), name == "file");
            assert_eq!(file_type.is_dir(), name == "dir");
            assert_eq!(file_type.is_symlink(), name == "link");
            let metadata = entry.metadata().await.unwrap();
            assert_eq!(metadata.file_type(), file_type);
            assert_eq!(metadata.ino(), entry.ino());
            if name == "file" {
                std::fs::remove_file(entry.path()).unwrap();
                let error = entry.metadata().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                let text = format!("cannot read the metadata of {:?}: No such", entry.path());
                assert!(error.to_string().starts_with(&text), "{error}");
            }
        }
    });
}

#[test]
fn a_listing_that_is_dropped_early_is_closed() {
    let dir = temp();
    thousand(&dir);
    one_worker().block_on(async {
        let mut entries = fs::read_dir(dir.path()).await.unwrap();
        let first = entries.next_entry().await.unwrap().unwrap();
        drop(entries);
        assert_eq!(
            descriptors_of(dir.path()),
            1,
            "an entry stands for its directory"
        );
        drop(first);
        assert_eq!(descriptors_of(dir.path()), 0);

        // Also while a batch is being fetched.
        let mut entries = fs::read_dir(dir.path()).await.unwrap();
        let worker = HeldWorker::new().await;
        while let Poll::Ready(entry) = poll!(pin!(entries.next_entry())) {
            assert!(entry.unwrap().is_some());
        }
        drop(entries);
        worker.release().await;
        settle().await;
        assert_eq!(descriptors_of(dir.path()), 0);
    });
}

#[test]
fn listing_gives_way_to_other_tasks() {
    let dir = temp();
    thousand(&dir);
    block_on(async {
        let mut pendings = 0;
        let mut listings = Vec::new();
        for _ in 0..10 {
            listings.push(fs::read_dir(dir.path()).await.unwrap());
        }
        // These have been fetched already.
        for entries in &mut listings {
            for _ in 0..30 {
                let next = poll_fn(|cx| {
                    let poll = entries.poll_next_entry(cx);
                    pendings += usize::from(poll.is_pending());
                    poll
                });
                assert!(next.await.unwrap().is_some());
            }
        }
        assert_eq!(pendings, 2, "every 128 entries");
    });
}

// ---------------------------------------------------------------------------------------- types

/// Compiled, and never called.
#[expect(dead_code, reason = "that it compiles is the test")]
fn all_futures_are_send(
    mut file: File,
    path: &Path,
    mut entries: fs::ReadDir,
    entry: fs::DirEntry,
) {
    fn is_send<T: Send>(_: T) {}
    let permissions = std::fs::metadata(path).unwrap().permissions();
    is_send(fs::read(path));
    is_send(fs::read_to_string("x"));
    is_send(fs::write(String::new(), vec![]));
    is_send(fs::copy(path, path));
    is_send(fs::rename(path, path));
    is_send(fs::remove_file(path));
    is_send(fs::remove_dir(path));
    is_send(fs::remove_dir_all(path));
    is_send(fs::create_dir(path));
    is_send(fs::create_dir_all(path));
    is_send(fs::metadata(path));
    is_send(fs::symlink_metadata(path));
    is_send(fs::canonicalize(path));
    is_send(fs::read_link(path));
    is_send(fs::symlink(path, path));
    is_send(fs::hard_link(path, path));
    is_send(fs::set_permissions(path, permissions.clone()));
    is_send(fs::try_exists(path));
    is_send(fs::read_dir(path));
    is_send(entries.next_entry());
    is_send(entry.metadata());
    is_send(entry.file_type());
    is_send(DirBuilder::new().create(path));
    is_send(OpenOptions::new().open(path));
    is_send(File::open(path));
    is_send(File::create(path));
    is_send(File::create_new(path));
    is_send(file.metadata());
    is_send(file.set_len(0));
    is_send(file.set_permissions(permissions));
    is_send(file.set_modified(SystemTime::now()));
    is_send(file.set_times(FileTimes::new()));
    is_send(file.sync_all());
    is_send(file.sync_data());
    is_send(file.try_clone());
    is_send(file.read_at(&mut [], 0));
    is_send(file.read_exact_at(&mut [], 0));
    is_send(file.read_chunk_at(vec![], 0, 0));
    is_send(file.write_at(&[], 0));
    is_send(file.write_all_at(&[], 0));
    is_send(file.read(&mut []));
    is_send(file.read_exact(&mut []));
    is_send(file.write(&[]));
    is_send(file.write_all(&[]));
    is_send(file.flush());
    is_send(file.seek(SeekFrom::Start(0)));
    is_send(file.into_std());
}

#[test]
fn files_go_where_the_traits_go() {
    fn is_all<T: AsyncRead + AsyncWrite + AsyncSeekExt + Send + Sync + Unpin + 'static>() {}
    is_all::<File>();
    let boxed: Pin<Box<dyn AsyncRead + Send>> = Box::pin(pipe().1);
    drop(boxed);
}
