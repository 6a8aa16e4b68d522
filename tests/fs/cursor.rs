//! Reading and writing at the cursor.

use std::io::{ErrorKind, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::pin::pin;
use std::task::Poll;

use futures::TryStreamExt;
use quintet::fs::{self, File, OpenOptions};
use quintet::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use quintet::runtime::Runtime;

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{HeldWorker, file_with, one_worker, open_both, os_cursor, pattern, poll_alone, temp};

#[test]
fn ten_mebibytes_stream_through_unchanged() {
    let dir = temp();
    let contents = pattern(10 << 20);
    let from = file_with(&dir, &contents);
    let to = dir.path().join("to");
    block_on(async {
        // By way of reads of odd sizes, below and above what is read ahead.
        let mut file = File::open(&from).await.unwrap();
        let mut read = Vec::new();
        let mut buf = vec![0; 3 << 20];
        for len in [1, 7, 100, 65_535, 65_536, 65_537, 200_001, 3 << 20]
            .into_iter()
            .cycle()
        {
            let n = file.read(&mut buf[..len]).await.unwrap();
            assert!(n <= 1 << 20);
            if n == 0 {
                break;
            }
            read.extend_from_slice(&buf[..n]);
        }
        assert!(read == contents);

        // By the traits.
        let mut read = Vec::new();
        let mut file = File::open(&from).await.unwrap();
        AsyncReadExt::read_to_end(&mut file, &mut read)
            .await
            .unwrap();
        assert!(read == contents);
        let mut file = File::create(&to).await.unwrap();
        AsyncWriteExt::write_all(&mut file, &contents)
            .await
            .unwrap();
        assert!(std::fs::read(&to).unwrap() == contents);
        let mut copy = File::create(&to).await.unwrap();
        let from = File::open(&from).await.unwrap();
        assert_eq!(quintet::io::copy(from, &mut copy).await.unwrap(), 10 << 20);
        assert!(std::fs::read(&to).unwrap() == contents);
    });
}

#[test]
fn lines_are_read_through_a_bufreader() {
    block_on(async {
        let file = File::open("/proc/self/status").await.unwrap();
        let lines: Vec<_> = BufReader::new(file).lines().try_collect().await.unwrap();
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("VmRSS:") || line.starts_with("Pid:"))
        );
    });
}

#[test]
fn one_call_moves_at_most_one_mebibyte() {
    let dir = temp();
    let path = file_with(&dir, &pattern(3 << 20));
    let mut buf = vec![0; 3 << 20];
    block_on(async {
        let mut file = open_both(&path).await;
        assert_eq!(file.read(&mut buf).await.unwrap(), 1 << 20);
        assert_eq!(file.read_at(&mut buf, 0).await.unwrap(), 1 << 20);
        let chunk = file.read_chunk_at(Vec::new(), 3 << 20, 0).await.unwrap();
        assert_eq!(chunk.len(), 1 << 20);
        assert_eq!(file.write(&buf).await.unwrap(), 1 << 20);
        assert_eq!(file.write_at(&buf, 0).await.unwrap(), 1 << 20);
        let halves = [IoSlice::new(&buf[..600_000]), IoSlice::new(&buf[..600_000])];
        assert_eq!(file.write_vectored(&halves).await.unwrap(), 1 << 20);
    });
}

#[test]
fn small_reads_take_what_was_read_ahead() {
    let dir = temp();
    let path = file_with(&dir, &pattern(200_000));
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(os_cursor(&file), 64 << 10);
        // No job is needed: it would not get at a worker without a runtime.
        assert!(matches!(
            poll_alone(file.read(&mut [0; 10])),
            Poll::Ready(Ok(10))
        ));
    });
}

