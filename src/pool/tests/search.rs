//! Which worker runs a job that is pushed when another job ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::Wake;
use std::time::Instant;

use super::{
    ATTEMPTS_TIME_MAX, TIMEOUT, WakerTicket, here, hold, load, pool_of, submit, until, wait,
    wait_at, workers,
};
use crate::pool::workers::TakenJob;
use crate::pool::{Class, Pool};

#[test]
fn a_push_relies_on_a_worker_that_is_about_to_search() {
    let pool = Arc::new(pool_of(2));

    wait_for_last(&pool, 50);

    assert_eq!(load(&pool).threads, 1);
}

#[test]
fn a_worker_that_searches_takes_the_job_that_was_left_to_it() {
    let pool = pool_of(1);
    // In place of a worker that has run a job.
    let looking_as = workers(&pool).job_ended(0, Class::Plain);
    let job = submit(&pool, || ());
    assert_eq!(load(&pool).threads, 0);

    let taken = workers(&pool).take_job(0, looking_as);

    let TakenJob { job: taken, ticket } = taken.expect("it was left to this worker");
    taken.run_claimed(ticket.unwrap()).wake();
    assert_eq!(load(&pool).threads, 0);
    wait(job).unwrap();
}

#[test]
fn each_searching_worker_is_relied_on_for_one_job() {
    let pool = pool_of(2);
    let looking_as = [(); 2].map(|()| workers(&pool).job_ended(0, Class::Plain));
    let jobs = [(); 2].map(|()| submit(&pool, || ()));
    assert_eq!(load(&pool).threads, 0, "there are two workers for two jobs");

    let third = submit(&pool, || ());

    assert_eq!(load(&pool).threads, 1);
    jobs.into_iter().for_each(|job| wait(job).unwrap());
    wait(third).unwrap();
    for looking_as in looking_as {
        workers(&pool).lock().stop_looking(0, looking_as);
    }
}

#[test]
fn a_second_job_does_not_rely_on_the_searching_worker() {
    let pool = pool_of(1);
    let looking_as = workers(&pool).job_ended(0, Class::Plain);

    let jobs = [(); 2].map(|()| submit(&pool, || ()));

    assert_eq!(load(&pool).threads, 1);
    jobs.into_iter().for_each(|job| wait(job).unwrap());
    workers(&pool).lock().stop_looking(0, looking_as);
}

#[test]
fn two_jobs_pushed_at_the_end_of_a_third_run_concurrently() {
    for _ in 0..50 {
        let pool = Arc::new(pool_of(2));
        let barrier = Arc::new(Barrier::new(2));
        let (jobs_sender, jobs) = mpsc::channel();
        let shared = Arc::clone(&pool);
        push_then(&pool, move || {
            for _ in 0..2 {
                jobs_sender
                    .send(wait_at(&shared, here(), &barrier))
                    .unwrap();
            }
        });

        jobs.iter().for_each(|job| wait(job).unwrap());
    }
}

#[test]
fn a_job_pushed_at_the_end_of_a_search_is_not_lost() {
    let pool = pool_of(2);
    let begin = Instant::now();
    for number in 0..100_000 {
        let barrier = Arc::new(Barrier::new(2));
        let ended = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&ended);
        push_then(&pool, move || shared.store(true, Ordering::Relaxed));
        until(|| ended.load(Ordering::Relaxed));

        // One may be taken before the other is pushed, and then blocks its worker until then.
        let first = wait_at(&pool, here(), &barrier);
        for _ in 0..number % 64 {
            std::hint::spin_loop();
        }
        let second = wait_at(&pool, here(), &barrier);

        wait(first).unwrap();
        wait(second).unwrap();
        if begin.elapsed() > ATTEMPTS_TIME_MAX {
            break;
        }
    }
}

#[test]
fn a_push_does_not_rely_on_a_worker_with_a_long_job() {
    let pool = pool_of(2);
    let (first, second) = (hold(&pool), hold(&pool));
    first.wait_for_start();
    second.wait_for_start();
    // The first free worker takes the first two, and is busy with the second.
    let short = submit(&pool, || ());
    let long = hold(&pool);
    let others = [(); 2].map(|()| submit(&pool, || ()));
    first.release();
    wait(short).unwrap();
    long.wait_for_start();
    second.release();
    others.into_iter().for_each(|job| wait(job).unwrap());
    until(|| load(&pool).idle == 1);

    wait(submit(&pool, || ())).unwrap();

    long.release();
}

/// Pushes a job and calls `then` on its worker, after the job has run and before the next search.
fn push_then(pool: &Pool, then: impl FnOnce() + Send + 'static) {
    struct Then(Mutex<Option<Box<dyn FnOnce() + Send>>>);
    impl Wake for Then {
        fn wake(self: Arc<Self>) {
            let then = self.0.lock().unwrap().take();
            then.expect("it is woken once")();
        }
    }
    let (queued, result) = Pool::job(None, here(), || ());
    let then = move || {
        // If it were dropped earlier, the job would not run.
        drop(result);
        then();
    };
    let then = Then(Mutex::new(Some(Box::new(then))));
    pool.push(queued.with_ticket(WakerTicket::of(&Arc::new(then))))
        .unwrap();
}

/// Waits for the last of a chain of jobs, each of which is pushed at the end of the previous one.
fn wait_for_last(pool: &Arc<Pool>, jobs: usize) {
    fn push(pool: &Arc<Pool>, left: usize, end: mpsc::Sender<()>) {
        let shared = Arc::clone(pool);
        push_then(pool, move || match left {
            0 => end.send(()).unwrap(),
            _ => push(&shared, left - 1, end),
        });
    }
    let (end, ended) = mpsc::channel();
    push(pool, jobs, end);
    ended.recv_timeout(TIMEOUT).unwrap();
}
