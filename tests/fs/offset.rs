//! Reading and writing at offsets.

use std::io::ErrorKind;
use std::pin::pin;

use futures::future;
use quintet::fs::{self, File};

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{HeldWorker, file_with, one_worker, open_both, os_cursor, pattern, temp};

#[test]
fn many_reads_at_offsets_are_under_way_at_once() {
    let dir = temp();
    let contents = pattern(64 * 1000);
    let path = file_with(&dir, &contents);
    one_worker().block_on(async {
        let file = File::open(&path).await.unwrap();
        let worker = HeldWorker::new().await;
        let reads = (0..64).map(|i| {
            let file = &file;
            async move {
                let mut buf = vec![0; 1000];
                file.read_exact_at(&mut buf, i * 1000).await.unwrap();
                buf
            }
        });
        let mut reads = pin!(future::join_all(reads));
        assert!(poll!(reads.as_mut()).is_pending());
        worker.release().await;
        assert!(reads.await.concat() == contents);
        assert_eq!(os_cursor(&file), 0);
    });
}

#[test]
fn chunks_come_back_in_the_buffer_that_was_given() {
    let dir = temp();
    let contents = pattern((10 << 20) + 123);
    let path = file_with(&dir, &contents);
    block_on(async {
        let file = File::open(&path).await.unwrap();
        let mut read = Vec::new();
        let mut chunk = Vec::with_capacity(100_000);
        chunk.extend_from_slice(b"what was in it before");
        let memory = chunk.as_ptr();
        loop {
            chunk = file
                .read_chunk_at(chunk, 100_000, read.len() as u64)
                .await
                .unwrap();
            assert_eq!(chunk.as_ptr(), memory);
            if chunk.is_empty() {
                break;
            }
            read.extend_from_slice(&chunk);
        }
        assert!(read == contents);

        // Less than there is room for.
        chunk = file.read_chunk_at(chunk, 10, 5).await.unwrap();
        assert_eq!((chunk.as_ptr(), &chunk[..]), (memory, &contents[5..15]));
        let end = contents.len() - 3;
        chunk = file.read_chunk_at(chunk, 10, end as u64).await.unwrap();
        assert_eq!(chunk, contents[end..]);
        chunk = file.read_chunk_at(chunk, 0, 5).await.unwrap();
        assert_eq!((chunk.as_ptr(), chunk.len()), (memory, 0));
        // More than there is room for.
        chunk = file.read_chunk_at(chunk, 200_000, 5).await.unwrap();
        assert!(chunk == contents[5..200_005]);
    });
}

#[test]
fn writes_at_offsets_leave_holes_and_the_cursor() {
    let dir = temp();
    let path = file_with(&dir, b"");
    block_on(async {
        let mut file = open_both(&path).await;
        let data = pattern(2_500_000);
        future::try_join(
            file.write_all_at(b"end", 3_000_000),
            file.write_all_at(&data, 100),
        )
        .await
        .unwrap();
        let mut buf = [1; 100];
        file.read_exact(&mut buf).await.unwrap();
        assert_eq!(buf, [0; 100]);
        let all = fs::read(&path).await.unwrap();
        assert!(all[100..2_500_100] == data && all[3_000_000..] == *b"end");

        let error = file
            .read_exact_at(&mut buf, 3_000_000 - 50)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let error = file.read_at(&mut buf, u64::MAX).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}
