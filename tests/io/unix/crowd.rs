//! Many connections at once, and none left: in processes of their own, which count descriptors.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;

use quintet::net::{UnixDatagram, UnixListener, UnixStream};
use quintet::task::yield_now;
use rustix::io::Errno;

use super::{block_on, path};
use crate::support::child::{HARD_LIMIT, child_with_limit, in_a_child, open_descriptors};
use crate::support::skipped::skip;

// ----------------------------------------------------------------------- out of descriptors

#[test]
fn a_process_without_descriptors_accepts_later() {
    let child = child_with_limit(
        "unix::crowd::a_process_without_descriptors_accepts_later",
        "64",
    );
    let _output = in_a_child(child, || {
        block_on(async {
            let (_dir, path) = path();
            let listener = UnixListener::bind(&path).unwrap();
            let (receiver, sender) = UnixStream::pair().unwrap();
            let clients: Vec<_> = (0..5).map(|_| StdStream::connect(&path).unwrap()).collect();
            sender.send_fds(b"x", &[clients[0].as_fd()]).await.unwrap();
            let mut fill: Vec<OwnedFd> = Vec::new();
            while let Ok(fd) = listener.as_fd().try_clone_to_owned() {
                fill.push(fd);
            }
            let code = Some(Errno::MFILE.raw_os_error());
            for _ in 0..3 {
                let error = listener.accept().await.unwrap_err();
                assert_eq!(error.raw_os_error(), code);
            }
            assert_eq!(UnixStream::pair().unwrap_err().raw_os_error(), code);
            assert_eq!(UnixDatagram::unbound().unwrap_err().raw_os_error(), code);
            assert!(UnixStream::connect(&path).await.is_err());
            // What cannot be received is said to be missing.
            let received = receiver.recv_fds(&mut [0; 8], 4).await.unwrap();
            assert_eq!((received.len, received.fds.len()), (1, 0));
            assert!(received.is_truncated);

            fill.truncate(fill.len() - clients.len());
            for mut client in clients {
                let (server, _) = listener.accept().await.unwrap();
                server.write_all(b"late").await.unwrap();
                drop(server);
                let mut text = String::new();
                std::io::Read::read_to_string(&mut client, &mut text).unwrap();
                assert_eq!(text, "late");
            }
        });
    });
}

// --------------------------------------------------------------------- thousands of events

#[test]
fn five_thousand_sockets_that_are_ready_at_once_are_all_served() {
    // The loop fetches some hundred events at once.
    const PAIRS: usize = 2500;
    let child = child_with_limit(
        "unix::crowd::five_thousand_sockets_that_are_ready_at_once_are_all_served",
        HARD_LIMIT,
    );
    let _output = in_a_child(child, || {
        let before = open_descriptors();
        block_on(async {
            let mut ends = Vec::new();
            for _ in 0..PAIRS {
                match UnixStream::pair() {
                    Ok((one, other)) => ends.extend([Rc::new(one), Rc::new(other)]),
                    Err(error) => return skip(error),
                }
            }
            let mut readers = Vec::new();
            for end in &ends {
                let end = Rc::clone(end);
                readers.push(quintet::spawn(async move {
                    let mut buf = [0; 8];
                    end.read_exact(&mut buf).await.unwrap();
                    usize::from_le_bytes(buf)
                }));
            }
            yield_now().await;
            for (n, end) in ends.iter().enumerate() {
                assert_eq!(end.try_write(&n.to_le_bytes()).unwrap(), 8);
            }
            for (n, reader) in readers.into_iter().enumerate() {
                // Each has the number of its other end.
                assert_eq!(reader.await.unwrap(), n ^ 1);
            }
        });
        assert_eq!(open_descriptors(), before);
    });
}
