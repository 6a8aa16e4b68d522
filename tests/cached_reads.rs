//! Files that are read without a worker, on real file systems.
//!
//! Every result of the kernel is tested by the unit tests, with a fake kernel.

#![cfg(all(any(target_os = "linux", target_os = "android"), not(quintet_portable)))]
#![expect(
    clippy::unwrap_used,
    reason = "the helpers are parts of tests, and say where they fail"
)]

mod support;

use std::fmt::Debug;
use std::io::{ErrorKind, IoSliceMut, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::{env, io, thread};

use futures::future;
use quintet::fs::{self, File};
use quintet::io::SeekFrom;
use quintet::runtime::{Builder, Runtime};
use quintet::task::{unconstrained, yield_now};
use quintet::{block_on, spawn_blocking};
use rustix::fs::{
    Advice, AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, fadvise, fcntl_getfl, openat2,
    statx,
};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tempfile::TempDir;

use crate::support::child::{child, in_a_child, is_child};
use crate::support::patience::in_time;
use crate::support::skipped::skip;
use crate::support::wakers::poll;

/// The most that is read at once.
const LEN_MAX: usize = 256 << 10;

// ------------------------------------------------------------------------------------ support

/// A directory on the disk, not in memory as the usual one may be.
fn on_disk() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Bytes of which each says where it stands.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn file_with(dir: &Path, contents: &[u8]) -> PathBuf {
    let path = dir.join("file");
    std::fs::write(&path, contents).unwrap();
    path
}

fn mkfifo(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}

fn runtime(cached_reads: bool) -> Runtime {
    Builder::new().cached_reads(cached_reads).build().unwrap()
}

/// Both ways, of which the results must be the same.
fn both() -> [Runtime; 2] {
    [runtime(true), runtime(false)]
}

/// Whether a read from the cache would succeed.
fn is_cached(path: &Path, offset: u64) -> Result<bool, Errno> {
    let file = std::fs::File::open(path).unwrap();
    let mut byte = [0];
    let mut buf = [IoSliceMut::new(&mut byte)];
    match preadv2(file, &mut buf, offset, ReadWriteFlags::NOWAIT) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether names are looked up, and what is found is described, without waiting.
fn can_open_cached() -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::CACHED)?;
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    statx(root, c"", flags, StatxFlags::TYPE)?;
    Ok(())
}

/// Whether this test makes sense here; says so if it does not.
fn can_read_cached(dir: &TempDir) -> bool {
    let path = file_with(dir.path(), b"x");
    if let Err(error) = can_open_cached() {
        skip(format_args!(
            "the kernel opens nothing from the cache: {error}"
        ));
        return false;
    }
    if let Err(error) = is_cached(&path, 0) {
        skip(format_args!(
            "{path:?} cannot be read from the cache: {error}"
        ));
        return false;
    }
    true
}

/// Throws a part of a file out of the cache.
fn forget(path: &Path, offset: u64) {
    let file = std::fs::File::open(path).unwrap();
    file.sync_all().unwrap();
    fadvise(&file, offset, None, Advice::DontNeed).unwrap();
}

/// Does something with what is thrown out, until it has come true. A page that is being read stays
/// in the cache: a job that was given up, or the kernel in advance.
async fn retry_forgetting(path: &Path, offset: u64, mut is_true: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        forget(path, offset);
        if is_true().await {
            return;
        }
        spawn_blocking(|| ()).await.ok();
        thread::yield_now();
    }
    panic!("it stays in the cache");
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Returns the output of a future that does not wait.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match poll!(pin!(future)) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

// ------------------------------------------------------------------------------------ on the loop

