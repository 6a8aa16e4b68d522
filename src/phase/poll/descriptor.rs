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

/// The state of a socket of datagrams without a peer, and of a TCP socket that is closed.
const UNCONNECTED: &str = "07";

/// The flag of a listening Unix socket: `__SO_ACCEPTCON`.
const ACCEPTS: u32 = 1 << 16;

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
            // Old kernels have the first of these names, new ones the second.
            let is_pidfd = target == "anon_inode:[pidfd]" || target.starts_with("pidfd:");
            let process = is_pidfd.then(|| process_of(fd)).flatten();
            return process.unwrap_or_else(|| target.into_owned());
        };
        let sockets = self.sockets.get_or_insert_with(read_tables);
        let known = sockets.get(inode).cloned();
        known.unwrap_or_else(|| "a socket".to_owned())
    }
}

/// Describes the process of a pidfd.
fn process_of(pidfd: RawFd) -> Option<String> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{pidfd}")).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    Some(format!("child process {}", id.trim()))
}

/// The sockets of this network namespace, by inode.
fn read_tables() -> HashMap<String, String> {
    let read = |name: &str| fs::read(format!("/proc/self/net/{name}")).unwrap_or_default();
    let mut sockets = HashMap::new();
    for (name, protocol) in IP_TABLES {
        let table = read(name);
        let table = String::from_utf8_lossy(&table);
        let lines = table.lines().skip(1);
        sockets.extend(lines.filter_map(|line| parse_ip_line(protocol, line)));
    }
    let table = read("unix");
    let table = String::from_utf8_lossy(&table);
    sockets.extend(table.lines().skip(1).filter_map(parse_unix_line));
    sockets
}

/// The tables of sockets that have IP addresses.
const IP_TABLES: &[(&str, &str)] = &[
    ("tcp", "TCP"),
    ("tcp6", "TCP"),
    ("udp", "UDP"),
    ("udp6", "UDP"),
];

/// A line such as `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0
/// 4711 …`.
fn parse_ip_line(protocol: &str, line: &str) -> Option<(String, String)> {
    let mut fields = line.split_whitespace().skip(1);
    let local = parse_addr(fields.next()?)?;
    let remote = parse_addr(fields.next()?)?;
    let state = fields.next()?;
    let inode = fields.nth(5)?.to_owned();
    let description = match state {
        LISTENING => format!("{protocol}, listening on {local}"),
        // A socket of datagrams that is bound and not connected.
        UNCONNECTED if remote.port() == 0 => format!("{protocol}, {local}"),
        _ => format!("{protocol}, {local} to {remote}"),
    };
    Some((inode, description))
}

/// A line such as `0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/socket`. The path
/// may be missing, and begins with `@` if it is an abstract name.
fn parse_unix_line(line: &str) -> Option<(String, String)> {
    let (_, fields) = line.split_once(": ")?;
    let mut fields = fields.splitn(6, ' ');
    let flags = u32::from_str_radix(fields.nth(2)?, 16).ok()?;
    let kind = match fields.next()? {
        "0001" => "Unix stream",
        "0002" => "Unix datagrams",
        "0005" => "Unix packets",
        _ => return None,
    };
    // The number of the inode is padded.
    let rest = fields.nth(1)?.trim_start();
    let (inode, path) = match rest.split_once(' ') {
        Some((inode, path)) => (inode, Some(path)),
        None => (rest, None),
    };
    let description = match path {
        Some(path) if flags & ACCEPTS != 0 => format!("{kind}, listening on {path}"),
        Some(path) => format!("{kind}, {path}"),
        None => kind.to_owned(),
    };
    Some((inode.to_owned(), description))
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
        let (inode, description) = parse_ip_line("TCP", line).unwrap();
        assert_eq!(inode, "4711");
        if cfg!(target_endian = "little") {
            assert_eq!(description, "TCP, listening on 127.0.0.1:8080");
        }
        assert_eq!(parse_ip_line("TCP", "not such a line"), None);

        let line = " 1483: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000 \
                    0        0 12 2 0000000000000000 0";
        let (inode, description) = parse_ip_line("UDP", line).unwrap();
        assert_eq!(inode, "12");
        if cfg!(target_endian = "little") {
            assert_eq!(description, "UDP, 127.0.0.1:8080");
        }
    }

    #[test]
    fn it_parses_lines_of_the_table_of_unix_sockets() {
        let parse = |rest: &str| {
            let line = format!("0000000000000000: 00000002 00000000 {rest}");
            let (inode, description) = parse_unix_line(&line)?;
            Some(format!("{inode}: {description}"))
        };
        let cases = [
            (
                "00010000 0001 01 4711 /run/a socket",
                "4711: Unix stream, listening on /run/a socket",
            ),
            (
                "00000000 0001 03   471 /run/socket",
                "471: Unix stream, /run/socket",
            ),
            ("00000000 0001 03 1234567", "1234567: Unix stream"),
            ("00000000 0002 01    12", "12: Unix datagrams"),
            (
                "00000000 0002 01 12345 @name",
                "12345: Unix datagrams, @name",
            ),
            ("00000000 0005 01 12345 @name", "12345: Unix packets, @name"),
        ];
        for (line, description) in cases {
            assert_eq!(parse(line).as_deref(), Some(description));
        }
        assert_eq!(parse("00000000 0009 01 12345"), None);
        assert_eq!(parse_unix_line("not such a line"), None);
    }
}
