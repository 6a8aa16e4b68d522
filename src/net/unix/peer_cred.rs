//! Asking for the credentials of the other end, on Linux.

use std::io;
use std::os::fd::AsFd;

use rustix::net::sockopt::socket_peercred;

use super::UCred;

pub(in crate::net) fn peer_cred(socket: &impl AsFd) -> io::Result<UCred> {
    let peer = socket_peercred(socket)?;
    Ok(UCred {
        uid: peer.uid.as_raw(),
        gid: peer.gid.as_raw(),
        pid: Some(peer.pid.as_raw_pid()),
    })
}
