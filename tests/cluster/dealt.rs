//! To which loop a connection is dealt. All ends are on one loop here, so that the order is exact.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::FutureExt;
use quintet::cluster::{self, Dealt, PerLoop};
use quintet::serve::Listener;
use quintet::task::yield_now;
use rustix::io::Errno;

use crate::support::turns::on_a_loop;

/// How many connections a loop's queue holds, as documented.
const QUEUE: u32 = 64;

/// A listener of connections that a test makes up. Each is a number.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<ScriptState>>);

#[derive(Default)]
struct ScriptState {
    next: VecDeque<io::Result<u32>>,
    waiter: Option<Waker>,
    polls: usize,
    is_dropped: bool,
}

impl Script {
    fn push(&self, next: io::Result<u32>) {
        let mut state = self.0.lock().unwrap();
        state.next.push_back(next);
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    fn polls(&self) -> usize {
        self.0.lock().unwrap().polls
    }

    /// How many connections have not been accepted.
    fn backlog(&self) -> usize {
        self.0.lock().unwrap().next.len()
    }

    fn is_dropped(&self) -> bool {
        self.0.lock().unwrap().is_dropped
    }
}

struct ScriptListener(Script);

impl Listener for ScriptListener {
    type Connection = u32;
    type Addr = ();

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(u32, ())>> {
        let mut state = self.0.0.lock().unwrap();
        state.polls += 1;
        match state.next.pop_front() {
            Some(next) => Poll::Ready(next.map(|number| (number, ()))),
            None => {
                state.waiter = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for ScriptListener {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().is_dropped = true;
    }
}

type End = Dealt<ScriptListener>;

/// Deals what `script` yields to three loops.
fn deal(script: &Script) -> [End; 3] {
    let ends: PerLoop<End> = cluster::deal(ScriptListener(script.clone()), 3);
    [0, 1, 2].map(|index| ends.take(index))
}

/// Yields until all that can happen has happened.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// Accepts what is in the queue of an end.
fn accept_all(end: &mut End) -> Vec<io::Result<u32>> {
    let mut accepted = Vec::new();
    let mut next = || std::future::poll_fn(|cx| end.poll_accept(cx)).now_or_never();
    while let Some(result) = next() {
        accepted.push(result.map(|(number, ())| number));
    }
    accepted
}

/// Lets everything happen, and returns which connections each end gets.
async fn dealt(ends: &mut [End]) -> Vec<Vec<u32>> {
    // The first poll begins to accept.
    let mut all: Vec<Vec<u32>> = ends.iter().map(|_| Vec::new()).collect();
    for _ in 0..2 {
        for (end, all) in ends.iter_mut().zip(&mut all) {
            let accepted = accept_all(end).into_iter();
            all.extend(accepted.map(|result| result.expect("a connection")));
        }
        settle().await;
    }
    for (end, all) in ends.iter_mut().zip(&mut all) {
        let accepted = accept_all(end).into_iter();
        all.extend(accepted.map(|result| result.expect("a connection")));
    }
    all
}

#[test]
fn a_connection_goes_to_the_loop_with_the_fewest_and_the_lowest_number() {
    on_a_loop(async || {
        let script = Script::default();
        let mut ends = deal(&script);
        (0..7).for_each(|number| script.push(Ok(number)));
        assert_eq!(
            dealt(&mut ends).await,
            [vec![0, 3, 6], vec![1, 4], vec![2, 5]]
        );
        // Now 3, 2, 2 are open. One of loop 2 ends, and one of loop 0.
        ends[2].connection_ended();
        ends[0].connection_ended();
        // 2, 2, 1: loop 2, then in turn from 0 on.
        (7..12).for_each(|number| script.push(Ok(number)));
        assert_eq!(dealt(&mut ends).await, [vec![8, 11], vec![9], vec![7, 10]]);
        // 4, 3, 3: all of loop 1 end. It gets them until it has as many as loop 2, and one more.
        (0..3).for_each(|_| ends[1].connection_ended());
        (12..16).for_each(|number| script.push(Ok(number)));
        assert_eq!(
            dealt(&mut ends).await,
            [vec![], vec![12, 13, 14, 15], vec![]]
        );
    });
}

#[test]
fn nothing_is_accepted_before_loop_0_accepts() {
    on_a_loop(async || {
        let script = Script::default();
        let mut ends = deal(&script);
        script.push(Ok(0));
        assert!(accept_all(&mut ends[1]).is_empty());
        settle().await;
        assert_eq!(script.polls(), 0);
        assert_eq!(dealt(&mut ends[..1]).await, [[0]]);
    });
}

#[test]
fn if_all_queues_are_full_clients_stay_in_the_backlog() {
    on_a_loop(async || {
        let script = Script::default();
        let mut ends = deal(&script);
        assert!(accept_all(&mut ends[0]).is_empty());
        (0..3 * QUEUE + 10).for_each(|number| script.push(Ok(number)));
        settle().await;
        assert_eq!(script.backlog(), 10);
        // A loop that accepts makes room, and gets what it makes room for.
        let accepted = accept_all(&mut ends[0]);
        assert_eq!(accepted.len(), QUEUE as usize);
        settle().await;
        assert_eq!(script.backlog(), 0);
        assert_eq!(accept_all(&mut ends[0]).len(), 10);
    });
}

#[test]
fn a_loop_that_does_not_accept_does_not_hold_up_the_others() {
    on_a_loop(async || {
        let script = Script::default();
        let mut ends = deal(&script);
        let total = 10 * QUEUE;
        (0..total).for_each(|number| script.push(Ok(number)));
        // Loop 1 is stuck.
        let mut counts = [0, 0];
        for _ in 0..20 {
            counts[0] += accept_all(&mut ends[0]).len();
            counts[1] += accept_all(&mut ends[2]).len();
            settle().await;
        }
        assert_eq!(script.backlog(), 0);
        let in_queue = accept_all(&mut ends[1]).len();
        assert_eq!(in_queue, QUEUE as usize);
        assert_eq!(counts[0] + counts[1] + in_queue, total as usize);
    });
}

#[test]
fn an_error_goes_to_loop_0_and_the_next_attempt_is_when_it_accepts_again() {
    on_a_loop(async || {
        let script = Script::default();
        let mut ends = deal(&script);
        assert!(accept_all(&mut ends[0]).is_empty());
        script.push(Ok(0));
        script.push(Err(Errno::MFILE.into()));
        script.push(Ok(1));
        settle().await;
        let polls = script.polls();
        // One at a time: after the error its server may pause.
        let next = |end: &mut End| std::future::poll_fn(|cx| end.poll_accept(cx)).now_or_never();
        assert_eq!(next(&mut ends[0]).unwrap().unwrap().0, 0);
        let error = next(&mut ends[0]).unwrap().unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::MFILE));
        settle().await;
        assert_eq!(script.polls(), polls, "it waits for the server");
        assert_eq!(script.backlog(), 1);
        assert!(next(&mut ends[0]).is_none());
        settle().await;
        assert_eq!(script.backlog(), 0);
        assert_eq!(next(&mut ends[1]).unwrap().unwrap().0, 1);
    });
}

#[test]
fn the_queue_of_a_loop_that_stops_goes_to_the_others() {
    on_a_loop(async || {
        let script = Script::default();
        let [mut first, second, mut third] = deal(&script);
        assert!(accept_all(&mut first).is_empty());
        (0..9).for_each(|number| script.push(Ok(number)));
        settle().await;
        drop(second);
        let numbers = |end: &mut End| -> Vec<u32> {
            let accepted = accept_all(end).into_iter();
            accepted
                .map(|result| result.expect("a connection"))
                .collect()
        };
        assert_eq!(numbers(&mut first), [0, 3, 6, 1, 7]);
        assert_eq!(numbers(&mut third), [2, 5, 8, 4]);
        // It gets none of the later ones.
        (9..12).for_each(|number| script.push(Ok(number)));
        settle().await;
        assert_eq!(numbers(&mut third), [9, 11]);
        assert_eq!(numbers(&mut first), [10]);
    });
}

#[test]
fn when_loop_0_stops_the_listener_is_closed_and_the_others_wait() {
    on_a_loop(async || {
        let script = Script::default();
        let [mut first, mut second, third] = deal(&script);
        assert!(accept_all(&mut first).is_empty());
        settle().await;
        assert!(!script.is_dropped());
        drop(first);
        settle().await;
        assert!(script.is_dropped());
        let mut accept = Box::pin(std::future::poll_fn(|cx| second.poll_accept(cx)));
        let waker = Waker::noop();
        let poll = Pin::new(&mut accept).poll(&mut Context::from_waker(waker));
        assert!(poll.is_pending());
        drop(accept);
        drop((second, third));
    });
}

#[test]
fn a_listener_that_was_never_used_is_dropped_with_its_end() {
    let script = Script::default();
    let ends = cluster::deal(ScriptListener(script.clone()), 2);
    drop(ends.take(1));
    assert!(!script.is_dropped());
    drop(ends);
    assert!(script.is_dropped());
}
