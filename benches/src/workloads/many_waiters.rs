//! Several tasks that wait until one socket is readable.

use std::cell::Cell;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::rc::Rc;

use super::Amount;
use super::local_channel::{Sender, channel};
use super::tasks::{timed, wake_self};
use crate::measure::Sample;
use crate::runtimes::{Runtime, SharedSocket};

/// A byte arrives and wakes each of the `tasks` tasks that wait for the socket. One operation is a
/// byte. The last task that is polled reads it. The others wake themselves once in between, since
/// the socket stays readable until then.
pub(crate) fn readable<R>(tasks: u64, amount: Amount) -> Sample
where
    R: Runtime + SharedSocket,
{
    timed::<R, _>(amount, move |count| bytes::<R>(tasks, count))
}

async fn bytes<R: Runtime + SharedSocket>(tasks: u64, count: u64) {
    let (mut peer, stream) = pair().expect("the sockets connect");
    let socket = R::socket(stream).expect("the socket can be registered");
    let (all, mut all_woken) = channel();
    let waiters = Rc::new(Waiters {
        socket,
        tasks,
        woken: Cell::new(0),
        number: Cell::new(0),
        all,
    });
    let waiters: Vec<_> = (0..tasks)
        .map(|_| R::spawn(Rc::clone(&waiters).wait::<R>(count)))
        .collect();
    // This task is behind them in the queue: once it has run, all of them wait.
    R::spawn(async {}).await;
    for number in 1..=count {
        peer.write_all(&[7]).expect("the socket buffer has room");
        assert_eq!(all_woken.receive().await, number);
    }
    for waiter in waiters {
        waiter.await;
    }
}

/// The state that the waiting tasks share.
struct Waiters<S> {
    socket: S,
    tasks: u64,
    /// The number of tasks that the current byte has woken.
    woken: Cell<u64>,
    /// The number of bytes that have been read.
    number: Cell<u64>,
    all: Sender,
}

impl<S> Waiters<S> {
    async fn wait<R: SharedSocket<Socket = S>>(self: Rc<Self>, count: u64) {
        for number in 0..count {
            R::readable(&self.socket).await.expect("the socket is open");
            self.woken.set(self.woken.get() + 1);
            if self.woken.get() == self.tasks {
                let bytes = drain::<R>(&self.socket).expect("the socket is open");
                assert_eq!(bytes, 1);
                self.woken.set(0);
                self.number.set(number + 1);
                self.all.send(number + 1);
            }
            while self.number.get() == number {
                wake_self(1).await;
            }
        }
    }
}

/// Reads until it would block, so that the next byte is an event. Returns the number of bytes.
fn drain<R: SharedSocket>(socket: &R::Socket) -> io::Result<usize> {
    let mut buffer = [0; 64];
    let mut bytes = 0;
    loop {
        match R::try_read(socket, &mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => bytes += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(bytes),
            Err(error) => return Err(error),
        }
    }
}

fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let peer = TcpStream::connect(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    peer.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok((peer, stream))
}
