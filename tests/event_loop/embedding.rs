//! The loop as a guest of another one, which waits for its descriptor and for nothing else.
//!
//! No test here gives a wait a timeout: a wake that is missed is a test that hangs.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::{pending, poll_fn};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures::StreamExt;
use futures::channel::mpsc as channel;
use futures::channel::oneshot;
use quintet::net::{TcpListener, TcpStream};
use quintet::runtime::{Builder, Runtime};
use quintet::task::{JoinHandle, yield_now};
use quintet::time::{self, Duration, Instant, Sleep, interval, sleep};
use quintet::{spawn, spawn_blocking};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::support::alarm::can_set_alarm;
use crate::support::patience::in_time;

const LONG: Duration = Duration::from_secs(3600);

/// A few turns that find nothing to do are allowed: an old alarm, a bell that was rung early.
const VAIN_TURNS_MAX: usize = 8;

/// A host: a loop of `poll(2)` that counts the turns it grants.
struct Host {
    runtime: Runtime,
    /// The descriptor, asked for once, like one that stands in somebody's epoll.
    fd: OwnedFd,
    turns: Cell<usize>,
}

impl Host {
    fn new() -> Self {
        Host::of(Runtime::new().expect("descriptors for a runtime"))
    }

    fn of(runtime: Runtime) -> Self {
        let fd = runtime.as_fd().try_clone_to_owned();
        Host {
            runtime,
            fd: fd.expect("a descriptor"),
            turns: Cell::new(0),
        }
    }

    fn turn(&self) -> bool {
        self.turns.set(self.turns.get() + 1);
        self.runtime.turn(Some(Duration::ZERO))
    }

    /// Waits for the runtime's descriptor, for as long as that takes, and lets it turn, until
    /// `is_done`.
    fn serve_until(&self, is_done: impl Fn() -> bool) {
        while !is_done() {
            self.wait();
            self.turn();
        }
    }

    /// How long the host waits for the descriptor, where the OS has no alarm for timers.
    fn patience(&self) -> Option<Duration> {
        if can_set_alarm() {
            return None;
        }
        let deadline = self.runtime.next_deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    fn wait(&self) {
        wait_for(&[self.fd.as_fd()], self.patience());
    }

    fn serve<T>(&self, task: &JoinHandle<T>) {
        self.serve_until(|| task.is_finished());
    }

    /// Turns until the descriptor says that nothing is to be done.
    fn settle(&self) {
        let before = self.turns.get();
        while is_readable(&self.fd) {
            self.turn();
            let turns = self.turns.get() - before;
            assert!(turns < 1000, "the descriptor stays readable");
        }
    }
}

fn is_readable(fd: &impl AsFd) -> bool {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&now)).expect("poll works") == 1
}

