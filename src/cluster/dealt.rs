//! One listener, whose connections are dealt to the loops.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use futures::future::select_all;

use super::{PerLoop, assert_has_loops};
use crate::identity::{Name, Origin};
use crate::serve::Listener;
use crate::sync::Notify;
use crate::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use crate::task::{self, AbortOnDropHandle};

/// How many connections wait in the queue of a loop. If all queues are full, clients wait in the
/// backlog of the listener. This is enough for a burst while a loop is busy for a few milliseconds.
const QUEUE: usize = 64;

/// Accepts the connections of `listener` on loop 0, and deals them to so many loops, each to the
/// one with the fewest open connections.
///
/// Each loop takes its [`Dealt`] and passes it to [`quintet::serve`](crate::serve()). The listener
/// may be of any kind, and inherited: `TcpListener::from_std(…)`. For a new TCP listener there is
/// [`bind_shared`](super::bind_shared).
///
/// # Panics
///
/// If `loops` is 0.
///
/// # Examples
///
/// ```no_run
/// use quintet::cluster;
/// use quintet::net::{UnixListener, UnixStream};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = UnixListener::bind("/tmp/hello")?;
/// let listeners = cluster::deal(listener, 2);
/// cluster::run(2, async |member| {
///     quintet::serve(listeners.take(member.index()), async |stream: UnixStream, _peer| {
///         stream.write_all(b"hello\n").await
///     })
///     .until(member.shutdown())
///     .await
/// })?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn deal<L>(listener: L, loops: usize) -> PerLoop<Dealt<L>>
where
    L: Listener<Connection: Send, Addr: Send> + Send,
{
    assert_has_loops(loops);
    let (queues, receivers): (Vec<_>, Vec<_>) = (0..loops).map(|_| mpsc::channel(QUEUE)).unzip();
    let dealer = Arc::new(Dealer {
        queues,
        open: (0..loops).map(|_| AtomicUsize::new(0)).collect(),
    });
    let (mut listener, location) = (Some(listener), Location::caller());
    let receivers = receivers.into_iter().enumerate();
    PerLoop::new(receivers.map(|(index, queue)| Dealt {
        index,
        queue,
        dealer: Arc::clone(&dealer),
        listener: listener.take(),
        location,
        acceptor: None,
    }))
}

/// Whether a queue gets connections.
fn has_room<T>(queue: &Sender<T>) -> bool {
    !queue.is_closed() && queue.capacity() > 0
}

/// A connection, or why none was accepted.
type Accepted<C, A> = io::Result<(C, A)>;

/// The queues of the loops, and how many connections each of them has.
struct Dealer<C, A> {
    queues: Vec<Sender<Accepted<C, A>>>,
    /// How many connections each loop has been dealt that have not ended.
    open: Box<[AtomicUsize]>,
}

impl<C, A> Dealer<C, A> {
    /// Returns the loop with the fewest connections of those for which `may_get` is true, the first
    /// of several.
    fn least_busy(&self, may_get: impl Fn(&Sender<Accepted<C, A>>) -> bool) -> Option<usize> {
        let loops = 0..self.queues.len();
        loops
            .filter(|&index| may_get(&self.queues[index]))
            .min_by_key(|&index| self.open[index].load(Ordering::Relaxed))
    }

    /// Waits until any queue has room. Returns false if all are closed.
    async fn has_room(&self) -> bool {
        loop {
            if self.least_busy(has_room).is_some() {
                return true;
            }
            let full = self.queues.iter().filter(|queue| !queue.is_closed());
            let full: Vec<_> = full.map(|queue| Box::pin(queue.reserve())).collect();
            if full.is_empty() {
                return false;
            }
            let _room_or_closed = select_all(full).await;
        }
    }

    /// Deals a connection, or returns it if no queue has room.
    fn try_deal(&self, mut connection: (C, A)) -> Result<(), (C, A)> {
        loop {
            let Some(index) = self.least_busy(has_room) else {
                return Err(connection);
            };
            self.open[index].fetch_add(1, Ordering::Relaxed);
            match self.queues[index].try_send(Ok(connection)) {
                Ok(()) => return Ok(()),
                // The loop has ended meanwhile, or another one has dealt it its own queue.
                Err(TrySendError::Closed(Ok(back)) | TrySendError::Full(Ok(back))) => {
                    self.open[index].fetch_sub(1, Ordering::Relaxed);
                    connection = back;
                }
                Err(_) => unreachable!("it was sent as a connection"),
            }
        }
    }
}

