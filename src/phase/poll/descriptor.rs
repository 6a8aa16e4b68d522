//! The descriptors of sources, and their descriptions for reports.
//!
//! A loop knows its sources only by number. For a report, the addresses of each socket are read
//! from `/proc`, so the loop stores nothing for this while a program runs.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// The state of a listening socket in the kernel's tables.
const LISTENING: &str = "0A";

/// The descriptor of a source, which may have been closed.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    fd: RawFd,
}

impl Descriptor {
    pub(super) fn new(fd: BorrowedFd<'_>) -> Self {
        Descriptor { fd: fd.as_raw_fd() }
    }

    pub(crate) fn number(&self) -> RawFd {
        self.fd
    }
}

/// Describes descriptors. The kernel's tables are read when they are first needed.
#[derive(Default)]
pub(crate) struct Descriptors {
    sockets: Option<HashMap<String, String>>,
}

impl Descriptors {
    pub(crate) fn describe(&mut self, descriptor: &Descriptor) -> String {
        let fd = descriptor.fd;
        let Ok(target) = fs::read_link(format!("/proc/self/fd/{fd}")) else {
            return "closed".to_owned();
        };
        let target = target.to_string_lossy();
        let inode = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        let Some(inode) = inode else {
            return target.into_owned();
        };
        let sockets = self.sockets.get_or_insert_with(read_tables);
        let known = sockets.get(inode).cloned();
        known.unwrap_or_else(|| "a socket".to_owned())
    }
}

/// The TCP sockets of this network namespace, by inode.
fn read_tables() -> HashMap<String, String> {
    let tables = ["tcp", "tcp6"]
        .map(|name| fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    lines.filter_map(parse_line).collect()
}

/// A line such as `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0
/// 4711 …`.
fn parse_line(line: &str) -> Option<(String, String)> {
    let mut fields = line.split_whitespace().skip(1);
    let local = parse_addr(fields.next()?)?;
    let remote = parse_addr(fields.next()?)?;
    let state = fields.next()?;
    let inode = fields.nth(5)?.to_owned();
    let description = if state == LISTENING {
        format!("TCP, listening on {local}")
    } else {
        format!("TCP, {local} to {remote}")
    };
    Some((inode, description))
}

/// Parses an address of the kernel's tables: words of 32 bits in native byte order.
fn parse_addr(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::with_capacity(16);
    for word in ip.as_bytes().chunks(8) {
        let word = std::str::from_utf8(word).ok()?;
        bytes.extend(u32::from_str_radix(word, 16).ok()?.to_ne_bytes());
    }
    let ip: IpAddr = if let Ok(v4) = <[u8; 4]>::try_from(&*bytes) {
        Ipv4Addr::from(v4).into()
    } else {
        let v6 = <[u8; 16]>::try_from(bytes).ok()?;
        Ipv6Addr::from(v6).to_canonical()
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_parses_lines_of_the_kernels_tables() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 \
                    1000        0 4711 1 0000000000000000 100 0 0 10 0";
        let (inode, description) = parse_line(line).unwrap();
        assert_eq!(inode, "4711");
        if cfg!(target_endian = "little") {
            assert_eq!(description, "TCP, listening on 127.0.0.1:8080");
        }
        assert_eq!(parse_line("not such a line"), None);
    }
}
