//! tokio's I/O traits for our types, by tokio's extension traits.

use std::io::{Cursor, ErrorKind, IoSlice, SeekFrom};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use quintet::fs::File;
use quintet::io::{DuplexStream, SimplexStream, duplex, empty, join, repeat, sink, split};
use quintet::task::yield_now;
use quintet::time::{Duration, timeout};
use quintet::{block_on, spawn};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt,
    BufReader, ReadBuf,
};

use crate::support::tcp::connection;
use crate::support::wakers::poll;

/// Sends a few values in the ways of tokio's extension trait, and the end.
async fn send(mut writer: impl AsyncWrite + Unpin) {
    assert!(writer.is_write_vectored());
    writer.write_u8(1).await.unwrap();
    writer.write_u32_le(2).await.unwrap();
    writer
        .write_all_buf(&mut Cursor::new(b"first\n"))
        .await
        .unwrap();
    let slices = [IoSlice::new(b"second"), IoSlice::new(b"\n")];
    assert_eq!(writer.write_vectored(&slices).await.unwrap(), 7);
    writer.flush().await.unwrap();
    writer.shutdown().await.unwrap();
}

/// Receives what `send` sends.
async fn receive(reader: impl AsyncRead + Unpin) {
    let mut reader = reader;
    assert_eq!(reader.read_u8().await.unwrap(), 1);
    assert_eq!(reader.read_u32_le().await.unwrap(), 2);
    let mut lines = BufReader::new(&mut reader).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("first"));
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("second"));
    assert_eq!(lines.next_line().await.unwrap(), None);
    assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 0);
}

/// One after the other: all that is sent fits in the buffers.
async fn exchange(writer: impl AsyncWrite + Unpin, reader: impl AsyncRead + Unpin) {
    send(writer).await;
    receive(reader).await;
}

#[test]
fn connections_and_their_halves_are_read_and_written() {
    block_on(async {
        let (client, server) = connection().await;
        exchange(client, server).await;
        let (client, server) = connection().await;
        exchange(&client, &server).await;
        let (mut client, mut server) = connection().await;
        exchange(client.split().1, server.split().0).await;
        let (client, server) = connection().await;
        let ((_read, client), (server, _write)) = (client.into_split(), server.into_split());
        exchange(client, server).await;
    });
}

#[test]
fn streams_in_memory_are_read_and_written() {
    block_on(async {
        let (near, far) = duplex(64);
        exchange(near, far).await;
        let (near, far) = duplex(64);
        exchange(split(near).1, split(far).0).await;
        let (near, far) = duplex(64);
        exchange(join(empty(), near), join(far, sink())).await;
        let mut stream = SimplexStream::new_unsplit(64);
        send(&mut stream).await;
        receive(stream).await;
    });
}

#[test]
fn readers_and_writers_without_a_system_call_have_the_traits() {
    block_on(async {
        let mut buf = Vec::with_capacity(100);
        assert_eq!(repeat(7).read_buf(&mut buf).await.unwrap(), 100);
        assert_eq!(buf, [7; 100]);
        sink().write_all(&buf).await.unwrap();
        empty().write_all(&buf).await.unwrap();
        assert_eq!(empty().read(&mut buf).await.unwrap(), 0);
        assert_eq!(empty().seek(SeekFrom::Start(9)).await.unwrap(), 0);
        assert_eq!(empty().fill_buf().await.unwrap(), b"");
        let mut joined = join(&b"a line\nmore"[..], sink());
        let mut line = String::new();
        joined.read_line(&mut line).await.unwrap();
        assert_eq!(line, "a line\n");
    });
}

/// A read into memory that is not initialized goes by way of another buffer.
#[test]
fn a_read_fills_what_there_is_room_for() {
    fn read(stream: &mut DuplexStream, buf: &mut ReadBuf<'_>) {
        let read = Pin::new(stream).poll_read(&mut Context::from_waker(Waker::noop()), buf);
        assert!(matches!(read, Poll::Ready(Ok(()))));
    }
    block_on(async {
        let (mut near, mut far) = duplex(1 << 20);
        let data: Vec<u8> = (0..200_000_u32).map(|i| (i / 7) as u8).collect();
        near.write_all(&data).await.unwrap();

        let mut memory = Box::new_uninit_slice(150_000);
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"xyz");
        read(&mut far, &mut buf);
        let n = buf.filled().len() - 3;
        assert!((1..150_000).contains(&n));
        assert!(buf.filled()[..3] == *b"xyz" && buf.filled()[3..] == data[..n]);
        // It is initialized now, and read into as a whole.
        buf.initialize_unfilled();
        read(&mut far, &mut buf);
        assert_eq!(buf.remaining(), 0);
        assert!(buf.filled()[3..] == data[..149_997]);
        // There is no room.
        read(&mut far, &mut buf);

        let mut rest = Vec::new();
        drop(near);
        far.read_to_end(&mut rest).await.unwrap();
        assert!(rest == data[149_997..]);
    });
}