#[test]
fn what_is_cached_takes_no_thread() {
    let test = "what_is_cached_takes_no_thread";
    in_a_child(child(test), || {
        let dir = on_disk();
        if !can_read_cached(&dir) {
            return;
        }
        let contents = pattern(50_000);
        let path = file_with(dir.path(), &contents);
        let text = dir.path().join("text");
        std::fs::write(&text, "text").unwrap();
        let missing = dir.path().join("missing");
        assert!(!missing.exists());
        block_on(async {
            let before = threads();
            assert_eq!(fs::read(&path).await.unwrap(), contents);
            assert_eq!(fs::read_to_string(&text).await.unwrap(), "text");
            assert!(fs::read(&missing).await.is_err());
            assert!(fs::try_exists(&path).await.unwrap());
            assert!(fs::try_exists(dir.path()).await.unwrap());
            assert!(!fs::try_exists(&missing).await.unwrap());

            assert!(File::open(&missing).await.is_err());
            let mut file = File::open(&path).await.unwrap();
            let mut buf = vec![0; 10_000];
            // With what is read ahead, and without.
            let mut start = 0;
            for len in [10, 1_000, 10_000, 10_000, 10, 10_000] {
                let n = file.read(&mut buf[..len]).await.unwrap();
                assert!(n > 0);
                assert_eq!(buf[..n], contents[start..][..n]);
                start += n;
            }
            assert_eq!(file.read_at(&mut buf, 45_000).await.unwrap(), 5_000);
            assert_eq!(buf[..5_000], contents[45_000..]);
            assert_eq!(file.read_at(&mut buf, 50_000).await.unwrap(), 0);
            let chunk = file.read_chunk_at(buf, 100, 7).await.unwrap();
            assert_eq!(chunk, contents[7..107]);
            let from_std = File::from_std(std::fs::File::open(&path).unwrap());
            assert_eq!(from_std.read_at(&mut [0; 10], 0).await.unwrap(), 10);
            assert_eq!(threads(), before);

            // It can be seen if there is one.
            fs::metadata(&path).await.unwrap();
            assert_eq!(threads(), before + 1);
        });
    });
}

#[test]
fn small_reads_take_what_was_read_ahead() {
    let dir = on_disk();
    if !can_read_cached(&dir) {
        return;
    }
    let path = file_with(dir.path(), &pattern(200_000));
    let position = |file: &File| rustix::fs::tell(file.as_fd()).unwrap();
    block_on(async {
        let mut file = File::open(&path).await.unwrap();
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(position(&file), 16 << 10);
        file.read_exact(&mut vec![0; (16 << 10) - 10])
            .await
            .unwrap();
        assert_eq!(position(&file), 16 << 10);
        // As much as this is read as it is.
        file.read_exact(&mut [0; 4096]).await.unwrap();
        assert_eq!(position(&file), 20 << 10);
    });
}

#[test]
fn a_large_file_and_a_large_read_are_for_workers() {
    let dir = on_disk();
    if !can_read_cached(&dir) {
        return;
    }
    let path = dir.path().join("file");
    for (len, is_small) in [(LEN_MAX, true), (LEN_MAX + 1, false)] {
        let contents = pattern(len);
        std::fs::write(&path, &contents).unwrap();
        block_on(async {
            let read = at_once(fs::read(&path)).await;
            assert_eq!(read.is_some(), is_small, "{len}");
            assert!(fs::read(&path).await.unwrap() == contents);

            let file = File::open(&path).await.unwrap();
            let mut buf = vec![0; len];
            let read = at_once(file.read_at(&mut buf, 0)).await;
            assert_eq!(read.is_some(), is_small, "{len}");
            let read = at_once(file.read_chunk_at(Vec::new(), len, 0)).await;
            assert_eq!(read.is_some(), is_small, "{len}");
            file.read_exact_at(&mut buf, 0).await.unwrap();
            assert!(buf == contents);
        });
    }
}

/// Reads until it has to wait, in one poll of this task and in a tick that has read nothing yet,
/// and returns how often it did not.
async fn count_reads<T>(mut read: impl AsyncFnMut() -> T) -> u32 {
    for _ in 0..2 {
        yield_now().await;
    }
    let mut count = 0;
    while at_once(read()).await.is_some() {
        count += 1;
        assert!(count < 10_000, "there is no end of it");
    }
    count
}

#[test]
fn what_is_read_is_charged_to_the_task() {
    let dir = on_disk();
    if !can_read_cached(&dir) {
        return;
    }
    // 5 units, and 1 for the operation, of 128; the last one may spend too much.
    let len = 80 << 10;
    let path = file_with(dir.path(), &pattern(len));
    let missing = dir.path().join("missing");
    assert!(!missing.exists());
    block_on(async {
        let file = File::open(&path).await.unwrap();
        let mut buf = vec![0; len];
        assert_eq!(count_reads(async || fs::read(&path).await).await, 22);
        let read = async || file.read_at(&mut buf, 0).await;
        assert_eq!(count_reads(read).await, 22);
        let read = async || file.read_chunk_at(Vec::new(), len, 0).await;
        assert_eq!(count_reads(read).await, 22);

        assert_eq!(count_reads(async || fs::read(&missing).await).await, 128);
        assert_eq!(count_reads(async || File::open(&missing).await).await, 128);
        assert_eq!(count_reads(async || File::open(&path).await).await, 128);
        assert_eq!(count_reads(async || fs::try_exists(&path).await).await, 128);
        let mut file = File::open(&path).await.unwrap();
        let mut large = vec![0; 16 << 10];
        let read = async || file.read(&mut large).await;
        // 5 times 2 units, and then the end of the file.
        assert_eq!(count_reads(read).await, 5 + 118);
    });
}

