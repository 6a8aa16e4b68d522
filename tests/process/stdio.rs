//! The standard streams of a child.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Stdio;

use futures::{AsyncReadExt, AsyncWriteExt};
use quintet::net::unix::pipe::{Receiver, Sender};
use quintet::process::Command;
use quintet::spawn;
use quintet::task::yield_now;

use crate::{block_on, cat, sh};

#[test]
fn only_what_is_a_pipe_has_an_end() {
    block_on(async {
        let child = sh("").spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        let mut command = sh("");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        assert!(child.stdin.is_some() && child.stdout.is_some() && child.stderr.is_some());
    });
}

#[test]
fn pipes_are_read_and_written() {
    block_on(async {
        let (mut child, stdin, stdout) = cat();
        let mut buf = [0; 16];
        assert_eq!(
            stdout.try_read(&mut buf).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        stdin.writable().await.unwrap();
        assert_eq!(stdin.write(b"a").await.unwrap(), 1);
        assert_eq!(stdout.read(&mut buf).await.unwrap(), 1);
        assert_eq!(stdin.try_write(b"bc").unwrap(), 2);
        stdout.read_exact(&mut buf[..2]).await.unwrap();
        assert_eq!(&buf[..2], b"bc");
        stdin.write_all(b"d").await.unwrap();
        stdout.readable().await.unwrap();
        assert_eq!(stdout.read(&mut buf).await.unwrap(), 1);
        stdin.close().await;
        assert_eq!(stdout.read(&mut buf).await.unwrap(), 0);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn the_traits_of_futures_and_of_tokio_are_implemented() {
    block_on(async {
        let (mut child, mut stdin, mut stdout) = cat();
        AsyncWriteExt::write_all(&mut stdin, b"futures ")
            .await
            .unwrap();
        AsyncWriteExt::write_all(&mut &stdin, b"tokio ")
            .await
            .unwrap();
        stdin.flush().await.unwrap();
        let mut buf = [0; 8];
        AsyncReadExt::read_exact(&mut &stdout, &mut buf)
            .await
            .unwrap();
        assert_eq!(&buf, b"futures ");
        tokio::io::AsyncWriteExt::write_all(&mut stdin, b"end")
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut stdin)
            .await
            .unwrap();
        drop(stdin);
        let mut rest = String::new();
        let read = tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut rest);
        assert_eq!(read.await.unwrap(), "tokio end".len());
        assert_eq!(rest, "tokio end");
        assert!(child.wait().await.unwrap().success());

        let mut command = sh("echo error >&2");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .await
            .unwrap();
        assert_eq!(text, "error\n");
    });
}

#[test]
fn files_are_standard_streams() {
    let dir = tempfile::tempdir().unwrap();
    let [input, output] = ["input", "output"].map(|name| dir.path().join(name));
    std::fs::write(&input, "content").unwrap();
    let status = Command::new("cat")
        .stdin(File::open(&input).unwrap())
        .stdout(File::create(&output).unwrap())
        .status();
    assert!(block_on(status).unwrap().success());
    assert_eq!(std::fs::read(&output).unwrap(), b"content");
}

/// Much more than pipes hold, to both outputs, and from the input.
#[test]
fn big_streams_do_not_deadlock() {
    const SIZE: usize = 3 << 20;
    block_on(async {
        let mut command = Command::new("sh");
        command.args(["-c", "tee /dev/stderr"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let data: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
        let sent = data.clone();
        let writing = spawn(async move { stdin.write_all(&sent).await });
        let output = child.wait_with_output().await.unwrap();
        writing.await.unwrap().unwrap();
        assert!(output.status.success());
        assert!(output.stdout == data && output.stderr == data);
    });
}

#[test]
fn a_child_is_connected_to_the_next() {
    block_on(async {
        let mut first = Command::new("sh");
        first
            .args(["-c", "echo b; echo a >&2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut first = first.spawn().unwrap();
        let between: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let second = Command::new("cat").stdin(between).output();
        let between: Stdio = first.stderr.take().unwrap().try_into().unwrap();
        let third = Command::new("cat").stdin(between).output();
        assert_eq!(second.await.unwrap().stdout, b"b\n");
        assert_eq!(third.await.unwrap().stdout, b"a\n");
        assert!(first.wait().await.unwrap().success());

        // The other way: what a child writes goes to the input of one that runs.
        let (mut last, stdin, stdout) = cat();
        let into: Stdio = stdin.try_into().unwrap();
        assert!(
            Command::new("echo")
                .arg("x")
                .stdout(into)
                .status()
                .await
                .unwrap()
                .success()
        );
        let mut text = String::new();
        (&stdout).read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "x\n");
        assert!(last.wait().await.unwrap().success());
    });
}

#[test]
fn an_end_leaves_as_a_blocking_descriptor_or_as_a_pipe() {
    block_on(async {
        let (mut child, stdin, stdout) = cat();
        let raw = stdin.as_raw_fd();
        assert_eq!(stdin.as_fd().as_raw_fd(), raw);
        let sender = Sender::from(stdin);
        assert_eq!(sender.as_raw_fd(), raw);
        sender.write_all(b"x").await.unwrap();

        // A wait for it has registered it with the loop.
        stdout.readable().await.unwrap();
        let fd = stdout.into_owned_fd().unwrap();
        let flags = rustix::fs::fcntl_getfl(&fd).unwrap();
        assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
        let receiver = Receiver::from_owned_fd(fd).unwrap();
        assert_eq!(receiver.read(&mut [0; 4]).await.unwrap(), 1);
        drop(sender);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn a_write_without_a_reader_fails() {
    block_on(async {
        let mut command = sh("exec <&-; echo; exec cat <&1");
        let (own, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let peer = std::os::fd::OwnedFd::from(peer);
        let mut child = command.stdin(Stdio::piped()).stdout(peer).spawn().unwrap();
        drop(command);
        // The child has closed its input now.
        own.set_nonblocking(true).unwrap();
        let own = quintet::net::UnixStream::from_std(own).unwrap();
        assert_eq!(own.read(&mut [0]).await.unwrap(), 1);
        let stdin = child.stdin.take().unwrap();
        // A child of another test that is about to execute its program may still have it open.
        let error = loop {
            match stdin.write_all(b"x").await {
                Ok(()) => yield_now().await,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        drop(own);
        child.wait().await.unwrap();
    });
}

#[test]
fn without_a_pipe_an_output_is_empty() {
    block_on(async {
        let mut child = sh("echo out").stdout(Stdio::piped()).spawn().unwrap();
        let taken = child.stdout.take().unwrap();
        let output = child.wait_with_output().await.unwrap();
        assert!(output.stdout.is_empty() && output.stderr.is_empty());
        let mut text = String::new();
        (&taken).read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "out\n");
    });
}
