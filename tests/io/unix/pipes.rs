//! Pipes and FIFOs.

use std::fs::File;
use std::future::{pending, poll_fn};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt};
use quintet::io::{Interest, Ready};
use quintet::net::unix::pipe::{self, OpenOptions, Receiver, Sender};
use quintet::runtime::Runtime;
use quintet::spawn;
use quintet::task::yield_now;
use rustix::fs::{OFlags, fcntl_getfl};
use tempfile::TempDir;

use crate::support::cases::{in_order, in_poll, log, watched};
use crate::support::wakers::poll;

/// A FIFO in a directory of its own.
fn fifo() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fifo");
    // No crate makes one on all systems.
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    (directory, path)
}

fn is_nonblocking(fd: &impl AsFd) -> bool {
    fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
}

#[test]
fn what_is_written_is_read_to_the_end() {
    watched(|| {
        quintet::block_on(async {
            let (sender, receiver) = pipe::pipe().unwrap();
            let data: Vec<u8> = (0..500_000_u32).map(|n| n as u8).collect();
            let expected = data.clone();
            let reads = spawn(async move {
                let (mut all, mut buf) = (Vec::new(), vec![0; 7000]);
                loop {
                    match receiver.read(&mut buf).await.unwrap() {
                        0 => return all,
                        n => all.extend_from_slice(&buf[..n]),
                    }
                }
            });
            sender.write_all(&data).await.unwrap();
            sender.close().await;
            assert!(reads.await.unwrap() == expected);
        });
    });
}

#[test]
fn the_io_traits_read_and_write() {
    watched(|| {
        quintet::block_on(async {
            let (mut sender, mut receiver) = pipe::pipe().unwrap();
            AsyncWriteExt::write_all(&mut sender, b"one ")
                .await
                .unwrap();
            let words = [IoSlice::new(b"two "), IoSlice::new(b"three")];
            let written = AsyncWriteExt::write_vectored(&mut &sender, &words).await;
            assert_eq!(written.unwrap(), 9);
            AsyncWriteExt::flush(&mut sender).await.unwrap();
            // A pipe ends when its sender is dropped, not before.
            AsyncWriteExt::close(&mut sender).await.unwrap();
            AsyncWriteExt::write_all(&mut sender, b"!").await.unwrap();
            let mut word = [0; 4];
            AsyncReadExt::read_exact(&mut &receiver, &mut word)
                .await
                .unwrap();
            assert_eq!(&word, b"one ");
            drop(sender);
            let mut rest = String::new();
            receiver.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "two three!");
        });
    });
}

#[test]
fn what_does_not_wait_says_that_it_would_block() {
    watched(|| {
        quintet::block_on(async {
            let (sender, receiver) = pipe::pipe().unwrap();
            let mut buf = [0; 8];
            let error = receiver.try_read(&mut buf).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert_eq!(sender.try_write(b"ab").unwrap(), 2);
            let words = [IoSlice::new(b"cd"), IoSlice::new(b"ef")];
            assert_eq!(sender.try_write_vectored(&words).unwrap(), 4);
            assert_eq!(receiver.try_read(&mut buf[..1]).unwrap(), 1);
            let mut bufs = [IoSliceMut::new(&mut buf)];
            assert_eq!(receiver.try_read_vectored(&mut bufs).unwrap(), 5);
            assert_eq!(&buf[..5], b"bcdef");
            assert_eq!(receiver.try_read(&mut []).unwrap(), 0);
            assert_eq!(sender.try_write(&[]).unwrap(), 0);

            while sender.try_write(&[7; 4096]).is_ok() {}
            let error = sender.try_write(b"x").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert!(poll!(sender.writable()).is_pending());
            receiver.read_exact(&mut [0; 4096]).await.unwrap();
            sender.writable().await.unwrap();
            assert_eq!(sender.try_write(b"x").unwrap(), 1);
        });
    });
}

