//! What a job resolves to, and when its ticket is woken.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use super::{TIMEOUT, TestJob, WakeLog, WakerTicket, here, job, pool_of, submit, until, wait};
use crate::pool::{JobTicket, Pool, QueuedJob};

#[test]
fn a_job_resolves_to_what_its_closure_returns() {
    let pool = pool_of(4);

    let job = submit(&pool, || 6 * 7);

    assert_eq!(wait(job).unwrap(), 42);
}

#[test]
fn the_worker_wakes_the_ticket_once_when_the_result_is_ready() {
    let pool = pool_of(1);
    let wake_log = Arc::new(WakeLog::default());
    let (job, mut result) = Pool::job(None, here(), || thread::current().id());

    pool.push(job.with_ticket(WakerTicket::of(&wake_log)))
        .unwrap();
    until(|| !wake_log.woken_by.lock().unwrap().is_empty());

    let Poll::Ready(Ok(worker)) = result.poll() else {
        panic!("the ticket was woken before the result was ready");
    };
    assert_eq!(*wake_log.woken_by.lock().unwrap(), [worker]);
}

#[test]
fn dropping_a_job_wakes_its_ticket_unless_it_was_cancelled() {
    for (cancels, wakes) in [(false, 1), (true, 0)] {
        let wake_log = Arc::new(WakeLog::default());
        let ticket = WakerTicket::of(&wake_log);
        let captured = Arc::clone(&wake_log);
        let (job, mut result) = Pool::job(None, here(), move || drop(captured));
        let queued = job.with_ticket(Arc::clone(&ticket) as Arc<dyn JobTicket>);

        ticket.is_cancelled.store(cancels, Ordering::Relaxed);
        drop(queued);

        assert_eq!(wake_log.woken_by.lock().unwrap().len(), wakes);
        assert_eq!(Arc::strong_count(&ticket), 1);
        // The side that cancelled the job drops its closure.
        assert_eq!(result.take_closure().is_some(), cancels);
        assert!(matches!(result.poll(), Poll::Ready(Err(None))));
        assert_eq!(Arc::strong_count(&wake_log), 1 + usize::from(wakes == 0));
    }
}

#[test]
fn a_cancelled_job_does_not_run_and_wakes_no_ticket() {
    let wake_log = Arc::new(WakeLog::default());
    let ticket = WakerTicket::of(&wake_log);
    let (job, result) = Pool::job::<(), _>(None, here(), || panic!("a cancelled job runs"));
    let queued = job.with_ticket(Arc::clone(&ticket) as Arc<dyn JobTicket>);

    ticket.is_cancelled.store(true, Ordering::Relaxed);
    queued.run();

    assert!(wake_log.woken_by.lock().unwrap().is_empty());
    assert!(result.take_closure().is_some());
    assert_eq!(Arc::strong_count(&ticket), 1);
}

#[test]
fn a_worker_holds_no_reference_to_the_ticket_it_wakes() {
    struct Counting(mpsc::Sender<usize>);
    impl JobTicket for Counting {
        fn start(&self) -> bool {
            true
        }
        fn discard(&self) -> bool {
            true
        }
        fn is_ref(&self) -> bool {
            true
        }
        fn cancel(&self) {}
        fn is_cancelled(&self) -> bool {
            false
        }
        fn wake(self: Arc<Self>) {
            self.0.send(Arc::strong_count(&self)).unwrap();
        }
    }
    let pool = pool_of(1);
    let (count, counted) = mpsc::channel();
    let (job, _result) = Pool::job(None, here(), || ());

    pool.push(job.with_ticket(Arc::new(Counting(count))))
        .unwrap();

    assert_eq!(counted.recv_timeout(TIMEOUT).unwrap(), 1);
    assert!(pool.shut_down(Duration::ZERO).is_empty());
}

#[test]
fn a_queued_job_runs_without_a_pool() {
    let (queued, job) = job(here(), || "inline");

    queued.run();

    assert_eq!(wait(job).unwrap(), "inline");
}

#[test]
fn large_closures_and_results_work() {
    let pool = pool_of(2);
    let big = [7_u8; 10_000];

    let job = submit(&pool, move || big);

    assert_eq!(wait(job).unwrap(), big);
}

#[test]
fn both_ends_and_the_pool_are_send_and_sync() {
    fn check<T: Send + Sync>() {}

    check::<Pool>();
    check::<QueuedJob>();
    check::<TestJob<std::cell::Cell<u8>>>();
}
