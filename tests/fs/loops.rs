//! Files and loops: without a runtime, and from one loop to another.

use std::io::{SeekFrom, Write};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::{cell::Cell, rc::Rc};

use quintet::fs::{self, File};
use quintet::spawn;

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{
    HeldWorker, file_with, one_worker, open_both, pattern, pipe, poll_alone, refused, settle, temp,
};

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
fn a_future_that_goes_to_another_loop_resolves_to_an_error() {
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
fn reads_from_a_buffer_let_other_tasks_go_on() {
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