#[test]
fn a_file_is_written_sought_and_read() {
    let dir = tempfile::tempdir().unwrap();
    block_on(async {
        let mut options = File::options();
        options.read(true).write(true).create(true);
        let mut file = options.open(dir.path().join("file")).await.unwrap();
        AsyncWriteExt::write_all(&mut file, b"0123456789")
            .await
            .unwrap();
        AsyncWriteExt::flush(&mut file).await.unwrap();
        let sought = AsyncSeekExt::seek(&mut file, SeekFrom::End(-4)).await;
        assert_eq!(sought.unwrap(), 6);
        assert_eq!(file.read_u8().await.unwrap(), b'6');
        // What was read ahead does not count.
        assert_eq!(file.stream_position().await.unwrap(), 7);
        assert_eq!(file.rewind().await.map(|_| ()).unwrap(), ());
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "0123456789");

        let error = AsyncSeekExt::seek(&mut file, SeekFrom::Current(-100)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
        let sought = AsyncSeekExt::seek(&mut file, SeekFrom::Start(8)).await;
        assert_eq!(sought.unwrap(), 8);
        send(&mut file).await;
        AsyncSeekExt::seek(&mut file, SeekFrom::Start(8))
            .await
            .unwrap();
        receive(file).await;
    });
}

#[test]
fn a_second_seek_is_refused_until_the_first_has_ended() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(100).unwrap();
    let mut file = File::from_std(file);
    let seek = |file: &mut File, position| Pin::new(file).start_seek(SeekFrom::Start(position));
    // Without a loop there is no worker.
    assert!(seek(&mut file, 1).is_err());
    // Under a seed a job runs when the poll phase is reached.
    let mut builder = quintet::runtime::Builder::new();
    let runtime = builder.seed(7).build().unwrap();
    runtime.block_on(async {
        seek(&mut file, 10).unwrap();
        let error = seek(&mut file, 20).unwrap_err();
        assert!(error.to_string().contains("wait for its end"), "{error}");
        let complete = |file: &mut File, cx: &mut Context<'_>| Pin::new(file).poll_complete(cx);
        let completed = std::future::poll_fn(|cx| complete(&mut file, cx)).await;
        assert_eq!(completed.unwrap(), 10);
        // There is none to wait for.
        let completed = std::future::poll_fn(|cx| complete(&mut file, cx)).await;
        assert_eq!(completed.unwrap(), 0);
        seek(&mut file, 30).unwrap();
        let position = file.stream_position().await;
        assert_eq!(position.unwrap(), 30);
    });
}

#[test]
fn the_wait_for_no_seek_is_charged() {
    block_on(async {
        let mut file = File::from_std(tempfile::tempfile().unwrap());
        yield_now().await;
        let mut times = 0;
        let waiting = async {
            while times < 1000 {
                let wait = |cx: &mut Context<'_>| Pin::new(&mut file).poll_complete(cx);
                std::future::poll_fn(wait).await.unwrap();
                times += 1;
            }
        };
        assert!(poll!(pin!(waiting)).is_pending());
        assert_eq!(times, 128);
    });
}

/// A future that is dropped while it waits has moved nothing.
#[test]
fn a_read_in_a_timeout_loses_nothing() {
    let mut builder = quintet::runtime::Builder::new();
    let runtime = builder.start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (mut near, mut far) = duplex(8);
        let mut buf = Vec::new();
        let read = timeout(Duration::from_secs(1), far.read_buf(&mut buf)).await;
        assert!(read.is_err());
        near.write_all(b"late").await.unwrap();
        assert_eq!(far.read_buf(&mut buf).await.unwrap(), 4);
        assert_eq!(buf, b"late");
    });
}

#[test]
fn copies_of_tokio_pass_through_our_streams() {
    block_on(async {
        let (mut client, mut front) = duplex(16);
        let (mut back, mut server) = duplex(16);
        let proxy =
            spawn(async move { tokio::io::copy_bidirectional(&mut front, &mut back).await });
        client.write_all(b"request").await.unwrap();
        client.shutdown().await.unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "request");
        server.shutdown().await.unwrap();
        assert_eq!(proxy.await.unwrap().unwrap(), (7, 0));
        let error = server.write_u8(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}
