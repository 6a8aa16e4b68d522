//! Options, and what an open file knows of itself.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use quintet::fs::{self, File, FileTimes, OpenOptions};

use crate::support::strict::block_on;

use super::{file_with, open_both, temp};

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