#[test]
fn a_read_of_a_fifo_waits_for_the_first_sender_and_not_for_the_next() {
    watched(|| {
        quintet::block_on(async {
            let (_directory, path) = fifo();
            let receiver = OpenOptions::new().open_receiver(&path).unwrap();
            let error = receiver.try_read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert!(poll!(receiver.readable()).is_pending());
            let receiver = Rc::new(receiver);
            let own = Rc::clone(&receiver);
            let read = spawn(async move {
                let mut buf = [0; 8];
                let len = own.read(&mut buf).await.unwrap();
                buf[..len].to_vec()
            });
            in_poll().await;
            assert!(!read.is_finished());
            let sender = OpenOptions::new().open_sender(&path).unwrap();
            sender.write_all(b"first").await.unwrap();
            assert_eq!(read.await.unwrap(), b"first");
            drop(sender);
            // That is the end, until another one opens it.
            for _ in 0..2 {
                assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 0);
                assert_eq!(receiver.try_read(&mut [0; 8]).unwrap(), 0);
            }

            // A sender that writes nothing ends it as well.
            let receiver = OpenOptions::new().open_receiver(&path).unwrap();
            let read = spawn(async move { receiver.read(&mut [0; 8]).await });
            in_poll().await;
            drop(OpenOptions::new().open_sender(&path).unwrap());
            assert_eq!(read.await.unwrap().unwrap(), 0);
        });
    });
}

#[test]
fn many_readers_are_woken_in_order_and_an_end_wakes_all() {
    // The last one waits for the end first.
    in_order("a b c end-c end-a end-b", || async {
        let (sender, receiver) = pipe::pipe().unwrap();
        let receiver = Rc::new(receiver);
        for name in ["a", "b", "c"] {
            let receiver = Rc::clone(&receiver);
            spawn(async move {
                receiver.readable().await.unwrap();
                log(name);
                if name == "c" {
                    assert_eq!(receiver.try_read(&mut [0; 8]).unwrap(), 1);
                } else {
                    // The byte is taken by the last of them.
                    in_poll().await;
                }
                assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 0);
                log(format!("end-{name}"));
            });
        }
        in_poll().await;
        sender.try_write(b"x").unwrap();
        in_poll().await;
        in_poll().await;
        in_poll().await;
        drop(sender);
    });
}

