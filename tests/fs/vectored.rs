//! Several buffers at a time, and conversions into files of `std`.

use std::io::{IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::pin::pin;

use quintet::fs::File;

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{HeldWorker, file_with, one_worker, open_both, os_cursor, pattern, pipe, settle, temp};

/// Cuts `buf` into pieces of these lengths; what is left over is left out.
fn cut<'a>(mut buf: &'a mut [u8], lens: &[usize]) -> Vec<IoSliceMut<'a>> {
    let cut = lens.iter().map(|&len| {
        let (head, tail) = std::mem::take(&mut buf).split_at_mut(len);
        buf = tail;
        IoSliceMut::new(head)
    });
    cut.collect()
}

const LENS: [&[usize]; 6] = [
    &[],
    &[0, 0],
    &[5],
    &[0, 7, 0, 1, 100, 0],
    &[40_000, 30_000, 30_000],
    &[1 << 20, 1 << 20],
];

#[test]
fn several_buffers_are_filled_one_after_the_other() {
    let dir = temp();
    let contents = pattern(3 << 20);
    let path = file_with(&dir, &contents);
    block_on(async {
        for lens in LENS {
            let total = lens.iter().sum::<usize>();
            let expected = total.min(1 << 20);
            let file = File::open(&path).await.unwrap();
            let mut buf = vec![0; total];
            let n = file.read_vectored_at(&mut cut(&mut buf, lens), 17).await;
            assert_eq!(n.unwrap(), expected);
            assert!(buf[..expected] == contents[17..][..expected]);
            assert!(buf[expected..].iter().all(|byte| *byte == 0));

            let mut file = file;
            let mut buf = vec![0; total];
            let mut all = 0;
            // A read by the cursor may return less, but not nothing.
            while all < expected.min(100_000) {
                let rest = &mut buf[all..];
                let lens: Vec<_> = if all == 0 {
                    lens.to_vec()
                } else {
                    vec![rest.len()]
                };
                let n = file.read_vectored(&mut cut(rest, &lens)).await.unwrap();
                assert!(n > 0);
                all += n;
            }
            assert!(buf[..all] == contents[..all]);
            assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), all as u64);
        }
        let file = File::open(&path).await.unwrap();
        let mut buf = [0; 10];
        let at = contents.len() as u64 - 3;
        let bufs = &mut cut(&mut buf, &[2, 8]);
        assert_eq!(file.read_vectored_at(bufs, at).await.unwrap(), 3);
        assert_eq!(file.read_vectored_at(bufs, at + 3).await.unwrap(), 0);
    });
}

#[test]
fn several_buffers_are_written_by_one_job() {
    let dir = temp();
    let path = file_with(&dir, b"");
    let contents = pattern(3 << 20);
    block_on(async {
        for lens in LENS {
            let mut rest = &contents[..];
            let bufs: Vec<_> = lens
                .iter()
                .map(|&len| {
                    let (head, tail) = rest.split_at(len);
                    rest = tail;
                    IoSlice::new(head)
                })
                .collect();
            let expected = lens.iter().sum::<usize>().min(1 << 20);
            let mut file = open_both(&path).await;
            file.set_len(0).await.unwrap();
            assert_eq!(file.write_vectored(&bufs).await.unwrap(), expected);
            assert!(std::fs::read(&path).unwrap() == contents[..expected]);

            file.set_len(0).await.unwrap();
            let n = file.write_vectored_at(&bufs, 3).await.unwrap();
            assert_eq!(n, expected);
            let written = std::fs::read(&path).unwrap();
            assert!(expected == 0 || written[3..] == contents[..expected]);
            assert_eq!(
                file.seek(SeekFrom::Current(0)).await.unwrap(),
                expected as u64
            );
        }
    });
}

#[test]
fn dropped_operations_on_several_buffers_are_as_those_on_one() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        let (mut a, mut b) = ([0; 2], [0; 3]);
        {
            let bufs = &mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
            assert!(poll!(pin!(file.read_vectored(bufs))).is_pending());
        }
        settle().await;
        let bufs = &mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(
            file.read_vectored(bufs).await.unwrap(),
            5,
            "no data is lost"
        );
        assert_eq!((&a, &b), (b"01", b"234"));

        let bufs = &[IoSlice::new(b"ab"), IoSlice::new(b"cd")];
        assert!(poll!(pin!(file.write_vectored(bufs))).is_pending());
        file.flush().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"01234abcd9");

        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write_vectored_at(bufs, 0))).is_pending());
        worker.release().await;
        settle().await;
        assert_eq!(
            std::fs::read(&path).unwrap(),
            b"01234abcd9",
            "it had not begun"
        );
    });
}

#[test]
fn errors_of_dropped_writes_of_several_buffers_are_not_lost() {
    one_worker().block_on(async {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut file = File::from_std(full);
        let bufs = &[IoSlice::new(b"ab"), IoSlice::new(b"cd")];
        assert!(poll!(pin!(file.write_vectored(bufs))).is_pending());
        settle().await;
        file.flush().await.unwrap_err();
        file.flush().await.unwrap();
        {
            let mut write = pin!(file.write_vectored_at(bufs, 0));
            assert!(poll!(write.as_mut()).is_pending());
            settle().await;
        }
        // The loop drops the result, and with it stores the error.
        settle().await;
        file.flush().await.unwrap_err();
    });
}

#[test]
fn a_file_becomes_one_of_std_at_once_with_its_position() {
    let dir = temp();
    let path = file_with(&dir, &pattern(1000));
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(os_cursor(&file), 1000, "the rest was read ahead");
        let mut std = file.try_into_std().unwrap();
        assert_eq!(std.stream_position().unwrap(), 10);
        let mut rest = Vec::new();
        std.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, pattern(1000)[10..]);

        // Not while a dropped write runs.
        let mut file = open_both(&path).await;
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"abc"))).is_pending());
        let mut file = file.try_into_std().unwrap_err();
        worker.release().await;
        file.flush().await.unwrap();
        let mut std = file.try_into_std().unwrap();
        assert_eq!(std.stream_position().unwrap(), 3);

        // A read that has not begun ends with its future.
        let file = File::from_std(std);
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.read_at(&mut [0; 10], 0))).is_pending());
        file.try_into_std().unwrap();
        worker.release().await;
    });

    // Data of a pipe that was read for a dropped future is not lost.
    let (mut writer, mut reader) = pipe();
    one_worker().block_on(async {
        assert!(poll!(pin!(reader.read(&mut [0; 8]))).is_pending());
        writer.write_all(b"data").unwrap();
        settle().await;
        let mut reader = reader.try_into_std().unwrap_err();
        let mut buf = [0; 4];
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"data");
        reader.try_into_std().unwrap();
    });
}

#[test]
fn a_clone_that_does_not_become_one_of_std_still_does_not_read_ahead() {
    let dir = temp();
    let path = file_with(&dir, &pattern(1000));
    one_worker().block_on(async {
        let file = open_both(&path).await;
        let mut clone = file.try_clone().await.unwrap();
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(clone.write(b"abc"))).is_pending());
        let mut clone = clone.try_into_std().unwrap_err();
        worker.release().await;
        clone.flush().await.unwrap();
        clone.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(os_cursor(&clone), 13);
    });
}

#[test]
fn descriptors_become_files() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let fd = OwnedFd::from(std::fs::File::open(path).unwrap());
    let mut file = File::from(fd);
    let mut buf = [0; 3];
    block_on(file.read_exact(&mut buf)).unwrap();
    assert_eq!(&buf, b"abc");
}
