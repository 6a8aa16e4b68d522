//! An idle program polls no task and runs no tick, whatever its tasks wait for. So it makes no
//! system call except the one in which the loop waits.

use std::future::{Future, pending};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener as StdListener, TcpStream as Peer};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};

use crate::blocking::spawn_blocking;
use crate::context;
use crate::event_loop::LoopShared;
use crate::net::{TcpListener, TcpStream};
use crate::runtime::{Builder, Runtime};
use crate::signal::unix::{SignalKind, signal};
use crate::sync::{Barrier, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use crate::task::{CancellationToken, JoinSet, TaskTracker, scope, spawn};
use crate::time::{interval, sleep, timeout};

const LONG: Duration = Duration::from_secs(100_000);

/// The time between two samples. More would only be stricter.
const INTERVAL: Duration = Duration::from_millis(10);

/// The number of consecutive intervals in which the program must be idle.
const IDLE_INTERVALS: u32 = 5;

/// The maximum number of samples until then. The kernel may report events of new sockets late.
const SAMPLES_MAX: usize = 300;

/// The time after which the test fails.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);

/// Counts the polls of all waiting tasks.
#[derive(Clone, Default)]
struct Polls(Arc<AtomicU64>);

impl Polls {
    /// Spawns a task that waits.
    fn spawn<F: Future + 'static>(&self, future: F) {
        drop(spawn(Counted {
            future: Box::pin(future),
            polls: self.clone(),
        }));
    }
}

struct Counted<F> {
    future: Pin<Box<F>>,
    polls: Polls,
}

impl<F: Future> Future for Counted<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.polls.0.fetch_add(1, Ordering::Relaxed);
        self.future.as_mut().poll(cx).map(drop)
    }
}

/// An idle connection.
fn connection(listener: &StdListener) -> (TcpStream, Peer) {
    let peer = Peer::connect(listener.local_addr().unwrap()).unwrap();
    let (own, _) = listener.accept().unwrap();
    (TcpStream::from_std(own).unwrap(), peer)
}

