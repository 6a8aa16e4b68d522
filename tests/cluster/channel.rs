//! A channel between two loops: what a burst of messages costs.

use std::fs;
use std::io;
use std::sync::mpsc as std_mpsc;

use quintet::cluster::{self, PerLoop};
use quintet::sync::mpsc;

use crate::support::asleep::Watched;
use crate::support::patience::in_time;
use crate::support::skipped::skip;

/// How many messages the sender sends while the receiver cannot receive.
const BURST: usize = 1000;

/// How many system calls this thread has made that write. The kernel counts them.
fn writes() -> Option<u64> {
    let io = fs::read_to_string("/proc/thread-self/io").ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("syscw: "))?;
    line.parse().ok()
}

#[test]
fn a_burst_wakes_a_sleeping_loop_once() {
    if writes().is_none() {
        skip("the kernel does not count the writes of a thread");
        return;
    }
    in_time(|| {
        let (messages, received) = mpsc::unbounded_channel();
        let (asleep, fell_asleep) = std_mpsc::channel();
        let (burst, is_sent) = std_mpsc::channel();
        let senders = PerLoop::new([Some((messages, fell_asleep, burst)), None]);
        let receivers = PerLoop::new([None, Some((received, asleep, is_sent))]);
        cluster::run(2, async |member| {
            if let Some((messages, fell_asleep, burst)) = senders.take(member.index()) {
                let receiver: Watched = fell_asleep.recv().unwrap();
                receiver.falls_asleep();
                let before = writes().unwrap();
                messages.send(0).unwrap();
                let after_first = writes().unwrap();
                // Now the other loop is awake, until it has received all.
                for number in 1..=BURST {
                    messages.send(number).unwrap();
                }
                let after_burst = writes().unwrap();
                burst.send(()).unwrap();
                assert_eq!(after_first - before, 1, "one write wakes the loop");
                assert_eq!(after_burst - after_first, 0, "the others cost none");
            }
            if let Some((mut received, asleep, is_sent)) = receivers.take(member.index()) {
                asleep.send(Watched::this_thread()).unwrap();
                assert_eq!(received.recv().await, Some(0));
                // Blocks the loop: it is awake, and does not receive.
                is_sent.recv().unwrap();
                let mut rest = Vec::new();
                let count = received.recv_many(&mut rest, 2 * BURST).await;
                assert_eq!(count, BURST);
                assert!(rest.into_iter().eq(1..=BURST));
            }
            io::Result::Ok(())
        })
        .unwrap();
    });
}
