//! Messages that contain descriptors (`SCM_RIGHTS`).

#[cfg_attr(
    any(quintet_portable, not(any(target_os = "linux", target_os = "android"))),
    path = "descriptors/portable.rs"
)]
mod cloexec;

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, recvmsg, sendmsg,
};

use crate::io::source::OpOutput;
use crate::net::socket::SEND_FLAGS;

/// What [`UnixStream::recv_fds`](crate::net::UnixStream::recv_fds) and
/// [`UnixDatagram::recv_fds`](crate::net::UnixDatagram::recv_fds) have received.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReceivedFds {
    /// How many bytes of the buffer are filled.
    pub len: usize,
    /// The descriptors, in the order in which they were sent. They are closed on exec.
    pub fds: Vec<OwnedFd>,
    /// Whether more descriptors came than were asked for. The others have been closed.
    pub is_truncated: bool,
}

pub(in crate::net) fn send_fds(
    socket: &impl AsFd,
    buf: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<OpOutput<usize>> {
    let message = SendAncillaryMessage::ScmRights(fds);
    let mut space = vec![MaybeUninit::uninit(); message.size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(message) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let sent = sendmsg(socket, &[IoSlice::new(buf)], &mut ancillary, SEND_FLAGS)?;
    Ok(OpOutput {
        value: sent,
        bytes: sent,
        is_drained: false,
    })
}

pub(in crate::net) fn recv_fds(
    socket: &impl AsFd,
    buf: &mut [u8],
    max: usize,
) -> io::Result<OpOutput<ReceivedFds>> {
    let mut space = vec![MaybeUninit::uninit(); space_for(max)];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bufs = [IoSliceMut::new(buf)];
    let received = recvmsg(socket, &mut bufs, &mut ancillary, cloexec::RECV_FLAGS)?;
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            fds.extend(more);
        }
    }
    // For alignment the space is larger, so the kernel may find room for more.
    let is_truncated = received.flags.contains(ReturnFlags::CTRUNC) || fds.len() > max;
    fds.truncate(max);
    cloexec::set(&fds)?;
    let value = ReceivedFds {
        len: received.bytes,
        fds,
        is_truncated,
    };
    Ok(OpOutput {
        value,
        bytes: received.bytes,
        is_drained: false,
    })
}

/// The most descriptors in a message of Linux: `SCM_MAX_FD`. Other systems have a lower limit.
const MESSAGE_FDS_MAX: usize = 253;

/// How many bytes of ancillary data `max` descriptors take.
fn space_for(max: usize) -> usize {
    match max.min(MESSAGE_FDS_MAX) {
        0 => 0,
        max => rustix::cmsg_space!(ScmRights(max)),
    }
}

/// The methods of a type with a field `source` that send and receive descriptors.
macro_rules! impl_descriptors {
    ($socket:ty, $empty_is_sent:literal, $on_empty:literal) => {
        impl $socket {
            /// Sends bytes with descriptors, which the other end receives by
            /// [`recv_fds`](Self::recv_fds) and owns then. Returns how many bytes were sent.
            ///
            /// The descriptors are duplicated into the message, so they may be closed afterwards.
            /// All of them are sent with the first byte. If the message is never received, the
            /// kernel closes the duplicates.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call, for example `EINVAL` for more descriptors than
            /// the OS allows in a message (253 on Linux), or `ETOOMANYREFS` if too many of this
            /// process wait to be received.
            #[doc = $on_empty]
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, nothing
            /// was sent.
            ///
            /// # Examples
            ///
            /// ```
            /// use std::io::Read;
            /// use std::os::fd::AsFd;
            ///
            /// use quintet::net::UnixStream;
            ///
            /// # quintet::block_on(async {
            /// let (one, other) = UnixStream::pair()?;
            /// let file = std::fs::File::open("Cargo.toml")?;
            /// one.send_fds(b"f", &[file.as_fd()]).await?;
            ///
            /// let mut buf = [0; 1];
            /// let received = other.recv_fds(&mut buf, 1).await?;
            /// assert!(!received.is_truncated);
            /// let fd = received.fds.into_iter().next().unwrap();
            /// let mut text = String::new();
            /// std::fs::File::from(fd).read_to_string(&mut text)?;
            /// assert!(text.contains("[package]"));
            /// # std::io::Result::Ok(())
            /// # }).unwrap();
            /// ```
            pub fn send_fds(
                &self,
                buf: &[u8],
                fds: &[BorrowedFd<'_>],
            ) -> impl Future<Output = io::Result<usize>> {
                self.source.operate(Direction::Write, move |socket| {
                    if buf.is_empty() && !$empty_is_sent {
                        return Err(descriptors::nothing_to_send());
                    }
                    descriptors::send_fds(socket, buf, fds)
                })
            }

            /// Sends bytes with descriptors, without waiting.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no
            /// room, and the errors of [`send_fds`](Self::send_fds).
            pub fn try_send_fds(&self, buf: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
                self.source.try_operate(Direction::Write, |socket| {
                    if buf.is_empty() && !$empty_is_sent {
                        return Err(descriptors::nothing_to_send());
                    }
                    descriptors::send_fds(socket, buf, fds)
                })
            }

            /// Receives bytes into `buf`, and at most `max` descriptors that were sent with them.
            ///
            /// If more descriptors come, the others are closed, and the result says so
            /// ([`is_truncated`](ReceivedFds::is_truncated)). All of them are closed on exec; on
            /// Linux no other thread can fork before that is set.
            ///
            /// # Errors
            ///
            /// Returns the error of the system call. If the process has no descriptors left, the
            /// result is truncated instead.
            ///
            /// # Cancel safety
            ///
            /// This method is cancel safe: if the future is dropped before it completes, nothing
            /// was received.
            pub fn recv_fds(
                &self,
                buf: &mut [u8],
                max: usize,
            ) -> impl Future<Output = io::Result<ReceivedFds>> {
                self.source.operate(Direction::Read, move |socket| {
                    descriptors::recv_fds(socket, buf, max)
                })
            }

            /// Receives bytes and descriptors without waiting.
            ///
            /// # Errors
            ///
            /// Returns an error of kind [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing has
            /// come, and the errors of [`recv_fds`](Self::recv_fds).
            pub fn try_recv_fds(&self, buf: &mut [u8], max: usize) -> io::Result<ReceivedFds> {
                self.source.try_operate(Direction::Read, |socket| {
                    descriptors::recv_fds(socket, buf, max)
                })
            }
        }
    };
}
pub(in crate::net) use impl_descriptors;

/// A stream has no place for descriptors without bytes.
pub(in crate::net) fn nothing_to_send() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "descriptors are sent with at least one byte",
    )
}
