//! Idle threads of the pool, of both classes, make no system call.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use quintet::blocking::{self, Class};
use quintet::runtime::Builder;
use quintet::task::{CancellationToken, JoinSet};

use crate::support::asleep::Watched;
use crate::support::cases::watched;
use crate::support::strace::assert_no_calls_while;

/// The threads of each class.
const THREADS: usize = 3;

/// Runs a job on each thread of a class at the same time, and tells which threads these are.
async fn use_all(class: Class, threads: &mpsc::Sender<Watched>) {
    let barrier = Arc::new(Barrier::new(THREADS));
    let mut jobs = JoinSet::new();
    for _ in 0..THREADS {
        let (barrier, threads) = (Arc::clone(&barrier), threads.clone());
        let job = blocking::Builder::new().class(class).spawn(move || {
            barrier.wait();
            threads.send(Watched::this_thread()).unwrap();
        });
        jobs.spawn(job);
    }
    for job in jobs.join_all().await {
        job.unwrap();
    }
}

/// Calls `watch` while a loop and all threads of its pool are idle, after they have been used.
fn while_idle(watch: impl FnOnce(&[Watched])) {
    watched(|| {
        let (threads, used) = mpsc::channel();
        let end = CancellationToken::new();
        let ended = end.clone();
        let running = thread::spawn(move || {
            let mut builder = Builder::new();
            builder
                .worker_threads(THREADS)
                .cpu_threads(THREADS)
                .thread_keep_alive(Duration::from_secs(3600));
            builder.build().unwrap().block_on(async {
                use_all(Class::Plain, &threads).await;
                use_all(Class::Cpu, &threads).await;
                threads.send(Watched::this_thread()).unwrap();
                drop(threads);
                ended.cancelled().await;
            });
        });
        let threads: Vec<_> = used.iter().collect();
        assert_eq!(threads.len(), 2 * THREADS + 1);
        // They may sleep a moment on their way to where they wait.
        let look = || threads.iter().map(Watched::activity).collect::<Vec<_>>();
        loop {
            let before = look();
            thread::sleep(Duration::from_millis(20));
            if look() == before && before.iter().all(|(_, state, _)| *state == 'S') {
                break;
            }
        }
        watch(&threads);
        end.cancel();
        running.join().unwrap();
    });
}

#[test]
fn an_idle_pool_sleeps() {
    while_idle(|threads| {
        let look = || threads.iter().map(Watched::activity).collect::<Vec<_>>();
        let before = look();
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(look(), before, "an idle thread was woken");
        }
    });
}

#[test]
fn an_idle_pool_makes_no_system_call() {
    let test = "idle::an_idle_pool_makes_no_system_call";
    assert_no_calls_while(test, |watch| while_idle(|_| watch()));
}
