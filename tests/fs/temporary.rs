//! Temporary files and directories.

use std::io::{ErrorKind, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::pin::pin;

use quintet::fs::{self, File};

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{HeldWorker, one_worker, poll_alone, refused, settle, temp};

fn is_empty(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn a_temporary_file_has_no_name_and_is_read_and_written() {
    let dir = temp();
    block_on(async {
        for file in [
            fs::tempfile_in(dir.path()).await.unwrap(),
            fs::tempfile().await.unwrap(),
        ] {
            let mut file: File = file;
            assert!(is_empty(dir.path()));
            file.write_all(b"hello").await.unwrap();
            file.seek(SeekFrom::Start(0)).await.unwrap();
            let mut buf = [0; 5];
            file.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"hello");

            let fd = file.as_fd().try_clone_to_owned().unwrap();
            let metadata = std::fs::File::from(fd).metadata().unwrap();
            assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
        }
    });
}

#[test]
fn a_temporary_directory_is_removed_with_its_contents() {
    let dir = temp();
    block_on(async {
        let made = fs::tempdir_in(dir.path()).await.unwrap();
        let path = made.path().to_owned();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with(".quintet-") && name.len() == 25, "{name}");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        fs::create_dir_all(path.join("a/b")).await.unwrap();
        fs::write(path.join("a/b/file"), "").await.unwrap();
        made.close().await.unwrap();
        assert!(is_empty(dir.path()));

        let kept = fs::tempdir_in(&dir).await.unwrap().keep();
        assert!(kept.is_dir());
        std::fs::remove_dir(kept).unwrap();

        let two = (fs::tempdir().await.unwrap(), fs::tempdir().await.unwrap());
        assert_ne!(two.0.path(), two.1.path());
        two.0.close().await.unwrap();
        two.1.close().await.unwrap();
    });
}

#[test]
fn a_directory_that_is_dropped_is_removed_by_a_worker() {
    let dir = temp();
    one_worker().block_on(async {
        let made = fs::tempdir_in(dir.path()).await.unwrap();
        let worker = HeldWorker::new().await;
        drop(made);
        assert!(!is_empty(dir.path()), "the loop does not remove it");
        worker.release().await;
        settle().await;
        assert!(is_empty(dir.path()));

        let close = fs::tempdir_in(dir.path()).await.unwrap().close();
        drop(close);
        settle().await;
        assert!(is_empty(dir.path()));
        let worker = HeldWorker::new().await;
        let made = poll!(pin!(fs::tempdir_in(dir.path())));
        assert!(made.is_pending());
        worker.release().await;
        settle().await;
        assert!(is_empty(dir.path()), "its creation had not begun");
    });
}

#[test]
fn a_directory_of_a_dropped_future_is_removed() {
    let dir = temp();
    one_worker().block_on(async {
        {
            let mut made = pin!(fs::tempdir_in(dir.path()));
            assert!(poll!(made.as_mut()).is_pending());
            settle().await;
            assert!(!is_empty(dir.path()));
        }
        // The loop drops the result, which starts a job.
        settle().await;
        settle().await;
        assert!(is_empty(dir.path()));

        let made = fs::tempdir_in(dir.path()).await.unwrap();
        {
            let worker = HeldWorker::new().await;
            let mut close = pin!(made.close());
            assert!(poll!(close.as_mut()).is_pending());
            worker.release().await;
        }
        settle().await;
        settle().await;
        assert!(is_empty(dir.path()));
    });
}

#[test]
fn a_directory_is_removed_at_the_end_of_the_runtime_and_without_one() {
    let dir = temp();
    let make = || fs::tempdir_in(dir.path());

    let runtime = one_worker();
    let made = runtime.block_on(make()).unwrap();
    drop(made);
    assert!(is_empty(dir.path()));

    let made = runtime.block_on(make()).unwrap();
    drop(runtime);
    drop(made);
    assert!(is_empty(dir.path()));

    // A job that has not begun at the shutdown.
    let runtime = one_worker();
    runtime.block_on(async {
        let made = make().await.unwrap();
        let worker = HeldWorker::new().await;
        drop(made);
        drop(worker);
    });
    drop(runtime);
    assert!(is_empty(dir.path()));

    // A task that is dropped at the shutdown.
    let runtime = one_worker();
    runtime.block_on(async {
        let made = make().await.unwrap();
        drop(quintet::spawn(async move {
            let _made = made;
            std::future::pending::<()>().await;
        }));
        quintet::task::yield_now().await;
    });
    drop(runtime);
    assert!(is_empty(dir.path()));
}

#[test]
fn errors_name_the_directory() {
    block_on(async {
        let error = fs::tempfile_in("/no/x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let text = r#"cannot create a temporary file in "/no/x": No such file"#;
        assert!(error.to_string().starts_with(text), "{error}");
        let error = fs::tempdir_in("/no/x").await.unwrap_err();
        let text = r#"cannot create a temporary directory in "/no/x": No such file"#;
        assert!(error.to_string().starts_with(text), "{error}");

        let made = fs::tempdir().await.unwrap();
        std::fs::remove_dir(&made).unwrap();
        let error = made.close().await.unwrap_err();
        assert!(
            error.to_string().starts_with("cannot remove all of"),
            "{error}"
        );
    });
    refused(poll_alone(fs::tempfile()));
    refused(poll_alone(fs::tempdir()));
}
