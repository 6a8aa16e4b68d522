//! The loop that accepts, and its end.

use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno;

use super::{Listener, Serve, ServeError};
use crate::identity::Origin;
use crate::task::{self, Drained, JoinError, JoinSet};
use crate::time::{Sleep, sleep, timeout};

/// How long to wait for a free descriptor or for memory, if no connection ends.
const PAUSE: Duration = Duration::from_millis(100);

/// What a handler returns.
type Served = Result<(), Box<dyn Error>>;

/// What the loop does next.
enum Step<C, A> {
    Stop,
    Ended(Result<Served, JoinError>),
    Accepted(io::Result<(C, A)>),
}

/// What an error of `accept` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// This connection has failed; the next one may be accepted.
    ThisConnection,
    /// There is no free descriptor or no memory.
    NoResources,
    /// The listener cannot be used.
    Listener,
}

impl Meaning {
    /// The errors of the network are those that accept(2) of Linux lists, which other systems do
    /// not pass on.
    fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(
                Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PROTO
                | Errno::PERM
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NOPROTOOPT
                | Errno::TIMEDOUT
                | Errno::INTR,
            ) => Meaning::ThisConnection,
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                Meaning::NoResources
            }
            _ => Meaning::Listener,
        }
    }
}

/// See the [module](self).
pub(super) struct AcceptLoop<L, H, U> {
    listener: L,
    handler: Rc<H>,
    connections_max: usize,
    drain_timeout: Option<Duration>,
    until: U,
    open: Connections,
    /// Set while there is no free descriptor or no memory.
    pause: Option<Pin<Box<Sleep>>>,
}

/// The open connections.
struct Connections {
    tasks: JoinSet<Served>,
    on_error: Box<dyn FnMut(ServeError)>,
    location: &'static Location<'static>,
}

impl<L, H, U> AcceptLoop<L, H, U> {
    pub(super) fn new(server: Serve<L, H, U>) -> Self {
        AcceptLoop {
            listener: server.listener,
            handler: Rc::new(server.handler),
            connections_max: server.connections_max,
            drain_timeout: server.drain_timeout,
            until: server.until,
            open: Connections {
                tasks: JoinSet::new(),
                on_error: server.on_error,
                location: server.location,
            },
            pause: None,
        }
    }
}

impl<L, H, U, E> AcceptLoop<L, H, U>
where
    L: Listener,
    H: AsyncFn(L::Connection, L::Addr) -> Result<(), E> + 'static,
    E: Into<Box<dyn Error>>,
    U: Future,
{
    pub(super) async fn run(mut self) -> io::Result<Drained> {
        // Boxed with the rest of this future.
        let mut until = pin!(self.until);
        loop {
            let is_full = self.open.tasks.len() >= self.connections_max;
            let (tasks, pause, listener) =
                (&mut self.open.tasks, &mut self.pause, &mut self.listener);
            let step = poll_fn(|cx| {
                if until.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Step::Stop);
                }
                if let Poll::Ready(Some(ended)) = tasks.poll_join_next(cx) {
                    return Poll::Ready(Step::Ended(ended));
                }
                if is_full {
                    return Poll::Pending;
                }
                ready!(poll_pause(pause, cx));
                listener.poll_accept(cx).map(Step::Accepted)
            });
            match step.await {
                Step::Stop => break,
                Step::Ended(ended) => {
                    // What it has freed may be enough for the next one.
                    self.pause = None;
                    self.listener.connection_ended();
                    self.open.note_end(ended);
                }
                Step::Accepted(Ok((connection, addr))) => {
                    let handler = Rc::clone(&self.handler);
                    self.open.spawn(async move {
                        let served = handler(connection, addr).await;
                        served.map_err(Into::into)
                    });
                }
                Step::Accepted(Err(error)) => self.pause = self.open.note_failure(error)?,
            }
        }
        // Closes it: no client waits for a server that has stopped.
        drop(self.listener);
        Ok(self.open.drain(self.drain_timeout).await)
    }
}

/// Waits for the end of a pause, if there is one.
fn poll_pause(pause: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(sleep) = pause {
        ready!(sleep.as_mut().poll(cx));
        *pause = None;
    }
    Poll::Ready(())
}

impl Connections {
    fn spawn(&mut self, work: impl Future<Output = Served> + 'static) {
        let origin = Origin {
            name: None,
            location: self.location,
        };
        self.tasks.insert(task::spawn_with(work, origin));
    }

    /// Passes on that a connection has failed.
    fn note_end(&mut self, ended: Result<Served, JoinError>) {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => (self.on_error)(ServeError::Connection(error)),
            Err(error) if error.is_panic() => (self.on_error)(ServeError::Panicked(error)),
            // Other code has cancelled the task.
            Err(_) => {}
        }
    }

    /// Passes on that no connection was accepted. Returns how long to wait for the next one, if at
    /// all.
    ///
    /// # Errors
    ///
    /// Returns the error if the listener cannot be used; then the connections are on their own.
    fn note_failure(&mut self, error: io::Error) -> io::Result<Option<Pin<Box<Sleep>>>> {
        let meaning = Meaning::of(&error);
        if meaning == Meaning::Listener {
            self.tasks.detach_all();
            return Err(error);
        }
        (self.on_error)(ServeError::Accept(error));
        Ok((meaning == Meaning::NoResources).then(|| Box::pin(sleep(PAUSE))))
    }

    /// Waits for the connections to end, and cancels those that are left at the deadline.
    async fn drain(mut self, drain_timeout: Option<Duration>) -> Drained {
        let all_ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                self.note_end(ended);
            }
        };
        match drain_timeout {
            None => all_ended.await,
            // If the deadline has passed, what is left is cancelled below.
            Some(duration) => drop(timeout(duration, all_ended).await),
        }
        let mut cancelled = 0;
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Err(error) if error.is_cancelled() => cancelled += 1,
                ended => self.note_end(ended),
            }
        }
        Drained::at_one_site(self.location, cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_one_connection_do_not_stop_a_server() {
        let meaning = |errno: Errno| Meaning::of(&errno.into());
        assert_eq!(meaning(Errno::CONNABORTED), Meaning::ThisConnection);
        assert_eq!(meaning(Errno::PERM), Meaning::ThisConnection);
        assert_eq!(meaning(Errno::MFILE), Meaning::NoResources);
        assert_eq!(meaning(Errno::NOBUFS), Meaning::NoResources);
        assert_eq!(meaning(Errno::INVAL), Meaning::Listener);
        assert_eq!(
            Meaning::of(&io::Error::other("another loop")),
            Meaning::Listener
        );
    }
}
