//! A task's own budget: rule 9 of the tick's contract.

use std::cell::Cell;
use std::io::{IoSlice, IoSliceMut, Write};
use std::pin::pin;
use std::rc::Rc;

use futures::stream::FuturesUnordered;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use quintet::net::TcpStream;
use quintet::runtime::Handle;
use quintet::task::{JoinHandle, set_immediate};
use quintet::time::{Duration, Instant, interval, sleep, timeout};
use quintet::{block_on, spawn, spawn_blocking};
use socket2::SockRef;

use crate::support::cases::{
    arm, arrived, backlog_is, connection, deliver, in_check, in_order, in_pending, in_poll,
    in_timers, jobs_are_done, listen, log, log_after, spend, take_log, units_left, wake_elsewhere,
    watched,
};
use crate::support::wakers::poll;

/// What one poll of a task may spend.
const UNITS: u32 = 128;

/// Moving so many bytes costs a unit more.
const UNIT_BYTES: usize = 16 * 1024;

// ---- What happens when the budget is spent -----------------------------------------------------

/// In check, a task makes `operation` again and again, which is always ready. Asserts that another
/// task has its turn after `through` of them; that the rest waits for pending; and that it comes
/// there, before poll.
fn yields_after<O>(through: u32, prepare: impl AsyncFn(u32) -> O + Copy + 'static)
where
    O: AsyncFnMut() + 'static,
{
    let total = through + 50;
    let expected = format!("other-{through} close-{through} timers-{through} done poll-{total}");
    in_order(&expected, || async move {
        let mut operation = prepare(total).await;
        let done = Rc::new(Cell::new(0));
        let seen = |name: &'static str| {
            let done = Rc::clone(&done);
            move || log(format!("{name}-{}", done.get()))
        };
        let [other, close, timers, poll] = ["other", "close", "timers", "poll"].map(seen);
        in_check().await;
        let counted = Rc::clone(&done);
        spawn(async move {
            for _ in 0..total {
                operation().await;
                counted.set(counted.get() + 1);
            }
            log("done");
        });
        spawn(async move { other() });
        spawn(async move {
            listen().await.close().await;
            close();
        });
        let timer = arm(Instant::now()).await;
        spawn(async move {
            timer.await;
            timers();
        });
        spawn(async move {
            in_poll().await;
            poll();
        });
    });
}

/// A connection from which `count` bytes can be read.
fn filled(count: usize) -> (TcpStream, std::net::TcpStream) {
    let (own, peer) = connection();
    deliver(&peer, &own, &vec![7; count]);
    (own, peer)
}

#[test]
fn reads_that_are_always_ready_yield() {
    yields_after(UNITS, async |total| {
        let (own, peer) = filled(total as usize);
        async move || {
            let _open = &peer;
            assert_eq!(own.read(&mut [0]).await.unwrap(), 1);
        }
    });
}

#[test]
fn reads_at_the_end_of_a_stream_yield() {
    yields_after(UNITS, async |_| {
        let (own, peer) = connection();
        drop(peer);
        assert_eq!(own.read(&mut [0]).await.unwrap(), 0);
        async move || assert_eq!(own.read(&mut [0]).await.unwrap(), 0)
    });
}

#[test]
fn writes_that_are_always_ready_yield() {
    yields_after(UNITS, async |_| {
        let (own, peer) = connection();
        async move || {
            let _open = &peer;
            assert_eq!(own.write(&[0]).await.unwrap(), 1);
        }
    });
}

#[test]
fn accepts_that_are_always_ready_yield() {
    yields_after(UNITS, async |total| {
        let listener = listen().await;
        let addr = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect(addr).unwrap();
        let clients: Vec<_> = (0..total).map(connect).collect();
        backlog_is(addr, clients.len());
        async move || {
            let _open = &clients;
            listener.accept().await.unwrap();
        }
    });
}

#[test]
fn joins_of_tasks_that_have_ended_yield() {
    yields_after(UNITS, async |total| {
        let mut handles: Vec<_> = (0..total).map(|_| spawn(async {})).collect();
        async move || handles.pop().unwrap().await.unwrap()
    });
}

#[test]
fn joins_of_immediates_that_were_called_yield() {
    yields_after(UNITS, async |total| {
        let mut handles: Vec<_> = (0..total).map(|_| set_immediate(|| ())).collect();
        in_check().await;
        async move || handles.pop().unwrap().await.unwrap()
    });
}

#[test]
fn joins_of_jobs_that_are_done_yield() {
    yields_after(UNITS, async |total| {
        let mut handles: Vec<_> = (0..total).map(|_| spawn_blocking(|| ())).collect();
        jobs_are_done();
        in_poll().await;
        async move || handles.pop().unwrap().await.unwrap()
    });
}