#[test]
fn a_tick_reads_only_so_much_and_the_next_one_as_much_again() {
    let dir = on_disk();
    if !can_read_cached(&dir) {
        return;
    }
    let path = file_with(dir.path(), &pattern(16 << 10));
    block_on(unconstrained(async {
        for _ in 0..3 {
            // 4 MiB.
            assert_eq!(count_reads(async || fs::read(&path).await).await, 256);
        }
        // What is more is read all the same.
        let reads = (0..300).map(|_| fs::read(&path));
        for read in future::join_all(reads).await {
            assert_eq!(read.unwrap().len(), 16 << 10);
        }
    }));
}

#[test]
fn it_is_off_where_it_is_switched_off_and_under_a_seed() {
    let dir = on_disk();
    if !can_read_cached(&dir) {
        return;
    }
    let path = file_with(dir.path(), b"contents");
    let is_at_once = |builder: &mut Builder| {
        builder.build().unwrap().block_on(async {
            let mut file = File::open(&path).await.unwrap();
            let outcomes = [
                at_once(file.read_at(&mut [0; 8], 0)).await.is_some(),
                at_once(file.read(&mut [0; 8])).await.is_some(),
                at_once(fs::read(&path)).await.is_some(),
                at_once(fs::try_exists(&path)).await.is_some(),
                at_once(File::open(&path)).await.is_some(),
            ];
            assert_eq!(fs::read(&path).await.unwrap(), b"contents");
            assert!(
                outcomes.iter().all(|outcome| *outcome == outcomes[0]),
                "{outcomes:?}"
            );
            outcomes[0]
        })
    };
    assert!(is_at_once(&mut Builder::new()));
    assert!(is_at_once(Builder::new().start_paused(true)));
    assert!(!is_at_once(Builder::new().cached_reads(false)));
    assert!(!is_at_once(Builder::new().seed(1)));
    assert!(!is_at_once(Builder::new().cached_reads(true).seed(1)));
}

// ------------------------------------------------------------------------------------ the results

/// All that can be read of a file, by each way.
async fn all_ways(path: &Path) -> Vec<Vec<u8>> {
    let mut ways = vec![fs::read(path).await.unwrap()];
    let mut file = File::open(path).await.unwrap();
    for len in [100, 10_000, 300_000] {
        let (mut all, mut buf) = (Vec::new(), vec![0; len]);
        loop {
            let n = file.read(&mut buf).await.unwrap();
            if n == 0 {
                break;
            }
            all.extend_from_slice(&buf[..n]);
        }
        ways.push(all);
        file.seek(SeekFrom::Start(0)).await.unwrap();
    }
    ways
}

/// The same by offset, where a read is as long as it was asked to be, or else the file ends.
async fn all_ways_by_offset(path: &Path) -> Vec<Vec<u8>> {
    let file = File::from_std(std::fs::File::open(path).unwrap());
    let mut ways = Vec::new();
    for len in [7_000, 100_000, 300_000] {
        let (mut all, mut buf) = (Vec::new(), vec![0; len]);
        loop {
            let n = file.read_at(&mut buf, all.len() as u64).await.unwrap();
            all.extend_from_slice(&buf[..n]);
            if n < len {
                break;
            }
        }
        ways.push(all);
        let (mut all, mut chunk) = (Vec::new(), Vec::with_capacity(len));
        loop {
            chunk = file
                .read_chunk_at(chunk, len, all.len() as u64)
                .await
                .unwrap();
            all.extend_from_slice(&chunk);
            if chunk.len() < len {
                break;
            }
        }
        ways.push(all);
    }
    ways
}

/// Files of all kinds of lengths in `dir` are read as they are.
fn check_files_in(dir: &Path) {
    for runtime in both() {
        for len in [
            0,
            1,
            4095,
            4096,
            4097,
            70_000,
            LEN_MAX - 1,
            LEN_MAX,
            LEN_MAX + 1,
            1 << 20,
        ] {
            let contents = pattern(len);
            let path = file_with(dir, &contents);
            runtime.block_on(async {
                // More often than once, as what is learned the first time is used the next time.
                for _ in 0..2 {
                    let mut ways = all_ways(&path).await;
                    ways.extend(all_ways_by_offset(&path).await);
                    assert!(ways.iter().all(|way| *way == contents), "{len}");
                    assert!(fs::try_exists(&path).await.unwrap());
                }
            });
        }
    }
}

