//! Asking for the credentials of the other end, on Linux.

use std::hint::black_box;
use std::io;
use std::os::fd::AsFd;

use rustix::net::sockopt::socket_peercred;

use super::UCred;

pub(in crate::net) fn peer_cred(socket: &impl AsFd) -> io::Result<UCred> {
    let peer = socket_peercred(socket)?;
    // The kernel says 0 for a process that this one cannot see. rustix has no 0 in the type, so the
    // comparison must not be left to the optimizer.
    Ok(UCred {
        uid: peer.uid.as_raw(),
        gid: peer.gid.as_raw(),
        pid: Some(black_box(peer.pid.as_raw_pid())).filter(|pid| *pid != 0),
    })
}
