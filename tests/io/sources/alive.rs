//! What keeps `Runtime::run` going is what really waits.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::io::Write;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use futures::stream::{FuturesUnordered, StreamExt};
use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};
use quintet::net::TcpStream;
use quintet::runtime::Runtime;
use quintet::task::yield_now;
use quintet::time::{Duration, sleep, timeout};

use crate::support::cases::{connection, deliver, watched};

/// Runs `root`, which uses a socket and then waits for nothing of the loop.
fn is_stalled<F: Future<Output = ()> + 'static>(root: impl FnOnce(TcpStream) -> F) -> bool {
    let runtime = Runtime::new().unwrap();
    let (own, _peer) = connection();
    runtime.spawn(root(own));
    watched(|| runtime.run()).is_err()
}

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn a_read_that_a_timeout_gave_up_does_not_count() {
    assert!(is_stalled(async |mut own| {
        let mut buf = [0; 8];
        assert!(
            timeout(SHORT, AsyncReadExt::read(&mut own, &mut buf))
                .await
                .is_err()
        );
        pending::<()>().await;
    }));
    assert!(is_stalled(async |own| {
        let mut buf = [0; 8];
        assert!(timeout(SHORT, own.read(&mut buf)).await.is_err());
        pending::<()>().await;
    }));
}

#[test]
fn a_read_that_was_polled_once_and_dropped_does_not_count() {
    assert!(is_stalled(async |mut own| {
        let mut buf = [0; 8];
        let read = AsyncReadExt::read(&mut own, &mut buf);
        assert!(read.now_or_never().is_none());
        pending::<()>().await;
    }));
}

#[test]
fn a_write_that_was_given_up_does_not_count() {
    assert!(is_stalled(async |mut own| {
        let data = vec![0; 64 << 20];
        let write = AsyncWriteExt::write_all(&mut own, &data);
        assert!(timeout(SHORT, write).await.is_err());
        pending::<()>().await;
    }));
}

#[test]
fn a_read_in_a_combinator_that_was_dropped_does_not_count() {
    assert!(is_stalled(async |own| {
        let mut buf = [0; 8];
        let mut stream = &own;
        let read = AsyncReadExt::read(&mut stream, &mut buf)
            .map(drop)
            .boxed_local();
        let mut both = FuturesUnordered::from_iter([read, sleep(SHORT).boxed_local()]);
        both.next().await;
        drop(both);
        pending::<()>().await;
    }));
}

#[test]
fn it_does_not_count_beside_an_unreferenced_task_that_waits() {
    let (other, _peer) = connection();
    assert!(is_stalled(async |mut own| {
        quintet::spawn(async move { other.read(&mut [0; 8]).await }).unref();
        let mut buf = [0; 8];
        assert!(
            timeout(SHORT, AsyncReadExt::read(&mut own, &mut buf))
                .await
                .is_err()
        );
        pending::<()>().await;
    }));
}

#[test]
fn neither_does_one_among_many_that_were_given_up() {
    assert!(is_stalled(async |own| {
        for _ in 0..50 {
            let mut buf = [0; 8];
            let mut stream = &own;
            let read = AsyncReadExt::read(&mut stream, &mut buf)
                .map(drop)
                .boxed_local();
            let mut one = FuturesUnordered::from_iter([read]);
            assert!(poll_fn(|cx| Poll::Ready(one.poll_next_unpin(cx).is_pending())).await);
            yield_now().await;
        }
        pending::<()>().await;
    }));
}

/// Runs `root`, which waits for its socket and has it written to by a thread that does not say that
/// it will. Waits until that thread may go on by the dump, which sees the task wait.
fn goes_on<F: Future<Output = ()> + 'static>(root: impl FnOnce(TcpStream) -> F) {
    let runtime = Runtime::new().unwrap();
    let (own, mut peer) = connection();
    runtime.spawn(root(own));
    // So `run` has come to wait, or is about to, when this writes.
    runtime.run_until_stalled();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(3));
        peer.write_all(b"x").unwrap();
        peer
    });
    assert!(watched(|| runtime.run()).is_ok());
    drop(other.join().unwrap());
}

#[test]
fn a_read_by_the_trait_counts_while_it_waits() {
    goes_on(async |mut own| {
        assert_eq!(AsyncReadExt::read(&mut own, &mut [0; 8]).await.unwrap(), 1);
    });
}

#[test]
fn it_counts_after_others_of_its_task_were_given_up() {
    goes_on(async |mut own| {
        let mut buf = [0; 8];
        for _ in 0..3 {
            let read = AsyncReadExt::read(&mut own, &mut buf);
            assert!(read.now_or_never().is_none());
            yield_now().await;
        }
        assert_eq!(AsyncReadExt::read(&mut own, &mut buf).await.unwrap(), 1);
    });
}

#[test]
fn a_read_in_a_combinator_counts_also_where_that_has_moved_to_another_task() {
    goes_on(async |own| {
        let own = Rc::new(own);
        let read = async move {
            let mut stream = &*own;
            AsyncReadExt::read(&mut stream, &mut [0; 8]).await.unwrap()
        };
        let mut all = FuturesUnordered::from_iter([read.boxed_local()]);
        assert!(poll_fn(|cx| Poll::Ready(all.poll_next_unpin(cx).is_pending())).await);
        // The task that polled it first ends.
        quintet::spawn(async move { assert_eq!(all.next().await, Some(1)) });
    });
}

