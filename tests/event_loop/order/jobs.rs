//! The worker pool.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use quintet::fs;
use quintet::runtime::Runtime;
use quintet::task::set_immediate;
use quintet::time::{Duration, Instant, sleep};
use quintet::{spawn, spawn_blocking};

use crate::support::cases::{
    ON_REAL_TIME, arm, assert_order, block_until, connection, hold_worker, in_order, in_order_on,
    in_time, jobs_are_done, journal, log, log_after, margin, one_worker, record_by, watched,
};

#[test]
fn case_46_the_fifth_job_waits_and_the_loop_goes_on() {
    // Not on paused time, which stands while jobs are under way.
    let builder = &mut Runtime::builder();
    let each = record_by(ON_REAL_TIME, builder.worker_threads(4), 5, || async {
        let has_begun = Arc::new(AtomicBool::new(false));
        let (began, begun) = mpsc::channel();
        let mut opens = Vec::new();
        let mut four = Vec::new();
        for _ in 0..4 {
            let (open, is_open) = mpsc::channel::<()>();
            let began = began.clone();
            opens.push(open);
            four.push(spawn_blocking(move || {
                began.send(()).unwrap();
                is_open.recv().unwrap();
            }));
        }
        begun.iter().take(4).for_each(drop);
        let begins = Arc::clone(&has_begun);
        let fifth = spawn_blocking(move || begins.store(true, Ordering::SeqCst));

        let (own, mut peer) = connection();
        spawn(async move {
            own.write_all(b"?").await.unwrap();
            own.read_exact(&mut [0]).await.unwrap();
            log("net-ok");
        });
        thread::spawn(move || {
            use std::io::{Read, Write};
            peer.read_exact(&mut [0]).unwrap();
            peer.write_all(b"!").unwrap();
        });
        sleep(Duration::from_millis(20)).await;
        let waits = !has_begun.load(Ordering::SeqCst);
        log(if waits { "fifth-waits" } else { "fifth-begun" });

        opens.pop().unwrap().send(()).unwrap();
        fifth.await.unwrap();
        log("fifth-done");
        log("free-the-rest");
        for open in opens {
            open.send(()).unwrap();
        }
        for job in four {
            job.await.unwrap();
        }
        log("four-opened");
    });
    for lines in each {
        let waits = ["fifth-waits", "fifth-done", "free-the-rest", "four-opened"];
        assert_order(&lines, &waits);
        assert_order(&lines, &["net-ok"]);
    }
}

#[test]
fn case_47_one_worker_is_strictly_first_in_first_out() {
    in_order("slow-cpu stat fast-cpu readdir", || async {
        let busy = |name, millis| {
            spawn(async move {
                let job = spawn_blocking(move || thread::sleep(Duration::from_millis(millis)));
                job.await.unwrap();
                log(name);
            })
        };
        busy("slow-cpu", 10);
        spawn(async {
            fs::metadata(".").await.unwrap();
            log("stat");
        });
        busy("fast-cpu", 1);
        spawn(async {
            drop(fs::read_dir(".").await.unwrap());
            log("readdir");
        });
    });
}

#[test]
fn case_47_one_worker_begins_jobs_in_the_order_of_their_queueing() {
    in_order("0 1 2 3 4 5 6 7 8 9", || async {
        let journal = journal();
        for n in 0..10 {
            let journal = Arc::clone(&journal);
            spawn_blocking(move || journal.log(n.to_string()));
        }
    });
}

/// Ten jobs are done before one poll. A sleep falls due in the fifth continuation.
async fn ten_continuations(done: &'static str, after: &'static str) {
    let deadline = Instant::now() + margin(Duration::from_millis(20));
    let jobs: Vec<_> = (0..10).map(|_| spawn_blocking(|| ())).collect();
    let mut held = Some(hold_worker());
    for (n, job) in (1..).zip(jobs) {
        let held = held.take_if(|_| n == 10);
        spawn(async move {
            job.await.unwrap();
            log(n.to_string());
            if n == 5 {
                in_time(deadline);
                block_until(deadline);
            }
            drop(held);
        });
    }
    log_after(arm(deadline).await, after);
    set_immediate(move || log(done));
}

#[test]
fn case_93_a_timer_waits_for_a_batch_of_poll() {
    let expected = "1 2 3 4 5 6 7 8 9 10 check-after-10 timer-after-10";
    in_order(expected, || {
        ten_continuations("check-after-10", "timer-after-10")
    });
}