/// Waits until one of the descriptors is readable or has hung up, and tells for each whether it is.
fn wait_for(fds: &[BorrowedFd<'_>], patience: Option<Duration>) -> Vec<bool> {
    let mut fds: Vec<_> = fds
        .iter()
        .map(|&fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    let patience = patience.map(|patience| Timespec::try_from(patience).expect("not that long"));
    loop {
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
    fds.iter().map(|fd| !fd.revents().is_empty()).collect()
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

// ---- The examples ----------------------------------------------------------------------------

#[test]
fn a_host_with_an_input_of_its_own_serves_both() {
    in_time(|| {
        const LINES: usize = 200;
        let (mut input, mut pipe): (PipeReader, PipeWriter) = io::pipe().unwrap();
        let writer = thread::spawn(move || {
            for n in 0..LINES {
                writeln!(pipe, "{n}").unwrap();
            }
        });
        let host = Host::new();
        let (sender, mut lines) = channel::unbounded::<u8>();
        let echoed = Rc::new(RefCell::new(Vec::new()));
        let copy = Rc::clone(&echoed);
        let server = host
            .runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        server.unref();
        let addr = server.local_addr().unwrap();
        host.runtime.spawn(async move {
            loop {
                let (stream, _) = server.accept().await.unwrap();
                spawn(async move {
                    let mut buf = [0; 64];
                    while let Ok(count @ 1..) = stream.read(&mut buf).await {
                        stream.write_all(&buf[..count]).await.unwrap();
                    }
                });
            }
        });
        host.runtime.spawn(async move {
            let stream = TcpStream::connect(addr).await.unwrap();
            while let Some(byte) = lines.next().await {
                stream.write_all(&[byte]).await.unwrap();
                let mut echo = [0];
                stream.read_exact(&mut echo).await.unwrap();
                copy.borrow_mut().push(echo[0]);
            }
        });
        let beats = Rc::new(Cell::new(0));
        let count = Rc::clone(&beats);
        host.runtime.spawn(async move {
            let mut beat = interval(Duration::from_millis(1));
            for _ in 0..20 {
                beat.tick().await;
                count.set(count.get() + 1);
            }
        });

        let mut open = Some((sender, host.runtime.handle().keep_alive()));
        while host.turn() {
            let Some((lines, _)) = &open else {
                host.wait();
                continue;
            };
            if wait_for(&[host.fd.as_fd(), input.as_fd()], host.patience())[1] {
                let mut buf = [0; 32];
                let count = input.read(&mut buf).unwrap();
                for &byte in &buf[..count] {
                    lines.unbounded_send(byte).unwrap();
                }
                if count == 0 {
                    open = None;
                }
            }
        }

        let expected: String = (0..LINES).map(|n| format!("{n}\n")).collect();
        assert_eq!(*echoed.borrow(), expected.as_bytes());
        assert_eq!(beats.get(), 20);
        writer.join().unwrap();
    });
}

#[test]
fn a_host_that_draws_frames_gives_everybody_their_time() {
    in_time(|| {
        const FRAME: Duration = Duration::from_micros(500);
        let host = Host::new();
        let done = Rc::new(Cell::new(0));
        for n in 0..20 {
            let done = Rc::clone(&done);
            host.runtime.spawn(async move {
                for _ in 0..5 {
                    sleep(Duration::from_micros(300 + 50 * n)).await;
                    spawn_blocking(|| ()).await.unwrap();
                    done.set(done.get() + 1);
                }
            });
        }
        let mut frames = 0;
        let mut next_frame = Instant::now();
        while done.get() < 100 {
            next_frame += FRAME;
            while Instant::now() < next_frame {
                host.turn();
                let next = host.runtime.next_deadline();
                let next = next.map_or(next_frame, |next| next.min(next_frame));
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            frames += 1;
        }
        assert!(frames > 0);
        assert!(!host.turn(), "nothing is left");
        assert_eq!(host.runtime.next_deadline(), None);
    });
}

// ---- No wake is missed -----------------------------------------------------------------------

#[test]
fn ten_thousand_wakes_of_another_thread_are_all_seen() {
    in_time(|| {
        const WAKES: usize = 10_000;
        let host = Host::new();
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&sent);
        let (hand_over, wakers) = mpsc::channel::<Waker>();
        let thread = thread::spawn(move || {
            for waker in wakers {
                counter.fetch_add(1, Ordering::Relaxed);
                waker.wake();
            }
        });
        let mut seen = 0;
        let task = host.runtime.spawn(poll_fn(move |cx| {
            let sent = sent.load(Ordering::Relaxed);
            if sent == WAKES {
                return Poll::Ready(());
            }
            // One wake at a time: the next is asked for when this one has been seen.
            if sent == seen {
                seen += 1;
                hand_over.send(cx.waker().clone()).unwrap();
            }
            Poll::Pending
        }));
        host.serve(&task);
        drop(task);
        thread.join().unwrap();
    });
}

#[test]
fn wakes_of_four_threads_at_once_are_all_seen() {
    in_time(|| {
        const EACH: usize = 2500;
        let host = Host::new();
        let (senders, mut receiver) = channel::unbounded::<()>();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let sender = senders.clone();
                thread::spawn(move || (0..EACH).for_each(|_| sender.unbounded_send(()).unwrap()))
            })
            .collect();
        drop(senders);
        let task = host.runtime.spawn(async move {
            let mut count = 0;
            while receiver.next().await.is_some() {
                count += 1;
            }
            assert_eq!(count, 4 * EACH);
        });
        host.serve(&task);
        assert!(matches!(host.runtime.block_on(task), Ok(())));
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn results_of_workers_come_one_by_one_and_in_crowds() {
    in_time(|| {
        let host = Host::new();
        let task = host.runtime.spawn(async {
            for n in 0..500 {
                assert_eq!(spawn_blocking(move || n).await.unwrap(), n);
            }
            let jobs: Vec<_> = (0..500).map(|n| spawn_blocking(move || n)).collect();
            let mut sum = 0;
            for job in jobs {
                sum += job.await.unwrap();
            }
            sum
        });
        host.serve(&task);
        assert_eq!(host.runtime.block_on(task).unwrap(), 499 * 250);
    });
}

#[test]
fn what_comes_through_a_handle_is_seen() {
    in_time(|| {
        let host = Host::new();
        let handle = host.runtime.handle().clone();
        let guard = handle.keep_alive();
        let thread = thread::spawn(move || {
            let _guard = guard;
            for n in 0..1000 {
                let task = handle.spawn(async move { n });
                assert_eq!(quintet::block_on(task).unwrap(), n);
            }
            let job = handle.spawn_blocking(|| 5);
            assert_eq!(quintet::block_on(job).unwrap(), 5);
            assert!(handle.dump().tasks().is_empty());
        });
        // The guard's end makes the descriptor readable, and the turn says that nothing is alive.
        while host.turn() {
            host.wait();
        }
        thread.join().unwrap();
    });
}

#[test]
fn what_is_done_between_two_turns_is_seen() {
    in_time(|| {
        let host = Host::new();
        host.settle();

        // A task, a timer in a task, and one that the host itself holds.
        host.serve(&host.runtime.spawn(async {}));
        host.serve(&host.runtime.spawn(sleep(Duration::from_millis(1))));
        let guard = host.runtime.enter();
        let mut timer: Sleep = sleep(Duration::from_millis(1));
        assert!(poll_once(&mut timer).is_pending());
        host.serve_until(|| timer.is_elapsed());
        let deadline = Instant::now() + Duration::from_millis(1);
        Pin::new(&mut timer).reset(deadline);
        host.serve_until(|| timer.is_elapsed());
        assert!(Instant::now() >= deadline);
        drop(guard);

        // An earlier timer than the one which the host waits for already.
        host.runtime.spawn(sleep(LONG));
        host.settle();
        host.serve(&host.runtime.spawn(sleep(Duration::from_millis(1))));

        // An abort, and a message to a task.
        let task = host.runtime.spawn(pending::<()>());
        host.settle();
        task.abort();
        host.serve(&task);
        let (sender, receiver) = oneshot::channel();
        let task = host.runtime.spawn(receiver);
        host.settle();
        sender.send(()).unwrap();
        host.serve(&task);
    });
}

#[test]
fn a_turn_to_yield_and_a_close_that_the_host_asks_for_are_seen() {
    in_time(|| {
        let host = Host::new();
        host.settle();
        let guard = host.runtime.enter();

        let mut yielded = Box::pin(yield_now());
        assert!(poll_once(&mut yielded).is_pending());
        assert!(is_readable(&host.fd), "a task waits for check");
        host.settle();
        assert!(poll_once(&mut yielded).is_ready());

        let mut bind = Box::pin(TcpListener::bind("127.0.0.1:0"));
        let Poll::Ready(Ok(listener)) = poll_once(&mut bind) else {
            panic!("nothing is to be waited for");
        };
        let mut closed = Box::pin(listener.close());
        assert!(poll_once(&mut closed).is_pending());
        assert!(is_readable(&host.fd), "a task waits for a close");
        host.settle();
        assert!(poll_once(&mut closed).is_ready());
        drop(guard);
    });
}

#[test]
fn time_that_the_host_moves_is_seen() {
    in_time(|| {
        let runtime = Builder::new()
            .start_paused(true)
            .auto_advance(false)
            .build();
        let host = Host::of(runtime.unwrap());
        // From here on the sleeps are made by the runtime's time.
        let guard = host.runtime.enter();
        let task = host.runtime.spawn(sleep(LONG));
        host.settle();
        drop(time::advance(LONG));
        assert!(is_readable(&host.fd), "a timer is due");
        host.serve(&task);

        let task = host.runtime.spawn(sleep(LONG));
        host.settle();
        assert_eq!(time::advance_to_next(), Some(LONG));
        host.serve(&task);

        let task = host.runtime.spawn(sleep(Duration::from_millis(1)));
        host.settle();
        time::resume();
        host.serve(&task);
        drop(guard);
    });
}

#[test]
fn paused_time_moves_on_in_turns_that_may_wait_and_keeps_no_host_busy() {
    in_time(|| {
        let host = Host::of(Builder::new().start_paused(true).build().unwrap());
        let guard = host.runtime.enter();
        let start = Instant::now();
        let task = host.runtime.spawn(sleep(LONG));
        host.settle();
        assert_eq!(host.runtime.next_deadline(), Some(start + LONG));
        assert!(host.runtime.turn(Some(LONG / 2)));
        assert_eq!(start.elapsed(), LONG / 2);
        host.settle();
        assert!(!task.is_finished());
        // The turn that comes to the deadline, and the one in which it fires.
        assert!(host.runtime.turn(Some(LONG)));
        assert_eq!(start.elapsed(), LONG);
        assert!(is_readable(&host.fd), "a timer is due");
        host.serve(&task);
        drop(guard);
    });
}

#[test]
fn a_task_that_ran_out_of_its_budget_goes_on() {
    in_time(|| {
        let runtime = Builder::new().phase_budget(1).build().unwrap();
        let host = Host::of(runtime);
        let tasks: Vec<_> = (0..300)
            .map(|n| host.runtime.spawn(async move { n }))
            .collect();
        let sum = host.runtime.spawn(async move {
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        host.serve(&sum);
        assert_eq!(host.runtime.block_on(sum).unwrap(), 299 * 150);
    });
}

#[test]
fn two_guests_of_one_host_talk_to_each_other() {
    in_time(|| {
        const ROUNDS: u32 = 1000;
        let hosts = [Host::new(), Host::new()];
        let (to_second, mut from_first) = channel::unbounded::<u32>();
        let (to_first, mut from_second) = channel::unbounded::<u32>();
        let first = hosts[0].runtime.spawn(async move {
            for round in 0..ROUNDS {
                to_second.unbounded_send(round).unwrap();
                assert_eq!(from_second.next().await, Some(round));
            }
        });
        hosts[1].runtime.spawn(async move {
            while let Some(round) = from_first.next().await {
                to_first.unbounded_send(round).unwrap();
            }
        });
        while !first.is_finished() {
            let ready = wait_for(&[hosts[0].fd.as_fd(), hosts[1].fd.as_fd()], None);
            for (host, is_ready) in hosts.iter().zip(ready) {
                if is_ready {
                    host.turn();
                }
            }
        }
        assert!(matches!(hosts[0].runtime.block_on(first), Ok(())));
    });
}

#[test]
fn jobs_under_a_seed_are_seen() {
    in_time(|| {
        let host = Host::of(Builder::new().seed(3).build().unwrap());
        host.settle();
        let handle = host.runtime.handle().clone();
        host.serve(&host.runtime.spawn_blocking(|| ()));
        let job = thread::spawn(move || handle.spawn_blocking(|| ())).join();
        host.serve(&job.unwrap());
    });
}

// ---- And none is made up ---------------------------------------------------------------------

#[test]
fn an_idle_guest_is_left_alone() {
    in_time(|| {
        let host = Host::new();
        let listener = host
            .runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        host.runtime
            .spawn(async move { listener.accept().await.map(drop) });
        host.runtime.spawn(sleep(LONG));
        host.runtime.spawn(pending::<()>());
        let (release, is_released) = mpsc::channel::<()>();
        host.runtime.spawn_blocking(move || is_released.recv());
        host.settle();
        assert!(
            host.turns.get() <= VAIN_TURNS_MAX,
            "{} turns for nothing",
            host.turns.get()
        );
        // Another turn does no harm: the descriptor stays silent.
        for _ in 0..10 {
            assert!(host.turn());
        }
        host.settle();
        let before = host.turns.get();
        host.settle();
        assert_eq!(host.turns.get(), before);
        drop(release);
    });
}

#[test]
fn a_guest_turns_about_as_often_as_something_happens() {
    in_time(|| {
        const BEATS: usize = 50;
        let host = Host::new();
        host.settle();
        host.turns.set(0);
        let task = host.runtime.spawn(async {
            let mut beat = interval(Duration::from_micros(500));
            for _ in 0..BEATS {
                beat.tick().await;
            }
        });
        host.serve(&task);
        let turns = host.turns.get();
        assert!(turns <= 3 * BEATS + VAIN_TURNS_MAX, "{turns} turns");
    });
}

#[test]
fn a_cancelled_timer_rings_at_most_once() {
    in_time(|| {
        let host = Host::new();
        let task = host.runtime.spawn(sleep(Duration::from_millis(1)));
        host.settle();
        task.abort();
        host.settle();
        let behind = host.runtime.spawn(sleep(Duration::from_millis(5)));
        host.turns.set(0);
        host.serve(&behind);
        assert!(host.turns.get() <= VAIN_TURNS_MAX, "{}", host.turns.get());
    });
}

#[test]
fn the_descriptor_stays_the_same_and_is_closed_on_exec() {
    let host = Host::new();
    let number = host.runtime.as_raw_fd();
    let info = File::open(format!("/proc/self/fdinfo/{number}")).unwrap();
    let info = io::read_to_string(info).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = u32::from_str_radix(flags.expect("it has flags").trim(), 8).unwrap();
    const CLOEXEC: u32 = 0o2_000_000;
    assert_ne!(flags & CLOEXEC, 0, "{info}");
    host.serve(&host.runtime.spawn(async {}));
    assert_eq!(host.runtime.as_raw_fd(), number);
}