#[test]
fn joins_of_tasks_from_elsewhere_yield() {
    yields_after(UNITS, async |total| {
        let handle = Handle::current();
        let (send, receive) = std::sync::mpsc::channel();
        wake_elsewhere(move || {
            let spawned = (0..total).map(|_| handle.spawn(async {}));
            send.send(spawned.collect::<Vec<_>>()).unwrap();
        });
        let mut handles: Vec<JoinHandle<()>> = receive.recv().unwrap();
        in_poll().await;
        async move || handles.pop().unwrap().await.unwrap()
    });
}

#[test]
fn sleeps_that_have_ended_yield() {
    yields_after(UNITS, async |total| {
        let mut sleeps = Vec::new();
        for _ in 0..total {
            sleeps.push(arm(Instant::now()).await);
        }
        in_timers().await;
        async move || sleeps.pop().unwrap().await
    });
}

#[test]
fn sixteen_kibibytes_cost_a_unit_more() {
    // All but six units go elsewhere: two reads of three units each.
    yields_after(2, async |_| {
        let mut buf = vec![0; 2 * UNIT_BYTES];
        let (own, peer) = filled(3 * buf.len());
        let mut reads = 0;
        async move || {
            if reads == 0 {
                spend(UNITS - 6).await;
            }
            if reads < 3 {
                own.read_exact(&mut buf).await.unwrap();
                reads += 1;
            }
            let _open = &peer;
        }
    });
}

#[test]
fn the_root_has_a_budget_too() {
    watched(|| {
        block_on(async {
            spawn(async { log("other") });
            spend(UNITS).await;
            log("not-yet");
            spend(1).await;
            log("root");
        });
    });
    assert_eq!(take_log(), ["not-yet", "other", "root"]);
}

#[test]
fn the_budget_is_granted_anew_in_each_poll() {
    in_order("done", || async {
        for _ in 0..3 {
            in_pending().await;
            assert_eq!(units_left().await, UNITS);
            in_timers().await;
            // The timer's own end was the first operation.
            assert_eq!(units_left().await, UNITS - 1);
            in_check().await;
            assert_eq!(units_left().await, UNITS);
        }
        log("done");
    });
}

#[test]
fn futures_of_one_task_share_its_budget_and_all_end() {
    in_order("other done", || async {
        let (own, peer) = filled(1000);
        let own = Rc::new(own);
        let reads = Rc::new(Cell::new(0));
        let counted = Rc::clone(&reads);
        spawn(async move {
            let read = || async {
                own.read(&mut [0]).await.unwrap();
                counted.set(counted.get() + 1);
            };
            let mut all: FuturesUnordered<_> = (0..1000).map(|_| read()).collect();
            while all.next().await.is_some() {}
            drop(peer);
            log("done");
        });
        spawn(async move {
            assert_eq!(reads.get(), UNITS);
            log("other");
        });
    });
}

// ---- What costs how much -----------------------------------------------------------------------

/// Asserts what `operation` costs, which must be ready at once.
async fn assert_cost<T>(units: u32, name: &str, operation: impl Future<Output = T>) -> T {
    in_check().await;
    let output = match poll!(pin!(operation)) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("{name} is not ready"),
    };
    assert_eq!(UNITS - units_left().await, units, "{name}");
    output
}

#[test]
fn an_operation_costs_one_unit() {
    in_order("done", || async {
        let (mut own, peer) = filled(1000);
        let mut buf = [0; 8];
        assert_cost(1, "read", own.read(&mut buf)).await.unwrap();
        let mut bufs = [IoSliceMut::new(&mut buf)];
        assert_cost(1, "read_vectored", own.read_vectored(&mut bufs))
            .await
            .unwrap();
        assert_cost(1, "peek", own.peek(&mut buf)).await.unwrap();
        assert_cost(1, "readable", own.readable()).await.unwrap();
        assert_cost(1, "writable", own.writable()).await.unwrap();
        assert_cost(1, "write", own.write(&buf)).await.unwrap();
        let bufs = [IoSlice::new(b"a"), IoSlice::new(b"b")];
        assert_cost(1, "write_vectored", own.write_vectored(&bufs))
            .await
            .unwrap();
        assert_cost(1, "poll_read", AsyncReadExt::read(&mut own, &mut buf))
            .await
            .unwrap();
        assert_cost(1, "poll_write", AsyncWriteExt::write(&mut own, &buf))
            .await
            .unwrap();
        let (mut read, mut write) = own.into_split();
        assert_cost(1, "read of a half", read.read(&mut buf))
            .await
            .unwrap();
        assert_cost(1, "write of a half", write.write(&buf))
            .await
            .unwrap();
        drop(peer);

        assert_cost(1, "an ended sleep", spend(1)).await;
        in_check().await;
        let mut beat = interval(Duration::from_secs(1000));
        assert!(poll!(pin!(beat.tick())).is_pending());
        in_timers().await;
        assert_cost(1, "tick", beat.tick()).await;
        let job = spawn_blocking(|| ());
        jobs_are_done();
        in_poll().await;
        assert_cost(1, "join", job).await.unwrap();
        assert_cost(1, "timeout", timeout(Duration::MAX, spend(1)))
            .await
            .unwrap();
        log("done");
    });
}