#[test]
fn files_on_a_disk_are_read_as_they_are() {
    check_files_in(on_disk().path());
}

#[test]
fn files_in_a_tmpfs_are_read_as_they_are() {
    let Ok(shm) = tempfile::tempdir_in("/dev/shm") else {
        skip("there is no /dev/shm");
        return;
    };
    // By another name: what is in /dev is not tried at all.
    let dir = on_disk();
    let link = dir.path().join("link");
    symlink(shm.path(), &link).unwrap();
    check_files_in(&link);
}

#[test]
fn files_in_an_overlay_are_read_as_they_are() {
    const LOWER: &str = "QUINTET_TEST_LOWER";
    if is_child() {
        let lower = PathBuf::from(env::var_os(LOWER).unwrap());
        let merged = lower.with_file_name("merged");
        in_time(|| {
            for runtime in both() {
                for _ in 0..3 {
                    let read = runtime.block_on(fs::read(merged.join("below"))).unwrap();
                    assert_eq!(read, b"below");
                    let missing = runtime.block_on(fs::read(merged.join("missing")));
                    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
                }
            }
            check_files_in(&merged);
        });
        println!("read");
        return;
    }
    let dir = on_disk();
    for name in ["lower", "upper", "work", "merged"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let lower = dir.path().join("lower");
    std::fs::write(lower.join("below"), "below").unwrap();
    // In a space of mounts of its own, and of users, which lets anybody mount.
    let script = r#"mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged \
        || { echo no overlay; exit; }
        exec "$0" --exact files_in_an_overlay_are_read_as_they_are --nocapture"#;
    let child = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(env::current_exe().unwrap())
        .current_dir(dir.path())
        .env("QUINTET_TEST_CHILD", "1")
        .env(LOWER, &lower)
        .output();
    match child {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            if said.contains("no overlay") {
                skip("no overlay can be mounted");
            } else {
                assert!(said.contains("read\n"), "{output:?}");
            }
        }
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("unshare") => {
            panic!("{output:?}");
        }
        refused => skip(format_args!("no space of mounts of its own: {refused:?}")),
    }
}

#[test]
fn files_that_the_kernel_makes_up_are_read_as_they_are() {
    for runtime in both() {
        for path in [
            "/proc/version",
            "/proc/sys/kernel/osrelease",
            "/sys/kernel/uevent_seqnum",
        ] {
            let Ok(contents) = std::fs::read(path) else {
                skip(path);
                continue;
            };
            for _ in 0..5 {
                let read = runtime.block_on(fs::read(path)).unwrap();
                assert_eq!(read, contents);
                let ways = runtime.block_on(all_ways(Path::new(path)));
                assert!(ways.iter().all(|way| *way == contents));
            }
        }
    }
}

#[test]
fn what_is_not_in_the_cache_is_read_all_the_same() {
    let dir = on_disk();
    if !can_read_cached(&dir) {
        return;
    }
    let contents = pattern(200_000);
    let path = file_with(dir.path(), &contents);
    let (half, mut buf) = (128 << 10, vec![0; 200_000]);
    block_on(async {
        for from in [0, half] {
            retry_forgetting(&path, from, async || {
                at_once(fs::read(&path)).await.is_none()
            })
            .await;
            forget(&path, from);
            assert!(fs::read(&path).await.unwrap() == contents);

            let file = File::open(&path).await.unwrap();
            let waits = async || at_once(file.read_at(&mut buf, 0)).await.is_none();
            retry_forgetting(&path, from, waits).await;
            forget(&path, from);
            buf.fill(0);
            assert_eq!(file.read_at(&mut buf, 0).await.unwrap(), 200_000);
            assert!(buf == contents);
            for capacity in [0, 200_000, 200_001] {
                forget(&path, from);
                let chunk = Vec::with_capacity(capacity);
                let chunk = file.read_chunk_at(chunk, 200_000, 0).await.unwrap();
                assert!(chunk == contents);
            }
            let (mut file, mut n) = (file, 0);
            while n < contents.len() {
                forget(&path, from);
                let read = file.read(&mut buf).await.unwrap();
                assert!(buf[..read] == contents[n..][..read]);
                n += read;
            }
            forget(&path, from);
            assert_eq!(file.read(&mut buf).await.unwrap(), 0);
        }
    });
}

