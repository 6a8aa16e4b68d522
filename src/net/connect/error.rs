//! The errors of attempts to connect to several addresses.

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;

use super::{AttemptState, Race};

/// How many addresses a message names at most.
const NAMED_MAX: usize = 8;

/// Returns the error of a race in which each attempt has failed.
///
/// It has the kind of the first failure that says something about a remote host, or else of the
/// first one, because resolvers sort addresses by preference.
pub(super) fn all_failed(race: &mut Race) -> io::Error {
    let fates = take_fates(race);
    let is_remote =
        |fate: &(SocketAddr, Fate)| matches!(&fate.1, Fate::Failed(error) if !is_local(error));
    let source = fates.iter().position(is_remote).unwrap_or(0);
    let kind = match fates.get(source) {
        Some((_, Fate::Failed(error))) => error.kind(),
        _ => io::ErrorKind::Other,
    };
    let failed = ConnectFailed {
        fates,
        source,
        within: None,
    };
    io::Error::new(kind, failed)
}

/// Returns the error of a race that was not over after the time `within`, and ends its attempts.
pub(super) fn timed_out(race: &mut Race, within: Duration) -> io::Error {
    let fates = take_fates(race);
    let has_failed = |(_, fate): &(SocketAddr, Fate)| matches!(fate, Fate::Failed(_));
    let failed = ConnectFailed {
        source: fates.iter().position(has_failed).unwrap_or(0),
        fates,
        within: Some(within),
    };
    io::Error::new(io::ErrorKind::TimedOut, failed)
}

/// Whether the error says only that this host has no route to the address, or not its family.
fn is_local(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| {
        [Errno::NETUNREACH, Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].contains(&errno)
    })
}

/// What has become of an address.
enum Fate {
    Failed(io::Error),
    NoResponse,
    NotTried,
}

/// Ends the race. An error must not hold the sockets of attempts.
fn take_fates(race: &mut Race) -> Vec<(SocketAddr, Fate)> {
    let tried = race.attempts.drain(..).map(|attempt| {
        let fate = match attempt.state {
            AttemptState::Connecting(_) => Fate::NoResponse,
            AttemptState::Failed(error) => Fate::Failed(error),
        };
        (attempt.addr, fate)
    });
    let untried = race.left.by_ref().map(|addr| (addr, Fate::NotTried));
    tried.chain(untried).collect()
}

/// An attempt to connect to several addresses, or in limited time.
struct ConnectFailed {
    fates: Vec<(SocketAddr, Fate)>,
    /// The index of the error that is the source, if that is one.
    source: usize,
    within: Option<Duration>,
}

impl Display for ConnectFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect")?;
        if let Some(within) = self.within {
            write!(f, " within {within:?}")?;
        }
        for (index, (addr, fate)) in self.fates.iter().take(NAMED_MAX).enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            write!(f, "{separator} to {addr}: ")?;
            match fate {
                Fate::Failed(error) => Display::fmt(error, f)?,
                Fate::NoResponse => f.write_str("no response")?,
                Fate::NotTried => f.write_str("not tried")?,
            }
        }
        match self.fates.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, "; nor to {more} more addresses"),
        }
    }
}

/// The message, because that is what a `main` prints that returns the error.
impl Debug for ConnectFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl Error for ConnectFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.fates.get(self.source) {
            Some((_, Fate::Failed(error))) => Some(error),
            _ => None,
        }
    }
}