/// A delivery is two polls: the job's own and its continuation's; so eight make a bound of four. Of
/// the six that are left over, pending takes the jobs' own polls first, for they are older than
/// what they make ready; so two continuations are reached before the timers.
#[test]
fn case_93_with_a_bound_check_and_close_come_before_the_timer() {
    let expected = "1 2 3 4 check-after-4 5 6 timer-after-6 7 8 9 10";
    // The root arms and spawns twelve tasks; they are polled over two phases before the poll.
    in_order_on(one_worker().phase_budget(8), expected, || {
        ten_continuations("check-after-4", "timer-after-6")
    });
}

/// Lets a job begin and holds it until the sender is used or dropped.
fn held_job(runtime: &Runtime, ended: &Arc<AtomicBool>) -> mpsc::Sender<()> {
    let (begin, has_begun) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    let ended = Arc::clone(ended);
    drop(runtime.spawn_blocking(move || {
        begin.send(()).unwrap();
        let _released = is_released.recv();
        ended.store(true, Ordering::SeqCst);
    }));
    has_begun.recv().unwrap();
    release
}

#[test]
fn case_q13_dropping_the_runtime_waits_for_a_running_job() {
    watched(|| {
        let runtime = one_worker().build().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let release = held_job(&runtime, &ended);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            drop(release);
        });
        drop(runtime);
        assert!(ended.load(Ordering::SeqCst));
    });
}

#[test]
fn case_q13_shutdown_timeout_leaves_a_running_job_behind() {
    watched(|| {
        let runtime = one_worker().build().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let release = held_job(&runtime, &ended);
        runtime.shutdown_timeout(Duration::from_millis(5));
        assert!(!ended.load(Ordering::SeqCst));
        drop(release);
    });
}

#[test]
fn case_q14_a_worker_survives_a_panic() {
    in_order("panicked same-worker", || async {
        let before = spawn_blocking(|| thread::current().id()).await.unwrap();
        let panicking = || panic::resume_unwind(Box::new("x"));
        let error = spawn_blocking(panicking).await.unwrap_err();
        let payload = error.into_panic();
        assert_eq!(payload.downcast_ref(), Some(&"x"));
        log("panicked");
        let after = spawn_blocking(|| thread::current().id()).await.unwrap();
        log(if before == after {
            "same-worker"
        } else {
            "new-worker"
        });
    });
}

#[test]
fn case_q15_a_queued_job_that_is_aborted_never_runs() {
    in_order("cancelled 1-ran", || async {
        let runs = Arc::new(AtomicU32::new(0));
        let (release, is_released) = mpsc::channel::<()>();
        let counted = Arc::clone(&runs);
        let running = spawn_blocking(move || {
            is_released.recv().unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let counted = Arc::clone(&runs);
        let queued = spawn_blocking(move || counted.fetch_add(1, Ordering::SeqCst));
        queued.abort();
        // It is not waited for until a worker comes round.
        if queued.await.unwrap_err().is_cancelled() {
            log("cancelled");
        }
        release.send(()).unwrap();
        running.await.unwrap();
        jobs_are_done();
        log(format!("{}-ran", runs.load(Ordering::SeqCst)));
    });
}

#[test]
fn case_q15_queued_jobs_are_dropped_with_their_runtime() {
    watched(|| {
        let runtime = one_worker().build().unwrap();
        let (ended, ran) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let release = held_job(&runtime, &ended);
        let runs = Arc::clone(&ran);
        drop(runtime.spawn_blocking(move || runs.store(true, Ordering::SeqCst)));
        runtime.shutdown_background();
        drop(release);
        while !ended.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        // The queue was emptied by the shutdown itself, before the worker was free.
        assert!(!ran.load(Ordering::SeqCst));
    });
}

#[test]
fn case_q15_dropping_the_handle_of_a_running_job_blocks_no_task() {
    in_order("dropped ended", || async {
        let (begin, has_begun) = mpsc::channel();
        let (release, is_released) = mpsc::channel::<()>();
        let journal = journal();
        let running = spawn_blocking(move || {
            begin.send(()).unwrap();
            is_released.recv().unwrap();
            journal.log("ended");
        });
        has_begun.recv().unwrap();
        drop(running);
        log("dropped");
        release.send(()).unwrap();
    });
}
