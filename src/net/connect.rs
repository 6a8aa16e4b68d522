//! Connecting to one of several addresses, by "happy eyeballs" (RFC 8305, section 5).
//!
//! A [`Race`] is a part of the future of `connect`, which owns all attempts: no task is spawned,
//! and what is dropped with the future is all that there is. The look-up of the addresses is not
//! part of it. A resolver returns those of both families together, so there is no Resolution Delay.

mod error;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::vec;

use super::TcpStream;
use super::addr::{self, Target};
use crate::coop;
use crate::io_error::cannot;
use crate::time::{Instant, Sleep, sleep, timeout_at};

/// How long an attempt is alone before the next one begins: the value that RFC 8305 recommends for
/// the Connection Attempt Delay (section 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first of the addresses that accepts.
pub(super) async fn connect(target: Target) -> io::Result<TcpStream> {
    let addrs = addr::resolve(target).await?;
    match *addrs {
        [addr] => TcpStream::connect_to(addr)
            .await
            .map_err(|error| cannot(format!("connect to {addr}"), error)),
        _ => Race::new(addrs).winner().await,
    }
}

/// The same, but gives up after `timeout`.
pub(super) async fn connect_timeout(target: Target, timeout: Duration) -> io::Result<TcpStream> {
    let deadline = Instant::now().saturating_add(timeout);
    let host = target.host().map(str::to_owned);
    let addrs = match timeout_at(deadline, addr::resolve(target)).await {
        Ok(addrs) => addrs?,
        Err(_elapsed) => {
            let host = host.unwrap_or_default();
            let text = format!("cannot look up {host:?} within {timeout:?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
    };
    let mut race = Race::new(addrs);
    match timeout_at(deadline, race.winner()).await {
        Ok(result) => result,
        Err(_elapsed) => Err(error::timed_out(&mut race, timeout)),
    }
}

/// Attempts to connect to several addresses, of which the first that succeeds counts.
struct Race {
    /// The addresses to which no attempt has been made.
    left: vec::IntoIter<SocketAddr>,
    /// In the order in which they were begun.
    attempts: Vec<ConnectAttempt>,
    /// When the next attempt begins; `None` if it may begin now.
    delay: Option<Sleep>,
}

struct ConnectAttempt {
    addr: SocketAddr,
    state: AttemptState,
}

enum AttemptState {
    Connecting(Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + Sync>>),
    Failed(io::Error),
}

impl Race {
    fn new(addrs: Vec<SocketAddr>) -> Self {
        Race {
            left: interleaved(addrs).into_iter(),
            attempts: Vec::new(),
            delay: None,
        }
    }

    /// Waits for the first connection, and ends the other attempts; or for the last failure.
    async fn winner(&mut self) -> io::Result<TcpStream> {
        let winner = poll_fn(|cx| self.poll(cx)).await;
        winner.ok_or_else(|| error::all_failed(self))
    }

    /// Resolves to `None` when all attempts have failed.
    ///
    /// The number of attempts at a time is limited only by the delay: while no address responds,
    /// there is one more after each delay, until the OS gives up the first.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<TcpStream>> {
        for index in 0..self.attempts.len() {
            if let Some(stream) = self.poll_attempt(index, cx) {
                return Poll::Ready(Some(stream));
            }
        }
        while !self.left.as_slice().is_empty() {
            // Attempts are polled before the delay, and a failed one drops it. So on another loop
            // each attempt returns its error, and no timer of the first loop is polled.
            if let Some(delay) = &mut self.delay {
                ready!(Pin::new(delay).poll(cx));
                self.delay = None;
            }
            // An attempt that fails at once charges nothing, and there may be many addresses.
            if !self.attempts.is_empty() {
                ready!(coop::poll_operate(cx));
            }
            if let Some(stream) = self.begin_next(cx) {
                return Poll::Ready(Some(stream));
            }
        }
        let is_over = self.attempts.iter().all(ConnectAttempt::has_failed);
        if is_over {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    /// Begins the next attempt. Returns its connection, if that exists at once.
    fn begin_next(&mut self, cx: &mut Context<'_>) -> Option<TcpStream> {
        let addr = self.left.next()?;
        let index = self.attempts.len();
        self.attempts.push(ConnectAttempt {
            addr,
            state: AttemptState::Connecting(Box::pin(TcpStream::connect_to(addr))),
        });
        let connected = self.poll_attempt(index, cx);
        let is_pending = connected.is_none() && !self.attempts[index].has_failed();
        if is_pending && !self.left.as_slice().is_empty() {
            self.delay = Some(sleep(ATTEMPT_DELAY));
        }
        connected
    }

    /// Polls an attempt. If it fails, the next one may begin at once.
    fn poll_attempt(&mut self, index: usize, cx: &mut Context<'_>) -> Option<TcpStream> {
        let attempt = &mut self.attempts[index];
        let AttemptState::Connecting(connecting) = &mut attempt.state else {
            return None;
        };
        match connecting.as_mut().poll(cx) {
            Poll::Pending => None,
            Poll::Ready(Ok(stream)) => {
                // The others are closed before the caller has the connection.
                self.attempts.clear();
                self.delay = None;
                Some(stream)
            }
            Poll::Ready(Err(error)) => {
                attempt.state = AttemptState::Failed(error);
                self.delay = None;
                None
            }
        }
    }
}

impl ConnectAttempt {
    fn has_failed(&self) -> bool {
        matches!(self.state, AttemptState::Failed(_))
    }
}

/// Orders addresses as RFC 8305 does (section 4): the families take turns, beginning with that of
/// the first address. Within a family the order stays the same.
fn interleaved(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addrs.first() else {
        return addrs;
    };
    let is_first = |addr: &SocketAddr| addr.is_ipv4() == first.is_ipv4();
    let mut firsts = addrs.iter().copied().filter(is_first);
    let mut others = addrs.iter().copied().filter(|addr| !is_first(addr));
    let mut turns = Vec::with_capacity(addrs.len());
    while turns.len() < addrs.len() {
        turns.extend(firsts.next());
        turns.extend(others.next());
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Describes addresses by family and port.
    fn texts(addrs: &[SocketAddr]) -> Vec<String> {
        let text = |addr: &SocketAddr| {
            let family = if addr.is_ipv4() { 4 } else { 6 };
            format!("{family}{}", addr.port())
        };
        addrs.iter().map(text).collect()
    }

    fn addrs(texts: &[&str]) -> Vec<SocketAddr> {
        let addr = |text: &&str| {
            let ip = if text.starts_with('4') {
                "0.0.0.0"
            } else {
                "[::]"
            };
            format!("{ip}:{}", &text[1..]).parse().unwrap()
        };
        texts.iter().map(addr).collect()
    }

    #[test]
    fn families_take_turns_beginning_with_the_first() {
        for (given, expected) in [
            (&[][..], &[][..]),
            (&["41"], &["41"]),
            (&["41", "42", "43"], &["41", "42", "43"]),
            (&["61", "62", "43", "44"], &["61", "43", "62", "44"]),
            (
                &["61", "62", "63", "64", "41"],
                &["61", "41", "62", "63", "64"],
            ),
            (&["41", "62", "63", "44"], &["41", "62", "44", "63"]),
            (&["41", "41", "61"], &["41", "61", "41"]),
        ] {
            assert_eq!(texts(&interleaved(addrs(given))), expected, "{given:?}");
        }
    }

    #[test]
    fn a_race_may_be_sent() {
        fn check<T: Send + Sync>(_: &T) {}
        check(&Race::new(Vec::new()));
    }
}
