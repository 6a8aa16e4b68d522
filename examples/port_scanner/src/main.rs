//! Finds the open TCP ports of a host, with a limit on the connections at a time and a progress
//! bar.
//!
//! ```text
//! cargo run -p port_scanner -- localhost             # the ports 1 to 1024
//! cargo run -p port_scanner -- localhost 1-65535
//! ```

use std::env;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use quintet::net::{TcpStream, lookup_host};
use quintet::task::JoinSet;
use quintet::time::timeout;

/// How many connections are tried at a time. The limit of open files is 1024 on most systems.
const AT_A_TIME: usize = 256;

/// A port from which nothing has come by then is filtered: a firewall drops what is sent to it.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Filtered,
}

#[quintet::main]
async fn main() -> io::Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (host, ports) = match &args[..] {
        [host] => (host, Some(1..=1024)),
        [host, ports] => (host, parse_ports(ports)),
        _ => (&String::new(), None),
    };
    let Some(ports) = ports else {
        eprintln!("usage: port_scanner HOST [FIRST-LAST]");
        return Ok(ExitCode::from(2));
    };
    let addr = lookup_host((host.as_str(), 0)).await?.next();
    let addr = addr.ok_or_else(|| io::Error::other(format!("{host} has no address")))?;

    let states = scan(addr.ip(), ports).await?;
    for (port, _) in states.iter().filter(|(_, state)| *state == State::Open) {
        println!("{port} open");
    }
    let count = |wanted| states.iter().filter(|(_, state)| *state == wanted).count();
    let (closed, filtered) = (count(State::Closed), count(State::Filtered));
    println!(
        "{host} ({}): {closed} closed, {filtered} filtered",
        addr.ip()
    );
    Ok(ExitCode::SUCCESS)
}

/// Returns the state of each port, in order.
async fn scan(ip: IpAddr, ports: RangeInclusive<u16>) -> io::Result<Vec<(u16, State)>> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    // It is drawn only where standard error is a terminal.
    let bar = ProgressBar::new(ports.len() as u64).with_style(style.map_err(io::Error::other)?);
    let mut states = Vec::with_capacity(ports.len());
    let mut open = 0;
    let mut running = JoinSet::new();
    let mut ports = ports.fuse();
    loop {
        while running.len() < AT_A_TIME
            && let Some(port) = ports.next()
        {
            running.spawn(async move { (port, probe(SocketAddr::new(ip, port)).await) });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let (port, state) = ended.map_err(io::Error::other)?;
        let state = state?;
        open += usize::from(state == State::Open);
        bar.set_message(format!("{open} open"));
        bar.inc(1);
        states.push((port, state));
    }
    bar.finish_and_clear();
    states.sort_unstable_by_key(|&(port, _)| port);
    Ok(states)
}

/// Connects, and closes the connection.
async fn probe(addr: SocketAddr) -> io::Result<State> {
    let state = match timeout(PATIENCE, TcpStream::connect(addr)).await {
        Ok(Ok(_)) => State::Open,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => State::Closed,
        Ok(Err(error)) if is_unreachable(error.kind()) => State::Filtered,
        // Such as too many open files: what is said of a port must be true.
        Ok(Err(error)) => return Err(error),
        Err(_) => State::Filtered,
    };
    Ok(state)
}

fn is_unreachable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
            | ErrorKind::ConnectionReset
            | ErrorKind::PermissionDenied
    )
}

/// Parses `80`, or `1-1024`.
fn parse_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ports = first.parse().ok()?..=last.parse().ok()?;
    (!ports.is_empty() && *ports.start() > 0).then_some(ports)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!(parse_ports("80"), Some(80..=80));
        assert_eq!(parse_ports("1-1024"), Some(1..=1024));
        for mistake in ["", "0", "a", "9-1", "1-70000", "1-2-3", "-"] {
            assert_eq!(parse_ports(mistake), None, "{mistake}");
        }
    }

    #[test]
    fn open_ports_are_found_and_the_others_are_closed() {
        let localhost = IpAddr::from(Ipv4Addr::LOCALHOST);
        let listeners: Vec<TcpListener> = (0..3)
            .map(|_| TcpListener::bind((localhost, 0)).expect("a port is free"))
            .collect();
        let is_ours = |port| {
            let addrs = listeners.iter().map(|listener| listener.local_addr());
            addrs.flatten().any(|addr| addr.port() == port)
        };
        for listener in &listeners {
            let port = listener.local_addr().expect("it is bound").port();
            // More than are tried at a time.
            let ports = port.saturating_sub(300)..=port.saturating_add(300);
            let states = quintet::block_on(scan(localhost, ports.clone())).expect("it is allowed");
            let scanned: Vec<u16> = states.iter().map(|&(port, _)| port).collect();
            assert!(scanned.iter().copied().eq(ports));
            for (port, state) in states {
                // Other programs may listen, too.
                assert!(!is_ours(port) || state == State::Open, "{port}: {state:?}");
            }
        }
    }

    #[test]
    fn a_port_without_a_listener_is_closed() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let state = |addr| quintet::block_on(probe(addr)).expect("it is no other error");
        assert_eq!(state(addr), State::Open);
        // The port of a client is in use, and nothing listens on it.
        let client = std::net::TcpStream::connect(addr).expect("it listens");
        let addr = client.local_addr().expect("it is bound");
        assert_eq!(state(addr), State::Closed);
    }

    #[test]
    fn a_silent_port_is_filtered() {
        // On paused time, a wait for the network takes no time: 192.0.2.0/24 is for documents only.
        let addr = SocketAddr::from(([192, 0, 2, 1], 9));
        let state = quintet::block_on(async {
            quintet::time::pause();
            probe(addr).await
        });
        // Without a network the host is unreachable at once.
        assert_eq!(state.expect("it is no other error"), State::Filtered);
    }
}