#[test]
fn readiness_of_an_end_and_of_an_error_is_reported() {
    watched(|| {
        quintet::block_on(async {
            let (sender, receiver) = pipe::pipe().unwrap();
            assert_eq!(
                sender.ready(Interest::WRITABLE).await.unwrap(),
                Ready::WRITABLE
            );
            poll_fn(|cx| sender.poll_write_ready(cx)).await.unwrap();
            let receiver = Rc::new(receiver);
            let waits = spawn({
                let receiver = Rc::clone(&receiver);
                async move {
                    poll_fn(|cx| receiver.poll_read_ready(cx)).await.unwrap();
                    receiver.ready(Interest::READABLE).await.unwrap()
                }
            });
            yield_now().await;
            assert!(!waits.is_finished());
            drop(sender);
            assert!(waits.await.unwrap().is_read_closed());
            let error = receiver.read_exact(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);

            let (sender, receiver) = pipe::pipe().unwrap();
            let mut broken = Box::pin(sender.ready(Interest::ERROR));
            assert!(poll!(broken.as_mut()).is_pending());
            drop(receiver);
            assert!(broken.await.unwrap().is_error());
            let error = sender.write(b"x").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    });
}

#[test]
fn a_pipe_that_is_waited_for_keeps_the_loop_alive() {
    watched(|| {
        let runtime = Runtime::new().unwrap();
        let (_sender, receiver) = pipe::pipe().unwrap();
        let receiver = Rc::new(receiver);
        runtime.spawn({
            let receiver = Rc::clone(&receiver);
            async move { receiver.read(&mut [0; 8]).await }
        });
        runtime.run_until_stalled();
        assert!(runtime.turn(Some(Duration::ZERO)));
        receiver.unref();
        assert!(!receiver.has_ref());
        assert!(runtime.run().is_ok());

        let (_sender, receiver) = pipe::pipe().unwrap();
        runtime.spawn(async move {
            assert!(poll!(receiver.read(&mut [0; 8])).is_pending());
            pending::<()>().await;
        });
        assert!(
            runtime.run().is_err(),
            "a read that was given up does not count"
        );
    });
}

#[test]
fn descriptors_are_checked_and_made_non_blocking() {
    watched(|| {
        quintet::block_on(async {
            let (receiver, mut sender) = std::io::pipe().unwrap();
            let receiver = OwnedFd::from(receiver);
            let wrong = Sender::from_owned_fd(receiver.try_clone().unwrap()).unwrap_err();
            assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
            assert_eq!(wrong.to_string(), "this pipe is not open for writing");
            let receiver = Receiver::from_owned_fd(receiver).unwrap();
            assert!(is_nonblocking(&receiver));
            sender.write_all(b"x").unwrap();
            assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 1);
            let fd = receiver.as_raw_fd();
            let receiver = receiver.into_blocking_fd().unwrap();
            assert_eq!(receiver.as_raw_fd(), fd);
            assert!(!is_nonblocking(&receiver));

            let sender = Sender::from_owned_fd(sender.into()).unwrap();
            let wrong = Receiver::from_file(sender.into_nonblocking_fd().unwrap().into());
            assert_eq!(
                wrong.unwrap_err().to_string(),
                "this pipe is not open for reading"
            );
            let file = tempfile::tempfile().unwrap();
            let wrong = Receiver::from_file(file).unwrap_err();
            assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
            assert_eq!(wrong.to_string(), "this is not a pipe");
        });
    });
}

#[test]
fn a_fifo_is_opened_at_both_ends() {
    watched(|| {
        quintet::block_on(async {
            let (directory, path) = fifo();
            // There is no receiver.
            let error = OpenOptions::new().open_sender(&path).unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("cannot open {}: ", path.display())),
                "{text}"
            );
            let receiver = OpenOptions::new().open_receiver(&path).unwrap();
            let sender = OpenOptions::new()
                .unchecked(true)
                .open_sender(&path)
                .unwrap();
            let reads = spawn(async move {
                let mut buf = [0; 8];
                let n = receiver.read(&mut buf).await.unwrap();
                (receiver, buf[..n].to_vec())
            });
            yield_now().await;
            sender.write_all(b"abc").await.unwrap();
            let (receiver, read) = reads.await.unwrap();
            assert_eq!(read, b"abc");

            // The end is not for good.
            drop(sender);
            assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 0);
            let mut file = File::options().write(true).open(&path).unwrap();
            let waits = spawn(async move {
                let mut buf = [0; 8];
                let n = receiver.read(&mut buf).await.unwrap();
                (receiver, buf[..n].to_vec())
            });
            yield_now().await;
            assert!(!waits.is_finished(), "there is a sender again, and no data");
            file.write_all(b"d").unwrap();
            let (receiver, read) = waits.await.unwrap();
            assert_eq!(read, b"d");
            drop((file, receiver, directory));
        });
    });
}

#[test]
fn only_a_fifo_is_opened_unless_it_is_not_checked() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "x").unwrap();
    let error = OpenOptions::new().open_receiver(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut options = OpenOptions::new();
    let unchecked = options.unchecked(true).open_receiver(&path).unwrap();
    let mut byte = [0];
    File::from(unchecked.into_nonblocking_fd().unwrap())
        .read_exact(&mut byte)
        .unwrap();
    assert_eq!(&byte, b"x");
    let missing = OpenOptions::new().open_receiver(directory.path().join("none"));
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[cfg(not(any(quintet_portable, not(any(target_os = "linux", target_os = "android")))))]
#[test]
fn a_fifo_that_is_opened_for_reading_and_writing_needs_no_other_end() {
    watched(|| {
        quintet::block_on(async {
            let (directory, path) = fifo();
            let sender = OpenOptions::new()
                .read_write(true)
                .open_sender(&path)
                .unwrap();
            sender.write_all(b"early").await.unwrap();
            let receiver = OpenOptions::new()
                .read_write(true)
                .open_receiver(&path)
                .unwrap();
            let mut buf = [0; 8];
            assert_eq!(receiver.read(&mut buf).await.unwrap(), 5);
            drop(sender);
            // It is a sender itself, so there is no end.
            assert!(poll!(receiver.read(&mut buf)).is_pending());
            drop(directory);
        });
    });
}