/// Whether a future counts that a task polls in a combinator, which then moves to another task.
fn counts_in_a_combinator_that_has_moved<F>(future: impl FnOnce() -> F + 'static) -> bool
where
    F: Future<Output = ()> + 'static,
{
    let runtime = Runtime::new().unwrap();
    let has_ended = Rc::new(Cell::new(false));
    let ended = Rc::clone(&has_ended);
    runtime.spawn(async move {
        let mut all = FuturesUnordered::from_iter([future().boxed_local()]);
        assert!(poll_fn(|cx| Poll::Ready(all.poll_next_unpin(cx).is_pending())).await);
        // The task that polled it first ends.
        quintet::spawn(async move { ended.set(all.next().await.is_some()) });
    });
    watched(|| runtime.run()).is_ok() && has_ended.get()
}

#[test]
fn so_do_a_sleep_and_a_yield() {
    assert!(counts_in_a_combinator_that_has_moved(|| sleep(SHORT)));
    assert!(counts_in_a_combinator_that_has_moved(yield_now));
}

#[test]
fn a_timer_whose_combinator_is_gone_with_its_task_does_not_count() {
    let runtime = Runtime::new().unwrap();
    let left = Rc::new(RefCell::new(Box::pin(sleep(Duration::from_secs(100_000)))));
    runtime.spawn({
        let left = Rc::clone(&left);
        async move {
            let wait = poll_fn(move |cx| left.borrow_mut().poll_unpin(cx));
            let mut all = FuturesUnordered::from_iter([wait]);
            assert!(all.next().now_or_never().is_none());
        }
    });
    watched(|| runtime.run()).unwrap();
    drop(left);
}

/// How often a task is polled that waits by the trait for a byte, in a run whose sleep another
/// thread ends `wakes` times before it sends that. With `is_twice` it takes two polls for each
/// wake.
fn polls_of_a_silent_run(wakes: usize, is_twice: bool) -> usize {
    let runtime = Runtime::new().unwrap();
    let (own, peer) = connection();
    let polls = Rc::new(Cell::new(0));
    runtime.spawn({
        let polls = Rc::clone(&polls);
        async move {
            let (mut stream, mut buf) = (own, [0; 8]);
            let mut read = pin!(AsyncReadExt::read(&mut stream, &mut buf));
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                if is_twice && polls.get() % 2 == 1 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                read.as_mut().poll(cx)
            })
            .await
            .unwrap();
        }
    });
    let handle = runtime.handle().clone();
    let other = thread::spawn(move || {
        for _ in 0..wakes {
            drop(handle.spawn(async {}));
            thread::yield_now();
        }
        (&peer).write_all(b"x").unwrap();
    });
    watched(|| runtime.run()).unwrap();
    other.join().unwrap();
    polls.get()
}

#[test]
fn a_silent_run_polls_a_waiting_task_at_most_once_more() {
    // The first, the one that is asked for, the one when the byte comes, and one that it may cross.
    let polls = polls_of_a_silent_run(50, false);
    assert!(polls <= 4, "{polls} polls");
}

#[test]
fn a_task_that_takes_two_polls_for_each_wake_is_believed_after_a_few() {
    let polls = polls_of_a_silent_run(200, true);
    assert!(polls <= 16, "{polls} polls");
}

#[test]
fn a_listener_that_is_unreferenced_on_another_thread_lets_the_run_end() {
    for is_registered in [false, true] {
        let runtime = Runtime::new().unwrap();
        let (own, _peer) = connection();
        let own = Arc::new(own);
        let task = runtime.spawn({
            let own = Arc::clone(&own);
            async move { own.read(&mut [0; 8]).await }
        });
        if is_registered {
            runtime.run_until_stalled();
        }
        let other = Arc::clone(&own);
        thread::spawn(move || other.unref()).join().unwrap();
        assert!(watched(|| runtime.run()).is_ok());
        assert!(!task.is_finished());
        own.ref_();
        let turns = (0..3)
            .filter(|_| runtime.turn(Some(Duration::ZERO)))
            .count();
        assert_eq!(turns, 3, "it counts again");
    }
}

#[test]
fn a_poller_that_was_asked_still_gets_what_comes() {
    // The read is woken to see whether it waits, and its bytes come before it asks again.
    let runtime = Runtime::new().unwrap();
    let (own, peer) = connection();
    let fd = own.as_fd_clone();
    runtime.spawn(async move {
        let mut stream = own;
        assert_eq!(
            AsyncReadExt::read(&mut stream, &mut [0; 8]).await.unwrap(),
            3
        );
    });
    runtime.run_until_stalled();
    assert!(runtime.turn(Some(Duration::ZERO)));
    deliver(&peer, &fd, b"abc");
    assert!(watched(|| runtime.run()).is_ok());
}

trait CloneFd {
    fn as_fd_clone(&self) -> std::os::fd::OwnedFd;
}

impl CloneFd for TcpStream {
    fn as_fd_clone(&self) -> std::os::fd::OwnedFd {
        std::os::fd::AsFd::as_fd(self).try_clone_to_owned().unwrap()
    }
}