#[test]
fn what_was_read_before_an_error_is_not_lost() {
    let dir = on_disk();
    if !can_read_cached(&dir) {
        return;
    }
    let contents = pattern(200_000);
    let path = file_with(dir.path(), &contents);
    let mut builder = Builder::new();
    // There is no room for such a thread, so there is no worker.
    let runtime = builder.thread_stack_size(1 << 60).build().unwrap();
    runtime.block_on(async {
        let file = File::open(&path).await.unwrap();
        let mut buf = vec![0; 200_000];
        let reads_a_part = async || {
            let n = file.read_at(&mut buf, 0).await.unwrap();
            assert!(buf[..n] == contents[..n]);
            0 < n && n < 200_000
        };
        retry_forgetting(&path, 128 << 10, reads_a_part).await;
        let fails = async || file.read_at(&mut buf, 0).await.is_err();
        retry_forgetting(&path, 0, fails).await;
    });
}

#[test]
fn a_loop_at_its_end_reads_nothing_more() {
    struct ReadsAtItsEnd(PathBuf, mpsc::Sender<bool>);
    impl Drop for ReadsAtItsEnd {
        fn drop(&mut self) {
            let mut cx = Context::from_waker(Waker::noop());
            let read = pin!(fs::read(&self.0)).poll(&mut cx);
            self.1.send(matches!(read, Poll::Ready(Ok(_)))).unwrap();
        }
    }
    let dir = on_disk();
    let path = file_with(dir.path(), b"contents");
    for runtime in both() {
        let (sender, has_read) = mpsc::channel();
        let last = ReadsAtItsEnd(path.clone(), sender);
        runtime.spawn(async move {
            let _last = last;
            future::pending::<()>().await;
        });
        runtime.block_on(yield_now());
        drop(runtime);
        assert!(!has_read.recv().unwrap());
    }
}

#[test]
fn errors_are_the_same_as_those_of_a_worker() {
    let dir = on_disk();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("file"), [0xff]).unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("loop", path("loop")).unwrap();
    std::fs::write(path("secret"), "").unwrap();
    std::fs::set_permissions(path("secret"), PermissionsExt::from_mode(0o000)).unwrap();
    let names = [
        path("missing"),
        path("missing/file"),
        path("dangling"),
        path("loop"),
        path("file/below"),
        path("secret"),
        path("."),
        path(&"x".repeat(300)),
        path(&"x/".repeat(3000)),
        path("nul\0"),
        PathBuf::new(),
        PathBuf::from("/dev/missing"),
    ];
    for name in names {
        let [here, by_worker] = both().map(|runtime| {
            // Once more, when the names are in the cache.
            (0..3)
                .map(|_| runtime.block_on(all_errors(&name)))
                .collect::<Vec<_>>()
        });
        assert_eq!(here, by_worker);
        assert_eq!(here[0], here[2]);
    }
    let texts = both().map(|runtime| {
        let error = runtime
            .block_on(fs::read_to_string(path("file")))
            .unwrap_err();
        (error.kind(), error.to_string())
    });
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0].0, ErrorKind::InvalidData);
}

/// The errors for a name, of all operations that may complete without a worker.
async fn all_errors(path: &Path) -> [String; 4] {
    fn text<T: Debug>(result: io::Result<T>) -> String {
        match result {
            Ok(outcome) => format!("{outcome:?}"),
            Err(error) => format!("{:?}: {error}", error.kind()),
        }
    }
    [
        text(fs::read(path).await),
        text(fs::read_to_string(path).await),
        text(File::open(path).await.map(|_| ())),
        text(fs::try_exists(path).await),
    ]
}

#[test]
fn an_opened_file_is_as_if_a_worker_had_opened_it() {
    let dir = on_disk();
    let path = file_with(dir.path(), b"contents");
    let flags = both().map(|runtime| {
        runtime.block_on(async {
            let file = File::open(&path).await.unwrap();
            let of_descriptor = rustix::io::fcntl_getfd(file.as_fd()).unwrap();
            (fcntl_getfl(file.as_fd()).unwrap(), of_descriptor)
        })
    });
    assert_eq!(flags[0], flags[1]);
}

