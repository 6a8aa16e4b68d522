//! Futures that are dropped before they complete.

use std::fmt::Debug;
use std::io;
use std::io::{ErrorKind, Read, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::future;
use quintet::fs::{self, File};
use quintet::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use quintet::spawn_blocking;
use quintet::time::timeout;

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{
    HeldWorker, descriptors_of, file_with, full_socket, mkfifo, one_worker, open_both, pattern,
    pipe, settle, temp,
};

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
fn a_whole_read_that_is_dropped_stops() {
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
    // Its future is dropped.
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
fn a_dropped_write_does_not_count_for_another_one() {
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

            // It is kept for `flush` and `sync`, and is reported once.
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
