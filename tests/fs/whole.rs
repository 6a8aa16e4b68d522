//! Operations on whole files and on paths.

use std::fmt::Debug;
use std::io;
use std::io::{ErrorKind, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, UNIX_EPOCH};

use quintet::fs::{self, DirBuilder, File};
use quintet::io::{AsyncReadExt, AsyncWriteExt};
use quintet::runtime::Runtime;
use quintet::task;
use quintet::time::timeout;

use crate::support::strict::block_on;

use crate::support::skipped::skip;
use crate::support::wakers::poll;

use super::{file_with, full_socket, mkfifo, one_worker, pattern, settle, temp};

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
fn a_read_with_a_limit_reads_and_allocates_no_more() {
    let dir = temp();
    // On the loop, in part on the loop, and on a worker.
    for len in [0, 1, 1000, 300_000, (16 << 20) + 5] {
        let contents = pattern(len);
        let path = file_with(&dir, &contents);
        for cached in [true, false] {
            let runtime = Runtime::builder().cached_reads(cached).build().unwrap();
            runtime.block_on(async {
                for limit in [len, len + 1, usize::MAX] {
                    let read = fs::read_limited(&path, limit).await.unwrap();
                    assert!(read == contents, "{len} bytes");
                }
                for limit in [len / 2, len.saturating_sub(1)] {
                    if limit == len {
                        continue;
                    }
                    let error = fs::read_limited(&path, limit).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::FileTooLarge);
                    let text = format!("cannot read {path:?}: it is longer than {limit} bytes");
                    assert_eq!(error.to_string(), text);
                }
            });
        }
    }
    block_on(async {
        // What has no end, and what states a length that it does not have.
        let error = fs::read_limited("/dev/zero", 100_000).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        let error = fs::read_limited("/proc/self/status", 10).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        let status = fs::read_limited("/proc/self/status", 100_000)
            .await
            .unwrap();
        assert!(status.starts_with(b"Name:"));
        let sparse = dir.path().join("sparse");
        let file = std::fs::File::create(&sparse).unwrap();
        if file.set_len(1 << 40).is_ok() {
            let error = fs::read_limited(&sparse, 100_000).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        }
    });
}

#[test]
fn owners_are_changed_and_those_of_links_apart_from_their_targets() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("file", &link).unwrap();
    let owner = |path: &Path| {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        (metadata.uid(), metadata.gid())
    };
    let before = owner(&path);
    block_on(async {
        fs::chown(&path, Some(before.0), Some(before.1))
            .await
            .unwrap();
        fs::chown(&link, None, None).await.unwrap();
        assert_eq!(owner(&path), before);
        let error = fs::chown("/no/x", None, None).await.unwrap_err();
        let text = r#"cannot set the owner of "/no/x": No such"#;
        assert!(error.to_string().starts_with(text), "{error}");
        if let Err(error) = fs::chown(&link, Some(12345), None).await {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            return skip("files cannot be given away");
        }
        assert_eq!(owner(&path), (12345, before.1));
        assert_eq!(owner(&link), before);
        fs::lchown(&link, None, Some(54321)).await.unwrap();
        assert_eq!(owner(&path), (12345, before.1));
        assert_eq!(owner(&link), (before.0, 54321));
    });
}

#[test]
fn a_dropped_copy_stops() {
    let dir = temp();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    // Without blocks, so that it is only a number.
    let len = 1 << 30;
    if std::fs::File::create(&from).unwrap().set_len(len).is_err() {
        return skip("no files of this length");
    }
    one_worker().block_on(async {
        {
            let mut copy = pin!(fs::copy(&from, &to));
            assert!(poll!(copy.as_mut()).is_pending());
            while !to.exists() {
                assert!(poll!(copy.as_mut()).is_pending());
                task::yield_now().await;
            }
        }
        settle().await;
        assert!(std::fs::metadata(&to).unwrap().len() < len);
    });
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

        check(fs::read_limited(x, 1).await, r#"cannot open "/no/x""#);
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
fn a_copy_of_an_empty_file_sets_the_time_of_an_empty_one() {
    let dir = temp();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let target = std::fs::File::create(&to).unwrap();
    target.set_modified(UNIX_EPOCH).unwrap();
    std::fs::write(&from, "").unwrap();
    block_on(async {
        assert_eq!(fs::copy(&from, &to).await.unwrap(), 0);
    });
    assert_ne!(target.metadata().unwrap().modified().unwrap(), UNIX_EPOCH);
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