#[test]
fn a_file_that_is_read_past_the_cache_is_left_to_workers() {
    let dir = on_disk();
    let path = file_with(dir.path(), &pattern(4096));
    let direct = i32::try_from(OFlags::DIRECT.bits()).unwrap();
    let mut options = std::fs::File::options();
    let Ok(file) = options.read(true).custom_flags(direct).open(&path) else {
        skip(format_args!("the file system of {path:?} has no O_DIRECT"));
        return;
    };
    // Such a read need not wait for what is not yet written, and may go to where the disk can put
    // it.
    file.sync_all().unwrap();
    let mut buf = vec![0; 8192];
    let start = buf.as_ptr().align_offset(4096);
    let buf = &mut buf[start..][..4096];
    block_on(async {
        let mut file = File::from_std(file);
        assert!(at_once(file.read_at(buf, 0)).await.is_none());
        assert!(at_once(file.read(buf)).await.is_none());
    });
}

#[test]
fn what_was_written_is_read_and_what_was_cut_off_is_not() {
    let dir = on_disk();
    let path = file_with(dir.path(), b"0123456789");
    let std_file = std::fs::File::options().write(true).open(&path).unwrap();
    block_on(async {
        let mut file = File::open(&path).await.unwrap();
        assert_eq!(file.read(&mut [0; 10_000]).await.unwrap(), 10);
        assert_eq!(file.read(&mut [0; 10_000]).await.unwrap(), 0);
        std_file.write_all_at(b"abc", 10).unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"0123456789abc");
        let mut buf = [0; 10_000];
        assert_eq!(file.read(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
        std_file.set_len(4).unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"0123");
        assert_eq!(file.read_at(&mut buf, 2).await.unwrap(), 2);
        assert_eq!(file.read_at(&mut buf, 5).await.unwrap(), 0);
    });
}

// ------------------------------------------------------------------------------------ FIFOs

#[test]
fn a_fifo_is_read_up_to_its_end_when_its_writer_takes_its_time() {
    let dir = on_disk();
    let path = dir.path().join("fifo");
    mkfifo(&path);
    block_on(async {
        let mut read = pin!(fs::read(&path));
        assert!(poll!(read.as_mut()).is_pending());
        // Workers do what they do without a writer.
        for _ in 0..10 {
            spawn_blocking(|| ()).await.unwrap();
        }
        assert!(poll!(read.as_mut()).is_pending());
        let (begun, has_begun) = futures::channel::oneshot::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let writer = thread::spawn({
            let path = path.clone();
            move || {
                let mut fifo = std::fs::File::options().write(true).open(path).unwrap();
                begun.send(()).unwrap();
                for word in ["one, ", "two, ", "three"] {
                    let () = may_go_on.recv().unwrap();
                    fifo.write_all(word.as_bytes()).unwrap();
                }
            }
        });
        has_begun.await.unwrap();
        for _ in 0..3 {
            spawn_blocking(|| ()).await.unwrap();
            go_on.send(()).unwrap();
        }
        assert_eq!(read.await.unwrap(), b"one, two, three");
        writer.join().unwrap();
    });
}

#[test]
fn a_writer_that_waits_for_a_reader_finds_one_that_stays() {
    let dir = on_disk();
    let path = dir.path().join("fifo");
    mkfifo(&path);
    for _ in 0..20 {
        let writer = thread::spawn({
            let path = path.clone();
            move || std::fs::write(path, pattern(100_000))
        });
        assert!(block_on(fs::read(&path)).unwrap() == pattern(100_000));
        writer.join().unwrap().unwrap();
    }
    // One that has nothing to say.
    let writer = thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "")
    });
    assert_eq!(block_on(fs::read(&path)).unwrap(), b"");
    writer.join().unwrap().unwrap();
}

#[test]
fn a_fifo_is_not_opened_before_a_worker_does() {
    let dir = on_disk();
    // Otherwise only the worker could say whether there is a FIFO, and it is busy.
    if !can_read_cached(&dir) {
        return;
    }
    let path = dir.path().join("fifo");
    mkfifo(&path);
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    runtime.block_on(async {
        let (release, held) = mpsc::channel::<()>();
        let (begun, has_begun) = futures::channel::oneshot::channel();
        let worker = spawn_blocking(move || {
            begun.send(()).unwrap();
            let _released = held.recv();
        });
        has_begun.await.unwrap();
        assert!(at_once(File::open(&path)).await.is_none());
        assert!(fs::try_exists(&path).await.unwrap());

        let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let mut options = std::fs::File::options();
        let writer = options.write(true).custom_flags(nonblock).open(&path);
        let error = writer.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::NXIO.raw_os_error()));
        drop(release);
        worker.await.unwrap();
    });
}
