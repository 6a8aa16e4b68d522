//! Streams in memory.

use std::io::{IoSlice, IoSliceMut};

use futures::{AsyncReadExt, AsyncWriteExt};
use quintet::io::{SimplexStream, duplex, split};

use super::{TIMES, Table, check};

/// Bytes that cost a unit more.
const UNIT: usize = 16 << 10;

#[test]
fn ends_of_a_duplex() {
    check(async |table| {
        let (mut near, mut far) = duplex(usize::MAX);
        table
            .row("write", async || near.write(&[7]).await.unwrap())
            .await;
        table
            .row("write of nothing", async || near.write(&[]).await.unwrap())
            .await;
        table
            .row("write_vectored", async || {
                near.write_vectored(&[IoSlice::new(&[7])]).await.unwrap()
            })
            .await;
        table
            .row("read", async || far.read(&mut [0]).await.unwrap())
            .await;
        table
            .row("read of nothing", async || far.read(&mut []).await.unwrap())
            .await;
        table
            .row("read_vectored", async || {
                let mut byte = [0];
                let mut slices = [IoSliceMut::new(&mut byte)];
                far.read_vectored(&mut slices).await.unwrap()
            })
            .await;
        let mut block = vec![0; UNIT];
        table
            .row_of(2, "write of 16 KiB", async || {
                near.write(&block).await.unwrap()
            })
            .await;
        table
            .row_of(2, "read of 16 KiB", async || {
                far.read_exact(&mut block).await.unwrap();
            })
            .await;
        table
            .row("flush", async || near.flush().await.unwrap())
            .await;
        table
            .row("close", async || near.close().await.unwrap())
            .await;
        table
            .row("write when it is closed", async || {
                near.write(&[7]).await.unwrap_err();
            })
            .await;
        table
            .row("read at the end", async || {
                far.read(&mut [0]).await.unwrap()
            })
            .await;
    });
}

/// The halves charge nothing of their own.
#[test]
fn halves_of_a_simplex() {
    check(async |table: &mut Table| {
        let (mut reader, mut writer) = split(SimplexStream::new_unsplit(TIMES as usize));
        table
            .row("write", async || writer.write(&[7]).await.unwrap())
            .await;
        table
            .row("read", async || reader.read(&mut [0]).await.unwrap())
            .await;
    });
}
