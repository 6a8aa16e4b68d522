//! Sending files over connections.

use std::io::ErrorKind;

use quintet::fs::File;
use quintet::net::TcpStream;
use quintet::runtime::Builder;
use quintet::task::yield_now;
use quintet::{block_on, join, spawn, spawn_blocking};

use super::pattern;
use crate::support::patience::in_time;
use crate::support::tcp::connection;

/// A file with these contents, which has no name.
fn file(contents: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, contents).unwrap();
    File::from_std(file)
}

/// Reads to the end. (`read_to_end` of `futures` fills its spare capacity with zeros in each poll,
/// which takes long for megabytes.)
async fn received(stream: TcpStream) -> Vec<u8> {
    let (mut data, mut buf) = (Vec::new(), vec![0; 1 << 20]);
    while let n @ 1.. = stream.read(&mut buf).await.unwrap() {
        data.extend_from_slice(&buf[..n]);
    }
    data
}

/// The larger parts are sent by the kernel, if it can.
#[test]
fn the_bytes_of_the_range_are_sent() {
    const LEN: usize = 5_000_000;
    let contents = pattern(LEN);
    in_time(|| {
        block_on(async {
            let file = file(&contents);
            for (start, end) in [
                (0, 0),
                (7, 8),
                (100, 300_000),
                (1, LEN),
                (LEN - 10, LEN + 10),
                (LEN - 300_000, LEN + 300_000),
                (LEN, LEN + 5),
                (2 * LEN, 3 * LEN),
            ] {
                let (stream, other) = connection().await;
                let sending = async {
                    let range = start as u64..end as u64;
                    let sent = file.send_to(&stream, range).await.unwrap();
                    drop(stream);
                    sent
                };
                let (sent, received) = join!(sending, received(other));
                let expected = &contents[start.min(LEN)..end.min(LEN)];
                assert_eq!(sent, expected.len() as u64, "{start}..{end}");
                assert!(received == expected, "{start}..{end}");
            }
        });
    });
}

#[test]
fn a_range_may_have_every_form() {
    block_on(async {
        let mut file = file(b"0123456789");
        let (stream, other) = connection().await;
        assert_eq!(file.send_to(&stream, ..).await.unwrap(), 10);
        assert_eq!(file.send_to(&stream, 8..).await.unwrap(), 2);
        assert_eq!(file.send_to(&stream, ..2).await.unwrap(), 2);
        assert_eq!(file.send_to(&stream, 3..=4).await.unwrap(), 2);
        let reversed = (std::ops::Bound::Excluded(6), std::ops::Bound::Excluded(2));
        assert_eq!(file.send_to(&stream, reversed).await.unwrap(), 0);
        // The cursor has not moved.
        stream.shutdown().await.unwrap();
        assert_eq!(received(other).await, b"0123456789890134");
        assert_eq!(file.seek(std::io::SeekFrom::Current(0)).await.unwrap(), 10);
    });
}

#[test]
fn a_slow_client_blocks_no_worker() {
    const LEN: usize = 32 << 20;
    let contents = pattern(LEN);
    in_time(|| {
        let runtime = Builder::new().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let file = file(&contents);
            let (stream, other) = connection().await;
            let sending = spawn(async move { file.send_to(&stream, ..).await });
            // The only worker runs other jobs while the other end reads nothing.
            for i in 0..200 {
                assert_eq!(spawn_blocking(move || i).await.unwrap(), i);
                yield_now().await;
            }
            assert!(!sending.is_finished());
            assert!(received(other).await == contents);
            assert_eq!(sending.await.unwrap().unwrap(), LEN as u64);
        });
    });
}

#[test]
fn a_connection_that_has_ended_is_an_error() {
    in_time(|| {
        block_on(async {
            for len in [100, 1 << 20] {
                let file = file(&pattern(len));
                let (stream, other) = connection().await;
                drop(other);
                let error = loop {
                    // The first data may still be accepted, before the reset has come.
                    match file.send_to(&stream, ..len as u64).await {
                        Ok(_) => yield_now().await,
                        Err(error) => break error.kind(),
                    }
                };
                let expected = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
                assert!(expected.contains(&error), "{error}");
            }
        });
    });
}

#[test]
fn what_has_no_offsets_is_refused() {
    block_on(async {
        let (stream, _other) = connection().await;
        let (reader, _writer) = std::io::pipe().unwrap();
        let pipe = File::from_std(std::os::fd::OwnedFd::from(reader).into());
        for range in [0..10, 0..1 << 20] {
            let error = pipe.send_to(&stream, range).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotSeekable);
        }
        let file = file(b"abc");
        for range in [u64::MAX - 5..u64::MAX, u64::MAX - (1 << 30)..u64::MAX] {
            let error = file.send_to(&stream, range).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    });
}