/// A connection whose send buffer is full.
fn full(listener: &StdListener) -> (TcpStream, Peer) {
    let (own, peer) = connection(listener);
    let own = own.into_std().unwrap();
    own.set_nonblocking(true).unwrap();
    loop {
        match std::io::Write::write(&mut &own, &[0; 65536]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    (TcpStream::from_std(own).unwrap(), peer)
}

/// Spawns tasks with every kind of wait on sockets. The returned peers keep the connections open.
fn wait_for_sockets(polls: &Polls) -> Vec<Peer> {
    let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut peers = Vec::new();
    let mut idle = || {
        let (own, peer) = connection(&listener);
        peers.push(peer);
        own
    };
    let own = idle();
    polls.spawn(async move { own.read(&mut [0]).await });
    let own = idle();
    polls.spawn(async move { own.read_exact(&mut [0; 9]).await });
    let own = idle();
    polls.spawn(async move { own.readable().await });
    let own = idle();
    polls.spawn(async move { own.peek(&mut [0]).await });
    let mut own = idle();
    polls.spawn(async move { AsyncReadExt::read(&mut own, &mut [0]).await });
    let (mut read, write) = idle().into_split();
    polls.spawn(async move {
        let _open = write;
        read.read(&mut [0]).await
    });
    // Many waits on one socket: by methods and by traits, from several tasks and from one.
    let own = Rc::new(idle());
    for _ in 0..20 {
        let own = Rc::clone(&own);
        polls.spawn(async move { own.read(&mut [0]).await });
    }
    let own = Rc::new(idle());
    for _ in 0..20 {
        let own = Rc::clone(&own);
        polls.spawn(async move { AsyncReadExt::read(&mut &*own, &mut [0]).await });
    }
    let own = Rc::new(idle());
    polls.spawn(async move {
        let read = || {
            let own = Rc::clone(&own);
            async move { AsyncReadExt::read(&mut &*own, &mut [0]).await.map(drop) }
        };
        let mut reads: FuturesUnordered<_> = (0..20).map(|_| read()).collect();
        while reads.next().await.is_some() {}
    });
    for _ in 0..3 {
        let (own, peer) = full(&listener);
        peers.push(peer);
        let own = Rc::new(own);
        for n in 0..10 {
            let own = Rc::clone(&own);
            polls.spawn(async move {
                match n % 3 {
                    0 => own.write(&[0]).await.map(drop),
                    1 => own.writable().await,
                    _ => AsyncWriteExt::write(&mut &*own, &[0]).await.map(drop),
                }
            });
        }
    }
    for n in 0..20 {
        let own = listener.try_clone().unwrap();
        let own = TcpListener::from_std(own).unwrap();
        polls.spawn(async move {
            if n % 2 == 0 {
                own.accept().await.map(drop)
            } else {
                own.incoming().next().await.unwrap().map(drop)
            }
        });
    }
    peers
}

fn wait_for_time(polls: &Polls) {
    for n in 0..100 {
        polls.spawn(sleep(LONG + Duration::from_micros(n)));
        polls.spawn(timeout(LONG, pending::<()>()));
    }
    polls.spawn(async {
        let mut beat = interval(LONG);
        beat.tick().await;
        beat.tick().await;
    });
    polls.spawn(sleep(Duration::MAX));
}

fn wait_for_each_other(polls: &Polls) {
    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let (full, unread) = mpsc::channel::<()>(1);
    polls.spawn(async move {
        let _open = sender;
        receiver.recv().await
    });
    polls.spawn(async move {
        let _open = unread;
        full.send(()).await.unwrap();
        full.send(()).await
    });
    let (sender, receiver) = oneshot::channel::<()>();
    polls.spawn(async move {
        let _open = sender;
        receiver.await
    });
    let (sender, mut receiver) = broadcast::channel::<()>(1);
    polls.spawn(async move {
        let _open = sender;
        receiver.recv().await.unwrap();
    });
    let (sender, mut receiver) = watch::channel(());
    polls.spawn(async move {
        let _open = sender;
        receiver.changed().await.unwrap();
    });
    let mutex = Arc::new(Mutex::new(()));
    let lock = Arc::new(RwLock::new(()));
    for _ in 0..3 {
        let (mutex, lock) = (Arc::clone(&mutex), Arc::clone(&lock));
        polls.spawn(async move {
            let _guard = mutex.lock().await;
            pending::<()>().await;
        });
        polls.spawn(async move {
            let _guard = lock.write().await;
            pending::<()>().await;
        });
    }
    polls.spawn(async { drop(Semaphore::new(0).acquire().await) });
    polls.spawn(async { Notify::new().notified().await });
    polls.spawn(async { Barrier::new(2).wait().await });
    polls.spawn(async { CancellationToken::new().cancelled().await });
    polls.spawn(async {
        let token = CancellationToken::new();
        token.run_until_cancelled(pending::<()>()).await
    });
    let tracker = TaskTracker::new();
    polls.spawn(async move {
        let _tracked = tracker.token();
        tracker.close();
        tracker.wait().await;
    });
}

fn wait_for_tasks(polls: &Polls) -> std_mpsc::Sender<()> {
    let (release, released) = std_mpsc::channel::<()>();
    polls.spawn(spawn(pending::<()>()));
    polls.spawn(async {
        let mut set: JoinSet<()> = (0..3).map(|_| pending::<()>()).collect();
        set.join_next().await.unwrap().unwrap();
    });
    polls.spawn(scope(async |scope| {
        for _ in 0..3 {
            scope.spawn(pending::<()>());
        }
        scope.spawn(pending::<()>()).await.unwrap();
    }));
    polls.spawn(spawn_blocking(move || released.recv()));
    polls.spawn(async {
        let mut stream = signal(SignalKind::user_defined2()).unwrap();
        stream.recv().await
    });
    release
}

/// Returns the number of ticks and the number of polls, as seen by a message to the loop.
fn sample(shared: &LoopShared, polls: &Polls) -> (u64, u64) {
    let (send, seen) = std_mpsc::channel();
    let polls = polls.clone();
    context::call_on_loop(shared.id, &shared.inbox, move |event_loop| {
        let polls = polls.0.load(Ordering::Relaxed);
        send.send((event_loop.ticks(), polls)).unwrap();
    });
    seen.recv_timeout(HANG_TIMEOUT)
        .expect("the loop handles its messages")
}

/// Samples until the program was idle for [`IDLE_INTERVALS`] consecutive intervals.
fn wait_until_idle(shared: &LoopShared, polls: &Polls) -> Result<(), String> {
    let mut samples = vec![sample(shared, polls)];
    let mut idle_intervals = 0;
    while idle_intervals < IDLE_INTERVALS {
        thread::sleep(INTERVAL);
        let (ticks, polls) = sample(shared, polls);
        // The tick of the last sample has ended, and no other tick has run.
        let is_idle = samples.last() == Some(&(ticks - 1, polls));
        idle_intervals = if is_idle { idle_intervals + 1 } else { 0 };
        samples.push((ticks, polls));
        if samples.len() > SAMPLES_MAX {
            return Err(format!(
                "ticks and polls: {:?}",
                &samples[SAMPLES_MAX - 5..]
            ));
        }
    }
    Ok(())
}

/// Asserts that `drive` leaves a runtime idle in which tasks wait for everything there is.
fn assert_idle_while(drive: impl FnOnce(&Runtime, oneshot::Receiver<()>)) {
    let runtime = Builder::new().worker_threads(2).build().unwrap();
    let polls = Polls::default();
    let entered = runtime.enter();
    let peers = wait_for_sockets(&polls);
    wait_for_time(&polls);
    wait_for_each_other(&polls);
    let release = wait_for_tasks(&polls);
    drop(entered);
    let shared = Arc::clone(&runtime.event_loop.shared);
    let (end, ended) = oneshot::channel();
    let sampler = thread::spawn(move || {
        let result = wait_until_idle(&shared, &polls);
        let _not_block_on = end.send(());
        shared.stop();
        result
    });

    drive(&runtime, ended);

    let result = sampler.join().unwrap();
    drop(release);
    drop(runtime);
    drop(peers);
    assert_eq!(result, Ok(()));
}

#[test]
fn block_on_is_idle() {
    assert_idle_while(|runtime, ended| runtime.block_on(ended).unwrap());
}

#[test]
fn run_is_idle() {
    assert_idle_while(|runtime, _ended| runtime.run().unwrap());
}
