//! Operations whose future was dropped, and those that come after them.

use std::io::{self, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};

use futures::future::poll_immediate;

use super::File;
use super::cursor::{CallId, Cursor, Request};
use super::open_file::OpenFile;
use crate::fs::in_flight::{Operate, lock};

/// Begins a write at `offset` on a worker, and drops its future. The write ends when the sender
/// that this returns is dropped.
async fn abandon(file: &File, data: &'static [u8], offset: u64) -> mpsc::Sender<()> {
    let (begun, has_begun) = futures::channel::oneshot::channel();
    let (release, held) = mpsc::channel::<()>();
    let mut change = Box::pin(file.change_contents(move |file| {
        begun.send(()).expect("the test waits");
        let _released = held.recv();
        file.write_at(data, offset)
    }));
    assert!(poll_immediate(change.as_mut()).await.is_none());
    has_begun.await.expect("a worker begins it");
    release
}

#[test]
fn operations_begin_after_the_end_of_an_abandoned_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "0123456789").unwrap();
    crate::block_on(async {
        let mut options = File::options();
        let mut file = options.read(true).write(true).open(&path).await.unwrap();
        // Data that was read ahead is not returned after the change.
        file.read_exact(&mut [0; 2]).await.unwrap();
        let release = abandon(&file, b"ab", 2).await;
        let mut buf = [0; 2];
        {
            let mut read = pin!(file.read_exact(&mut buf));
            assert!(poll_immediate(read.as_mut()).await.is_none());
            drop(release);
            read.await.unwrap();
        }
        assert_eq!(&buf, b"ab");

        macro_rules! waits {
            ($data:literal, $operation:expr) => {{
                let release = abandon(&file, $data, 0).await;
                let mut operation = pin!($operation);
                for _ in 0..3 {
                    assert!(poll_immediate(operation.as_mut()).await.is_none());
                    crate::spawn_blocking(|| ()).await.unwrap();
                }
                drop(release);
                operation.await.unwrap()
            }};
        }
        let contents = || std::fs::read(&path).unwrap();
        waits!(b"c", file.read_at(&mut buf, 0));
        assert_eq!(&buf, b"c1");
        let chunk = waits!(b"d", file.read_chunk_at(Vec::new(), 2, 0));
        assert_eq!(chunk, b"d1");
        waits!(b"e", file.write_at(b"f", 0));
        assert_eq!(contents(), b"f1ab456789");
        waits!(b"0123456789ten", file.set_len(11));
        assert_eq!(contents(), b"0123456789t");
        let metadata = waits!(b"0123456789ten", file.metadata());
        assert_eq!(metadata.len(), 13);
        waits!(b"0123456789tentwo", file.seek(SeekFrom::End(-3)));
        waits!(b"0123456789tenand", file.write_all(b"the end"));
        assert_eq!(contents(), b"0123456789tenthe end");
        waits!(b"0123456789, and the very end", file.sync_all());
        let release = abandon(&file, b"last", 0).await;
        let mut into_std = pin!(file.into_std());
        assert!(poll_immediate(into_std.as_mut()).await.is_none());
        drop(release);
        into_std.await.unwrap();
        assert!(contents().starts_with(b"last"));
    });
}

/// The job of another operation would wait for data in the place of the read's own one.
#[test]
fn the_read_of_a_stream_that_has_not_begun_is_left_to_its_job() {
    let (reader, mut writer) = io::pipe().unwrap();
    // So that the test fails instead of waiting.
    writer.write_all(b"a").unwrap();
    let open = Arc::new(OpenFile::new(OwnedFd::from(reader).into()));
    let cursor = Mutex::new(Cursor::new(Arc::clone(&open)));
    lock(&cursor).request(CallId::TRAITS, Request::Read(1));
    open.settle(Some(&cursor));
    assert!(lock(&cursor).has_request());

    lock(&cursor).operate();
    let mut buf = [0; 2];
    let taken = lock(&cursor).take_read(CallId::TRAITS, &mut buf);
    assert_eq!(taken.unwrap().unwrap(), 1);
}

#[test]
fn the_write_of_a_stream_comes_before_later_operations() {
    let (mut reader, writer) = io::pipe().unwrap();
    let open = Arc::new(OpenFile::new(OwnedFd::from(writer).into()));
    let cursor = Mutex::new(Cursor::new(Arc::clone(&open)));
    lock(&cursor).request_write(CallId::TRAITS, &[io::IoSlice::new(b"a")]);
    open.settle(Some(&cursor));
    assert!(!lock(&cursor).has_request());
    drop((cursor, open));
    let mut text = String::new();
    io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert_eq!(text, "a");
}
