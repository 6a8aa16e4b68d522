//! Directories and their entries.

use std::ffi::OsString;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::pin::pin;
use std::task::Poll;

use futures::StreamExt;
use quintet::fs::{self};
use tempfile::TempDir;

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{HeldWorker, descriptors_of, one_worker, poll_alone, settle, temp};

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
