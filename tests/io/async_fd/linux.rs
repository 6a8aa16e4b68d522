//! Descriptors that only Linux has: what crates for eventfd, inotify and netlink do.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use quintet::io::unix::AsyncFd;
use quintet::io::{Interest, Ready};
use quintet::spawn;
use quintet::task::yield_now;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::support::cases::watched;
use crate::support::wakers::poll;

#[test]
fn an_eventfd_is_a_counter_that_can_be_awaited() {
    watched(|| {
        quintet::block_on(async {
            let counter = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap();
            let other = counter.try_clone().unwrap();
            let counter = AsyncFd::new(counter).unwrap();
            // It is writable, as the first event says, and not readable.
            drop(counter.writable().await.unwrap());
            let waits = spawn(async move {
                let mut sum = 0;
                while sum < 6 {
                    let mut bytes = [0; 8];
                    let read = counter.async_io(Interest::READABLE, |counter| {
                        Ok(rustix::io::read(counter, &mut bytes)?)
                    });
                    assert_eq!(read.await.unwrap(), 8);
                    sum += u64::from_ne_bytes(bytes);
                }
                sum
            });
            for n in [1_u64, 2, 3] {
                rustix::io::write(&other, &n.to_ne_bytes()).unwrap();
                yield_now().await;
            }
            assert_eq!(waits.await.unwrap(), 6);
        });
    });
}

#[test]
fn inotify_reports_the_files_of_a_directory() {
    watched(|| {
        quintet::block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let flags = inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC;
            let watcher = inotify::init(flags).unwrap();
            inotify::add_watch(&watcher, directory.path(), inotify::WatchFlags::CREATE).unwrap();
            let watcher = AsyncFd::with_interest(watcher, Interest::READABLE).unwrap();
            let names = spawn(async move {
                let mut names = Vec::new();
                while names.len() < 3 {
                    let mut guard = watcher.readable().await.unwrap();
                    // A short read is no reason to clear the readiness: only `WouldBlock` is.
                    let mut buf = [MaybeUninit::uninit(); 512];
                    let mut events = inotify::Reader::new(guard.get_inner(), &mut buf);
                    loop {
                        match events.next() {
                            Ok(event) => {
                                let name = event.file_name().unwrap();
                                names.push(name.to_str().unwrap().to_owned());
                            }
                            Err(error) => {
                                assert_eq!(error, rustix::io::Errno::WOULDBLOCK);
                                break;
                            }
                        }
                    }
                    guard.clear_ready();
                }
                names
            });
            for name in ["a", "b", "c"] {
                std::fs::write(directory.path().join(name), "").unwrap();
                yield_now().await;
            }
            assert_eq!(names.await.unwrap(), ["a", "b", "c"]);
        });
    });
}

/// A request for all network interfaces: `RTM_GETLINK` with `NLM_F_REQUEST | NLM_F_DUMP`.
fn request_links() -> Vec<u8> {
    const RTM_GETLINK: u16 = 18;
    const FLAGS: u16 = 0x301;
    let mut message = Vec::new();
    // A header of 16 bytes, and a `struct rtgenmsg` that is padded to 4.
    message.extend(20_u32.to_ne_bytes());
    message.extend(RTM_GETLINK.to_ne_bytes());
    message.extend(FLAGS.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend([0; 8]);
    message
}

/// Returns the types of the netlink messages in `bytes`.
fn message_types(mut bytes: &[u8]) -> Vec<u16> {
    let mut types = Vec::new();
    while bytes.len() >= 16 {
        let len = u32::from_ne_bytes(bytes[..4].try_into().unwrap()) as usize;
        types.push(u16::from_ne_bytes(bytes[4..6].try_into().unwrap()));
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    types
}

async fn links(socket: &AsyncFd<OwnedFd>) -> io::Result<usize> {
    const NLMSG_ERROR: u16 = 2;
    const NLMSG_DONE: u16 = 3;
    const RTM_NEWLINK: u16 = 16;
    let request = request_links();
    let send = socket.async_io(Interest::WRITABLE, |socket| {
        Ok(net::send(socket, &request, SendFlags::empty())?)
    });
    send.await?;
    let (mut links, mut buf) = (0, vec![0; 32_768]);
    loop {
        let receive = socket.async_io(Interest::READABLE, |socket| {
            Ok(net::recv(socket, &mut buf[..], RecvFlags::empty())?.0)
        });
        let len = receive.await?;
        for kind in message_types(&buf[..len]) {
            match kind {
                RTM_NEWLINK => links += 1,
                NLMSG_DONE => return Ok(links),
                NLMSG_ERROR => return Err(io::Error::other("the request is refused")),
                _ => {}
            }
        }
    }
}

#[test]
fn netlink_reports_the_network_interfaces() {
    watched(|| {
        quintet::block_on(async {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = net::socket_with(
                AddressFamily::NETLINK,
                SocketType::RAW,
                flags,
                // The protocol 0, NETLINK_ROUTE.
                None,
            );
            let socket = AsyncFd::new(socket.unwrap()).unwrap();
            // Nothing has been asked for.
            assert!(poll!(socket.readable()).is_pending());
            assert!(links(&socket).await.unwrap() >= 1, "there is a loopback");
        });
    });
}

#[test]
fn a_regular_file_is_refused_by_a_clear_error() {
    quintet::block_on(async {
        let file = tempfile::tempfile().unwrap();
        let (file, error) = AsyncFd::try_new(file).unwrap_err().into_parts();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let text = error.to_string();
        assert!(text.starts_with("cannot wait for descriptor "), "{text}");
        assert!(text.contains("not of regular files"), "{text}");
        let error = AsyncFd::new(file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn a_descriptor_that_is_registered_already_is_refused() {
    quintet::block_on(async {
        let counter = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        let first = AsyncFd::new(&counter).unwrap();
        let error = AsyncFd::new(&counter).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("registered already"), "{error}");
        drop(first);
        drop(AsyncFd::new(&counter).unwrap());
    });
}

#[test]
fn urgent_data_and_errors_are_awaited_alone() {
    watched(|| {
        quintet::block_on(async {
            let (receiver, sender) = io::pipe().unwrap();
            let interest = Interest::PRIORITY | Interest::ERROR;
            let sender = AsyncFd::with_interest(sender, interest).unwrap();
            let mut error = Box::pin(sender.ready(interest));
            assert!(poll!(error.as_mut()).is_pending());
            // The last reader is gone.
            drop(receiver);
            assert_eq!(error.await.unwrap().ready(), Ready::ERROR);
        });
    });
}