#[test]
fn bytes_cost_a_unit_for_each_16_kib() {
    in_order("done", || async {
        let sizes = [
            (1, 1),
            (UNIT_BYTES - 1, 1),
            (UNIT_BYTES, 2),
            (UNIT_BYTES + 1, 2),
            (2 * UNIT_BYTES - 1, 2),
            (2 * UNIT_BYTES, 3),
        ];
        for (bytes, units) in sizes {
            let (own, _peer) = filled(bytes);
            // The bytes count that were moved, not those that might have been.
            let mut buf = vec![0; 4 * UNIT_BYTES];
            let n = assert_cost(units, "read", own.read(&mut buf))
                .await
                .unwrap();
            assert_eq!(n, bytes);

            // Of the first one, the short read has shown that it is empty.
            let (own, peer) = filled(bytes);
            let (one, other) = buf.split_at_mut(1);
            let mut bufs = [IoSliceMut::new(one), IoSliceMut::new(other)];
            let read = own.read_vectored(&mut bufs);
            assert_eq!(
                assert_cost(units, "read_vectored", read).await.unwrap(),
                bytes
            );

            SockRef::from(&own).set_send_buffer_size(1 << 20).unwrap();
            let write = own.write(&buf[..bytes]);
            let n = assert_cost(units, "write", write).await.unwrap();
            assert_eq!(n, bytes);
            let bufs = [IoSlice::new(&buf[..1]), IoSlice::new(&buf[1..bytes])];
            let n = assert_cost(units, "write_vectored", own.write_vectored(&bufs))
                .await
                .unwrap();
            assert_eq!(n, bytes);
            drop(peer);
        }
        log("done");
    });
}

#[test]
fn a_poll_that_is_pending_costs_nothing() {
    in_order("done", || async {
        let (own, _peer) = connection();
        let listener = listen().await;
        let mut never = spawn(std::future::pending::<()>());
        never.unref();
        let mut long = sleep(Duration::from_secs(1000));
        let mut read = pin!(async { own.read(&mut [0]).await });
        let mut accept = pin!(listener.accept());
        in_check().await;
        for _ in 0..1000 {
            assert!(poll!(&mut read).is_pending());
            assert!(poll!(&mut accept).is_pending());
            assert!(poll!(&mut never).is_pending());
            assert!(poll!(&mut long).is_pending());
        }
        assert_eq!(units_left().await, UNITS);
        log("done");
    });
}

#[test]
fn what_does_not_wait_costs_nothing() {
    in_order("done", || async {
        let (own, mut peer) = connection();
        in_check().await;
        assert!(own.try_read(&mut [0]).is_err());
        assert_eq!(own.try_write(&[0; 1000]).unwrap(), 1000);
        peer.write_all(b"x").unwrap();
        arrived(&own, 1);
        assert_eq!(own.try_read(&mut [0]).unwrap(), 1);
        log_after(sleep(Duration::ZERO), "done");
        assert_eq!(units_left().await, UNITS);
    });
}

#[test]
fn a_refused_operation_has_done_nothing() {
    in_order("done", || async {
        let (own, peer) = filled(3);
        let job = spawn_blocking(|| 7);
        jobs_are_done();
        in_poll().await;
        let mut job = job;
        in_check().await;
        assert_eq!(units_left().await, UNITS);
        for _ in 0..3 {
            assert!(poll!(pin!(own.read(&mut [0; 8]))).is_pending());
            assert!(poll!(&mut job).is_pending());
            assert!(poll!(pin!(own.write(b"x"))).is_pending());
        }
        in_check().await;
        assert_eq!(own.read(&mut [0; 8]).await.unwrap(), 3);
        assert_eq!(job.await.unwrap(), 7);
        peer.set_nonblocking(true).unwrap();
        assert!(peer.peek(&mut [0]).is_err());
        log("done");
    });
}