#[test]
fn seeking_starts_from_what_was_read_and_not_from_what_was_read_ahead() {
    let dir = temp();
    let contents = pattern(100);
    let path = file_with(&dir, &contents);
    block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 10);
        file.read_exact(&mut [0; 10]).await.unwrap();
        assert_eq!(
            AsyncSeekExt::seek(&mut file, SeekFrom::Current(5))
                .await
                .unwrap(),
            25
        );
        let mut byte = [0];
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte[0], contents[25]);

        // One that fails moves nothing.
        let error = file.seek(SeekFrom::Current(-50)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte[0], contents[26]);
        assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 99);
        file.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte[0], contents[99]);
    });
}

#[test]
fn writing_goes_to_where_reading_stands() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 2]).await.unwrap();
        file.write_all(b"ab").await.unwrap();
        let mut next = [0; 2];
        file.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"45");
        assert_eq!(fs::read(&path).await.unwrap(), b"01ab456789");
    });
}

#[test]
fn what_is_changed_by_offset_is_seen_by_the_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 2]).await.unwrap();
        file.write_at(b"ab", 2).await.unwrap();
        let mut next = [0; 2];
        file.read_exact(&mut next).await.unwrap();
        assert_eq!(&next, b"ab");
        file.set_len(5).await.unwrap();
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"4");
    });
}

#[test]
fn any_sequence_of_operations_does_what_it_does_in_std() {
    let dir = temp();
    let contents = pattern(150_000);
    for seed in 1..=16u64 {
        let mut runtime = Runtime::builder();
        let runtime = runtime.cached_reads(seed % 2 == 0).build().unwrap();
        let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
        std::fs::write(&ours, &contents).unwrap();
        std::fs::write(&theirs, &contents).unwrap();
        let append = seed % 8 < 2;
        let mut options = std::fs::File::options();
        options.read(true).write(true).append(append);
        let mut std_file = options.open(&theirs).unwrap();
        let mut state = seed;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        runtime.block_on(async {
            let mut file = OpenOptions::from(options).open(&ours).await.unwrap();
            for step in 0..400 {
                let len = usize::try_from(random(6_000)).unwrap();
                let offset = random(160_000);
                let (mut a, mut b) = (vec![0; len], vec![0; len]);
                match random(10) {
                    0..4 => {
                        // A short read is no difference.
                        let n = file.read(&mut a).await.unwrap();
                        std_file.read_exact(&mut b[..n]).unwrap();
                        if n == 0 && len > 0 {
                            assert_eq!(std_file.read(&mut b).unwrap(), 0);
                        }
                    }
                    4 => {
                        let data = pattern(len);
                        file.write_all(&data).await.unwrap();
                        std_file.write_all(&data).unwrap();
                    }
                    5 => {
                        let data = pattern(len);
                        file.write_all_at(&data, offset).await.unwrap();
                        std_file.write_all_at(&data, offset).unwrap();
                    }
                    6 => {
                        let n = file.read_at(&mut a, offset).await.unwrap();
                        assert_eq!(n, std_file.read_at(&mut b, offset).unwrap());
                    }
                    7 => {
                        file.set_len(offset).await.unwrap();
                        std_file.set_len(offset).unwrap();
                    }
                    _ => {
                        let by = i64::try_from(len).unwrap() - 3_000;
                        let position = match random(3) {
                            0 => SeekFrom::Start(offset),
                            1 => SeekFrom::End(by),
                            _ => SeekFrom::Current(by),
                        };
                        let to = file.seek(position).await.map_err(|error| error.kind());
                        let std_to = std_file.seek(position).map_err(|error| error.kind());
                        assert_eq!(to, std_to, "seed {seed}, step {step}");
                    }
                }
                assert!(a == b, "seed {seed}, step {step}");
            }
            let end = file.seek(SeekFrom::Current(0)).await.unwrap();
            assert_eq!(end, std_file.stream_position().unwrap());
        });
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(&theirs).unwrap());
    }
}