/// The connections of a listener that are dealt to one loop; returned by [`deal`].
///
/// Pass it to [`quintet::serve`](crate::serve()). A connection goes to the loop with the fewest
/// open connections, and to the one with the lowest number if several have as few. Open are those
/// that were dealt to a loop and whose handlers have not ended. They are dealt before any operation
/// on them has waited, so they belong to the loop that serves them.
///
/// Loop 0 accepts, in a task of its own, from when its `Dealt` is first polled until it is dropped.
/// Then the listener is closed, and the other loops get no more connections. Errors of the listener
/// are passed to the server of loop 0; it accepts again when that server does.
///
/// Up to 64 connections wait for each loop that is busy or has reached the limit of
/// [`max_connections`](crate::serve::Serve::max_connections), which should be the same on all
/// loops. If as many wait for all loops, none is accepted. When a loop stops, its queue is dealt to
/// the others.
pub struct Dealt<L: Listener> {
    index: usize,
    queue: Receiver<Accepted<L::Connection, L::Addr>>,
    dealer: Arc<Dealer<L::Connection, L::Addr>>,
    /// What loop 0 has to accept from, before it does.
    listener: Option<L>,
    location: &'static Location<'static>,
    acceptor: Option<Acceptor>,
}

/// The task of loop 0 that accepts.
struct Acceptor {
    _task: AbortOnDropHandle<()>,
    /// Notified when an error has been passed on, and the server accepts again.
    retry: Arc<Notify>,
    has_failed: bool,
}

impl<L> Dealt<L>
where
    L: Listener<Connection: Send, Addr: Send> + 'static,
{
    /// Starts to accept. The task belongs to the loop that is current.
    fn start(&mut self, listener: L) {
        let retry = Arc::new(Notify::new());
        let origin = Origin {
            name: Some(Name::new("acceptor".to_owned())),
            location: self.location,
        };
        let accepts = accept_all(listener, Arc::clone(&self.dealer), Arc::clone(&retry));
        self.acceptor = Some(Acceptor {
            _task: AbortOnDropHandle::new(task::spawn_with(accepts, origin)),
            retry,
            has_failed: false,
        });
    }
}

/// Accepts connections and deals them, until no loop is left.
async fn accept_all<L: Listener>(
    mut listener: L,
    dealer: Arc<Dealer<L::Connection, L::Addr>>,
    retry: Arc<Notify>,
) {
    while dealer.has_room().await {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(mut connection) => {
                while let Err(back) = dealer.try_deal(connection) {
                    if !dealer.has_room().await {
                        return;
                    }
                    connection = back;
                }
            }
            Err(error) => {
                if dealer.queues[0].send(Err(error)).await.is_err() {
                    return;
                }
                retry.notified().await;
            }
        }
    }
}

impl<L> Listener for Dealt<L>
where
    L: Listener<Connection: Send, Addr: Send> + 'static,
{
    type Connection = L::Connection;
    type Addr = L::Addr;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Connection, Self::Addr)>> {
        if let Some(listener) = self.listener.take() {
            self.start(listener);
        }
        if let Some(acceptor) = &mut self.acceptor
            && acceptor.has_failed
        {
            acceptor.has_failed = false;
            acceptor.retry.notify_one();
        }
        let accepted = ready!(self.queue.poll_recv(cx)).expect("`dealer` has a sender");
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.has_failed = accepted.is_err();
        }
        Poll::Ready(accepted)
    }

    fn connection_ended(&mut self) {
        self.dealer.open[self.index].fetch_sub(1, Ordering::Relaxed);
    }

    /// For the connections of all loops, if it is that of loop 0 and has not been polled.
    fn set_nodelay(&mut self) -> io::Result<()> {
        self.listener.as_mut().map_or(Ok(()), L::set_nodelay)
    }
}

impl<L: Listener> Drop for Dealt<L> {
    /// Deals what is in the queue to the other loops. If all have ended, it is dropped, as are
    /// clients in the backlog of a listener that is closed.
    fn drop(&mut self) {
        self.queue.close();
        while let Ok(accepted) = self.queue.try_recv() {
            if let Ok(connection) = accepted {
                let _no_loop_is_left = self.dealer.try_deal(connection);
            }
        }
    }
}

impl<L: Listener> fmt::Debug for Dealt<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.dealer.open[self.index].load(Ordering::Relaxed);
        f.debug_struct("Dealt")
            .field("index", &self.index)
            .field("open", &open)
            .finish_non_exhaustive()
    }
}

assert_impl!(Dealt<crate::net::TcpListener>: Send);
