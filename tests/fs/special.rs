//! Pipes, FIFOs, devices and `/proc`.

use std::io::{ErrorKind, Read, SeekFrom, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::pin::pin;
use std::thread;

use quintet::fs::File;
use quintet::io::AsyncReadExt;

use crate::support::strict::block_on;
use crate::support::wakers::poll;

use super::{mkfifo, one_worker, open_both, pipe, settle, temp};

#[test]
fn a_pipe_is_read_and_written_without_a_cursor() {
    let (mut writer, mut reader) = pipe();
    block_on(async {
        writer.write_all(b"abcdef").unwrap();
        let mut buf = [0; 2];
        reader.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"ab");
        let error = reader.seek(SeekFrom::Start(0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSeekable);
        let error = reader.read_at(&mut buf, 0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSeekable);

        // Nothing was read ahead, which could not be given back.
        let mut reader = reader.into_std().await.unwrap();
        reader.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"cd");

        let mut writer = File::from_std(writer);
        writer.write_all(b"gh").await.unwrap();
        drop(writer);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "efgh");
    });
}

#[test]
fn writing_does_not_lose_what_was_read_where_the_two_are_apart() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut file = File::from_std(OwnedFd::from(ours).into());
    one_worker().block_on(async {
        assert!(poll!(pin!(file.read(&mut [0; 8]))).is_pending());
        theirs.write_all(b"abc").unwrap();
        settle().await;
        file.write_all(b"x").await.unwrap();
        let mut buf = [0; 8];
        assert_eq!(file.read(&mut buf).await.unwrap(), 3);
        assert_eq!(&buf[..3], b"abc");
        theirs.read_exact(&mut buf[..1]).unwrap();
        assert_eq!(buf[0], b'x');
    });
}

#[test]
fn a_clone_of_a_pipe_does_not_wait_for_a_read_that_does() {
    let (mut writer, mut reader) = pipe();
    block_on(async {
        assert!(poll!(pin!(reader.read(&mut [0; 8]))).is_pending());
        let clone = reader.try_clone().await.unwrap();
        assert_ne!(clone.as_raw_fd(), reader.as_raw_fd());
        writer.write_all(b"a").unwrap();
        assert_eq!(reader.read(&mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn a_fifo_waits_for_its_other_end() {
    let dir = temp();
    let path = dir.path().join("fifo");
    mkfifo(&path);
    let writer = thread::spawn({
        let path = path.clone();
        move || std::fs::write(path, "through the fifo").unwrap()
    });
    block_on(async {
        let mut text = String::new();
        let mut file = File::open(&path).await.unwrap();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "through the fifo");
    });
    writer.join().unwrap();

    // Unless it is asked not to.
    const O_NONBLOCK: i32 = 0o4000;
    block_on(async {
        let mut options = File::options();
        options.read(true).custom_flags(O_NONBLOCK);
        let mut file = options.open(&path).await.unwrap();
        assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn devices_and_proc_are_read_and_written() {
    block_on(async {
        let mut null = open_both(Path::new("/dev/null")).await;
        assert_eq!(null.read(&mut [0; 8]).await.unwrap(), 0);
        null.write_all(b"gone").await.unwrap();
        let mut zeros = [1; 100_000];
        let mut zero = File::open("/dev/zero").await.unwrap();
        zero.read_exact(&mut zeros).await.unwrap();
        assert!(zeros.iter().all(|byte| *byte == 0));

        let mut status = String::new();
        let mut file = File::open("/proc/self/status").await.unwrap();
        file.read_exact(&mut [0; 3]).await.unwrap();
        file.seek(SeekFrom::Start(0)).await.unwrap();
        file.read_to_string(&mut status).await.unwrap();
        assert!(status.starts_with("Name:") && status.contains("\nPid:"));
    });
}