#[test]
fn what_was_appended_is_read_after_a_seek() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    block_on(async {
        let mut options = File::options();
        let mut file = options.read(true).append(true).open(&path).await.unwrap();
        file.read_exact(&mut [0; 1]).await.unwrap();
        file.write_all(b"def").await.unwrap();
        assert_eq!(file.seek(SeekFrom::Current(0)).await.unwrap(), 6);
        file.seek(SeekFrom::Start(2)).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "cdef");
    });
}

#[test]
fn a_file_that_grows_is_read_on() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let mut writer = std::fs::File::options().append(true).open(&path).unwrap();
    block_on(async {
        let mut file = File::open(&path).await.unwrap();
        let mut buf = [0; 8];
        for line in ["abc", "de", "f"] {
            assert_eq!(file.read(&mut buf).await.unwrap(), line.len());
            assert_eq!(&buf[..line.len()], line.as_bytes());
            assert_eq!(file.read(&mut buf).await.unwrap(), 0);
            writer
                .write_all(if line == "abc" { b"de" } else { b"f" })
                .unwrap();
        }
    });
}

#[test]
fn clones_share_the_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    block_on(async {
        let mut a = open_both(&path).await;
        let mut byte = [0];
        a.read_exact(&mut byte).await.unwrap();
        let mut b = a.try_clone().await.unwrap();
        b.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"1");
        a.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"2");
        b.write_all(b"x").await.unwrap();
        a.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"4");
        assert_eq!(fs::read(&path).await.unwrap(), b"012x456789");
    });
}

#[test]
fn a_file_goes_to_std_with_its_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"0123456789");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        file.read_exact(&mut [0; 3]).await.unwrap();
        let mut std_file = file.into_std().await.unwrap();
        let mut byte = [0];
        std_file.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"3");

        // And back, and while a write and a read are under way whose futures were dropped.
        let mut file = File::from_std(std_file);
        let worker = HeldWorker::new().await;
        assert!(poll!(pin!(file.write(b"ab"))).is_pending());
        assert!(poll!(pin!(file.read_at(&mut [0; 1], 0))).is_pending());
        let mut into_std = pin!(file.into_std());
        assert!(poll!(into_std.as_mut()).is_pending());
        worker.release().await;
        let mut std_file = into_std.await.unwrap();
        assert_eq!(std_file.stream_position().unwrap(), 6);
        assert_eq!(std::fs::read(&path).unwrap(), b"0123ab6789");
    });
}

#[test]
fn several_buffers_are_written_as_one() {
    let dir = temp();
    let path = file_with(&dir, b"");
    one_worker().block_on(async {
        let mut file = open_both(&path).await;
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        let written = AsyncWriteExt::write_vectored(&mut file, &bufs).await;
        assert_eq!(written.unwrap(), 5);

        // It is told from others by the data, however they are cut.
        let bufs = [IoSlice::new(b"f"), IoSlice::new(b"gh")];
        assert!(poll!(AsyncWriteExt::write_vectored(&mut file, &bufs)).is_pending());
        let bufs = [IoSlice::new(b"fg"), IoSlice::new(b"hi")];
        let written = AsyncWriteExt::write_vectored(&mut file, &bufs).await;
        assert_eq!(written.unwrap(), 3);
        assert_eq!(std::fs::read(&path).unwrap(), b"abcdefgh");
    });
}

#[test]
fn empty_reads_and_writes_need_no_worker() {
    let dir = temp();
    let path = file_with(&dir, b"abc");
    let mut file = File::from_std(std::fs::File::open(path).unwrap());
    assert!(matches!(poll_alone(file.read(&mut [])), Poll::Ready(Ok(0))));
    assert!(matches!(poll_alone(file.write(&[])), Poll::Ready(Ok(0))));
    assert!(matches!(
        poll_alone(file.read_at(&mut [], 0)),
        Poll::Ready(Ok(0))
    ));
    assert!(matches!(
        poll_alone(file.write_at(&[], 0)),
        Poll::Ready(Ok(0))
    ));
    assert!(matches!(poll_alone(file.flush()), Poll::Ready(Ok(()))));
}
