//! Files, and what copies.

use std::pin::Pin;

use futures::future::poll_fn;
use futures::{AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use quintet::fs::{self, File};
use quintet::io::SeekFrom;

use super::{TIMES, check};
use crate::support::cases::connection;

#[test]
fn open_files() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, [7; 2 * TIMES as usize]).await.unwrap();
        let mut file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .await
            .unwrap();

        table
            .row("read of nothing", async || {
                file.read(&mut []).await.unwrap();
            })
            .await;
        table
            .row("read_exact of nothing", async || {
                file.read_exact(&mut []).await.unwrap();
            })
            .await;
        table
            .row("write of nothing", async || file.write(&[]).await.unwrap())
            .await;
        table
            .row("write_all of nothing", async || {
                file.write_all(&[]).await.unwrap();
            })
            .await;
        table
            .row("flush", async || file.flush().await.unwrap())
            .await;
        table
            .row("poll_read of nothing", async || {
                AsyncReadExt::read(&mut file, &mut []).await.unwrap();
            })
            .await;
        table
            .row("poll_write of nothing", async || {
                AsyncWriteExt::write(&mut file, &[]).await.unwrap();
            })
            .await;
        table
            .row("poll_close", async || {
                poll_fn(|cx| Pin::new(&mut file).poll_close(cx))
                    .await
                    .unwrap();
            })
            .await;
        // What was read in advance is there.
        assert_eq!(file.read(&mut [0]).await.unwrap(), 1);
        table
            .row("read of what was read in advance", async || {
                assert_eq!(file.read(&mut [0]).await.unwrap(), 1);
            })
            .await;
        table
            .waits("seek", async || {
                file.seek(SeekFrom::Start(0)).await.unwrap();
            })
            .await;
        table
            .waits("metadata", async || file.metadata().await.unwrap())
            .await;
    });
}

#[test]
fn open_files_by_several_buffers_and_their_locks() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        let mut file = File::create(dir.path().join("file")).await.unwrap();
        table
            .row("read_vectored of nothing", async || {
                file.read_vectored(&mut []).await.unwrap();
            })
            .await;
        table
            .row("write_vectored of nothing", async || {
                file.write_vectored(&[]).await.unwrap();
            })
            .await;
        table
            .waits("try_lock", async || file.try_lock().await.unwrap())
            .await;
        table
            .waits("lock", async || file.lock().await.unwrap())
            .await;
        table
            .waits("unlock", async || file.unlock().await.unwrap())
            .await;
    });
}

#[test]
fn open_files_by_offset() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut options = File::options();
        let options = options.read(true).write(true).create(true);
        let file = options.open(&path).await.unwrap();
        table
            .row("read_at of nothing", async || {
                file.read_at(&mut [], 0).await.unwrap();
            })
            .await;
        table
            .row("read_exact_at of nothing", async || {
                file.read_exact_at(&mut [], 0).await.unwrap();
            })
            .await;
        table
            .row("write_at of nothing", async || {
                file.write_at(&[], 0).await.unwrap();
            })
            .await;
        table
            .row("read_vectored_at of nothing", async || {
                file.read_vectored_at(&mut [], 0).await.unwrap();
            })
            .await;
        table
            .row("write_vectored_at of nothing", async || {
                file.write_vectored_at(&[], 0).await.unwrap();
            })
            .await;
        table
            .row("write_all_at of nothing", async || {
                file.write_all_at(&[], 0).await.unwrap();
            })
            .await;
        let (own, _peer) = connection();
        table
            .row("send_to of nothing", async || {
                assert_eq!(file.send_to(&own, 0..0).await.unwrap(), 0);
            })
            .await;
    });
}

#[test]
fn files_that_are_sent() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, [7; 8]).await.unwrap();
        let file = File::open(&path).await.unwrap();
        let (own, _peer) = connection();
        // It reads twice, and writes once.
        table
            .cached_row_of(3, "send_to", async || {
                assert_eq!(file.send_to(&own, 0..8).await.unwrap(), 8);
            })
            .await;
    });
}

#[test]
fn files_in_memory() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "contents").await.unwrap();
        let missing = dir.path().join("missing");

        table
            .cached_row("fs::read", async || fs::read(&path).await.unwrap())
            .await;
        table
            .cached_row("fs::read_to_string", async || {
                fs::read_to_string(&path).await.unwrap();
            })
            .await;
        table
            .cached_row("fs::read_limited", async || {
                fs::read_limited(&path, 100).await.unwrap();
            })
            .await;
        table
            .cached_row("fs::exists", async || fs::exists(&path).await.unwrap())
            .await;
        table
            .cached_row("fs::read of none", async || {
                fs::read(&missing).await.unwrap_err();
            })
            .await;
        table
            .cached_row("open", async || File::open(&path).await.unwrap())
            .await;
        table
            .cached_row("open of none", async || {
                File::open(&missing).await.unwrap_err();
            })
            .await;
        let file = File::open(&path).await.unwrap();
        table
            .cached_row("read_at", async || file.read_at(&mut [0], 0).await.unwrap())
            .await;
        table
            .cached_row("read_exact_at", async || {
                file.read_exact_at(&mut [0], 0).await.unwrap();
            })
            .await;
        table
            .cached_row("read_at at the end", async || {
                assert_eq!(file.read_at(&mut [0], 100).await.unwrap(), 0);
            })
            .await;
    });
}

#[test]
fn directories() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..=TIMES {
            std::fs::write(dir.path().join(n.to_string()), "").unwrap();
        }
        // The first entry takes a trip to a worker, which brings some of the others.
        let mut entries = fs::read_dir(dir.path()).await.unwrap();
        let entry = entries.next_entry().await.unwrap().unwrap();
        table
            .row("file_type", async || entry.file_type().await.unwrap())
            .await;
        while entries.next().await.is_some() {}
        table
            .row("next_entry at the end", async || {
                assert!(entries.next_entry().await.unwrap().is_none());
            })
            .await;
        table
            .row("entries by the stream, at the end", async || {
                assert!(entries.next().await.is_none());
            })
            .await;
    });
}

#[test]
fn trees() {
    check(async |table| {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..TIMES {
            std::fs::write(dir.path().join(n.to_string()), "").unwrap();
        }
        // The first entry takes a trip to a worker, which brings some of the others.
        let mut walk = fs::walk(dir.path());
        walk.next().await.unwrap().unwrap();
        table
            .bounded("entries of a walk", async || {
                walk.next().await.unwrap().unwrap();
            })
            .await;
        while walk.next().await.is_some() {}
        table
            .row("entries of a walk, at the end", async || {
                assert!(walk.next().await.is_none());
            })
            .await;
    });
}
