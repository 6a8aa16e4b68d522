//! The order of permits, and the waiters' ways out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::thread;

use quintet::sync::{AcquireError, Semaphore, SemaphorePermit, TryAcquireError};

use crate::programs::{check_some, operations};
use crate::support::strict::reported_in;

use super::{Bell, Polled, now, panic_in_loop, watched};

#[test]
fn permits_go_to_the_first_in_line() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..4)
        .map(|_| Polled::waiting(semaphore.acquire()))
        .collect();

    for next in 0..4 {
        semaphore.add_permits(1);

        let woken: Vec<bool> = waiters.iter().map(Polled::is_woken).collect();
        let expected: Vec<bool> = (0..4).map(|waiter| waiter <= next).collect();
        assert_eq!(woken, expected);
        waiters[next].output().unwrap().forget();
    }
}

#[test]
fn a_waiter_for_many_is_not_overtaken_by_a_waiter_for_one() {
    let semaphore = Semaphore::new(2);
    let mut many = Polled::waiting(semaphore.acquire_many(3));
    let mut one = Polled::waiting(semaphore.acquire());
    assert_eq!(semaphore.available_permits(), 0);
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::NoPermits
    );

    semaphore.add_permits(1);

    assert!(many.is_woken() && !one.is_woken());
    let permits = many.output().unwrap();
    assert_eq!(permits.num_permits(), 3);
    drop(permits);
    assert_eq!(one.output().unwrap().num_permits(), 1);
}

#[test]
fn one_gift_serves_as_many_as_it_can() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = [2, 1, 3]
        .map(|count| Polled::waiting(semaphore.acquire_many(count)))
        .into();

    semaphore.add_permits(5);

    let woken: Vec<bool> = waiters.iter().map(Polled::is_woken).collect();
    assert_eq!(woken, [true, true, false]);
    semaphore.add_permits(1);
    for waiter in &mut waiters {
        waiter.output().unwrap().forget();
    }
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn a_waiter_that_is_dropped_lets_the_next_move_up() {
    let semaphore = Semaphore::new(0);
    let first = Polled::waiting(semaphore.acquire());
    let second = Polled::waiting(semaphore.acquire());
    let mut third = Polled::waiting(semaphore.acquire());

    drop(second);
    drop(first);
    semaphore.add_permits(1);

    third.output().unwrap().forget();
}

#[test]
fn a_waiter_that_is_dropped_with_a_part_of_the_permits_passes_them_on() {
    let semaphore = Semaphore::new(2);
    let many = Polled::waiting(semaphore.acquire_many(3));
    let mut two = Polled::waiting(semaphore.acquire_many(2));

    drop(many);

    assert!(two.is_woken());
    drop(two.output());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_waiter_that_is_dropped_with_all_permits_passes_them_on() {
    let semaphore = Semaphore::new(0);
    let served = Polled::waiting(semaphore.acquire());
    let mut next = Polled::waiting(semaphore.acquire());
    semaphore.add_permits(1);
    assert!(served.is_woken() && !next.is_woken());

    drop(served);

    assert!(next.is_woken());
    next.output().unwrap().forget();
}

#[test]
fn the_last_waker_is_the_one_that_is_woken() {
    let semaphore = Semaphore::new(0);
    let mut waiter = Polled::waiting(semaphore.acquire());
    let other = Arc::new(Bell::default());
    assert!(
        waiter
            .poll_with(&Waker::from(Arc::clone(&other)))
            .is_pending()
    );
    assert_eq!(
        Arc::strong_count(&waiter.bell),
        1,
        "the old waker is dropped"
    );

    semaphore.add_permits(1);

    assert_eq!((waiter.bell.rings(), other.rings()), (0, 1));
    assert_eq!(
        Arc::strong_count(&other),
        1,
        "a waker is not kept when woken"
    );
}

#[test]
fn closing_tells_everybody_and_keeps_the_permits() {
    let semaphore = Semaphore::new(1);
    let mut part = Polled::waiting(semaphore.acquire_many(2));
    let mut none = Polled::waiting(semaphore.acquire());

    semaphore.close();

    assert!(semaphore.is_closed());
    assert!(part.is_woken() && none.is_woken());
    assert!(part.output().is_err() && none.output().is_err());
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
    assert!(now(semaphore.acquire_many(0)).is_err());
    drop((part, none));
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn permits_are_split_merged_and_forgotten() {
    let semaphore = Arc::new(Semaphore::new(6));
    let mut permits = now(semaphore.acquire_many(4)).unwrap();
    assert!(permits.split(5).is_none());
    let part = permits.split(3).unwrap();
    assert_eq!((permits.num_permits(), part.num_permits()), (1, 3));
    permits.merge(part);
    assert_eq!(permits.num_permits(), 4);
    permits.split(1).unwrap().forget();
    drop(permits);
    assert_eq!(semaphore.available_permits(), 5);

    let mut owned = now(Arc::clone(&semaphore).acquire_many_owned(3)).unwrap();
    let part = owned.split(1).unwrap();
    owned.merge(part);
    owned.split(1).unwrap().forget();
    drop(owned);
    assert_eq!(semaphore.available_permits(), 4);

    assert_eq!(semaphore.forget_permits(9), 4);
    assert!(Arc::clone(&semaphore).try_acquire_owned().is_err());
}

#[test]
#[should_panic(expected = "permits of two semaphores cannot be merged")]
fn permits_of_two_semaphores_cannot_be_merged() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    let mut permit = one.try_acquire().unwrap();
    permit.merge(other.try_acquire().unwrap());
}

#[test]
#[should_panic(expected = "MAX_PERMITS")]
fn there_are_not_too_many_permits() {
    Semaphore::new(1).add_permits(Semaphore::MAX_PERMITS);
}

#[test]
fn a_static_semaphore_works() {
    static SEMAPHORE: Semaphore = Semaphore::const_new(1);

    let permit = now(SEMAPHORE.acquire()).unwrap();
    assert_eq!(SEMAPHORE.available_permits(), 0);
    drop(permit);
}

/// A waker that looks at the semaphore and panics.
struct Curious(Arc<OnceLock<Semaphore>>, AtomicUsize);

impl Wake for Curious {
    fn wake(self: Arc<Self>) {
        // It would hang if the lock were held.
        self.1.store(
            self.0.get().unwrap().available_permits() + 1,
            Ordering::SeqCst,
        );
        panic!("a waker that panics");
    }
}

#[test]
fn wakers_run_without_a_lock_and_their_panics_stop_no_other() {
    watched(|| {
        let semaphore = Arc::new(OnceLock::from(Semaphore::new(0)));
        let curious = Arc::new(Curious(Arc::clone(&semaphore), AtomicUsize::new(0)));
        let mut first = Polled::new(semaphore.get().unwrap().acquire());
        assert!(
            first
                .poll_with(&Waker::from(Arc::clone(&curious)))
                .is_pending()
        );
        let second = Polled::waiting(semaphore.get().unwrap().acquire());

        let reports = reported_in(|| semaphore.get().unwrap().add_permits(2));

        assert_eq!(reports, ["a waker panicked: a waker that panics"]);
        assert_eq!(curious.1.load(Ordering::SeqCst), 1);
        assert!(second.is_woken());
    });
}

#[test]
fn a_thread_waits_where_no_loop_runs() {
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let blocked = thread::spawn({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.blocking_acquire_many(2).unwrap().forget()
        });
        semaphore.add_permits(1);
        semaphore.add_permits(1);
        blocked.join().unwrap();

        let message = panic_in_loop(|| drop(semaphore.blocking_acquire()));
        assert!(message.contains("`Semaphore::blocking_acquire` would block"));
    });
}

#[test]
fn threads_and_tasks_share_permits() {
    const ROUNDS: usize = 500;
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(3));
        let inside = Arc::new(AtomicUsize::new(0));
        let work = |count: u32, permit: Result<SemaphorePermit<'_>, AcquireError>| {
            let permit = permit.unwrap();
            let now = inside.fetch_add(count as usize, Ordering::SeqCst) + count as usize;
            assert!(now <= 3);
            inside.fetch_sub(count as usize, Ordering::SeqCst);
            drop(permit);
        };
        thread::scope(|scope| {
            for count in 1..=3 {
                let semaphore = Arc::clone(&semaphore);
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        work(count, semaphore.blocking_acquire_many(count));
                    }
                });
            }
            crate::support::strict::block_on(async {
                for round in 0..ROUNDS {
                    let count = 1 + round as u32 % 3;
                    // Some give up.
                    let given_up = Polled::new(semaphore.acquire_many(count)).poll();
                    drop(given_up);
                    work(count, semaphore.acquire_many(count).await);
                }
            });
        });
        assert_eq!(semaphore.available_permits(), 3);
    });
}

/// Operations of the longest program.
const LENGTH: usize = 60;

operations! {
    4 Acquire { count: 5 };
    1 TryAcquire { count: 5 };
    2 Add { count: 5 };
    // Drops one of the futures and permits there are.
    3 Drop { which: LENGTH };
    1 Forget { count: 3 };
}

/// What a semaphore should be: a number and a queue.
#[derive(Default)]
struct Model {
    free: usize,
    /// The waiters, for how many each waits, and how many it has.
    line: VecDeque<(usize, usize, usize)>,
    served: Vec<usize>,
}

impl Model {
    fn acquire(&mut self, name: usize, count: usize) {
        if self.free >= count {
            self.free -= count;
            self.served.push(name);
        } else {
            let has = std::mem::take(&mut self.free);
            self.line.push_back((name, count, has));
        }
    }

    fn add(&mut self, count: usize) {
        self.free += count;
        while let Some((name, wants, has)) = self.line.front_mut() {
            let given = self.free.min(*wants - *has);
            *has += given;
            self.free -= given;
            if has < wants {
                return;
            }
            self.served.push(*name);
            self.line.pop_front();
        }
    }

    /// Returns what comes back.
    fn drop(&mut self, name: usize, count: usize) -> usize {
        match self.line.iter().position(|(waiting, ..)| *waiting == name) {
            Some(place) => self.line.remove(place).unwrap().2,
            None => count,
        }
    }
}

enum Client<'a> {
    Waiting(Polled<'a, Result<SemaphorePermit<'a>, AcquireError>>),
    Holding(SemaphorePermit<'a>),
}

#[test]
fn it_does_what_its_model_does() {
    check_some(300, "cargo test --test sync semaphore", LENGTH, |program| {
        (0..6).for_each(|free| run_with_model(free, program));
        Ok(())
    });
}

fn run_with_model(free: usize, program: &[Op]) {
    let semaphore = Semaphore::new(free);
    let mut model = Model {
        free,
        ..Model::default()
    };
    let mut clients: Vec<(usize, usize, Client<'_>)> = Vec::new();
    for (name, op) in program.iter().enumerate() {
        match *op {
            Op::Acquire { count } => {
                let future = Polled::new(semaphore.acquire_many(count as u32));
                clients.push((name, count, Client::Waiting(future)));
                if let Client::Waiting(future) = &mut clients.last_mut().unwrap().2
                    && let std::task::Poll::Ready(permit) = future.poll()
                {
                    clients.last_mut().unwrap().2 = Client::Holding(permit.unwrap());
                }
                model.acquire(name, count);
            }
            Op::TryAcquire { count } => {
                let permit = semaphore.try_acquire_many(count as u32);
                assert_eq!(permit.is_ok(), model.free >= count);
                if let Ok(permit) = permit {
                    model.acquire(name, count);
                    clients.push((name, count, Client::Holding(permit)));
                }
            }
            Op::Add { count } => {
                semaphore.add_permits(count);
                model.add(count);
            }
            Op::Drop { which } if !clients.is_empty() => {
                let (name, count, client) = clients.swap_remove(which % clients.len());
                drop(client);
                let back = model.drop(name, count);
                model.add(back);
            }
            Op::Drop { .. } => {}
            Op::Forget { count } => {
                let forgotten = semaphore.forget_permits(count);
                assert_eq!(forgotten, count.min(model.free));
                model.free -= forgotten;
            }
        }
        assert_eq!(semaphore.available_permits(), model.free);
        for (name, count, client) in &clients {
            let is_served = match client {
                Client::Waiting(future) => future.is_woken(),
                Client::Holding(permit) => permit.num_permits() == *count,
            };
            assert_eq!(is_served, model.served.contains(name));
        }
    }
}

#[test]
fn a_thread_blocks_for_permits_of_its_own() {
    watched(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let threads = [1, 2].map(|count| {
            let semaphore = Arc::clone(&semaphore);
            thread::spawn(move || {
                let permit = if count == 1 {
                    semaphore.blocking_acquire_owned()
                } else {
                    semaphore.blocking_acquire_many_owned(count)
                };
                permit.unwrap().num_permits()
            })
        });
        semaphore.add_permits(3);
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [1, 2]);
        assert_eq!(semaphore.available_permits(), 3);

        semaphore.close();
        Arc::clone(&semaphore).blocking_acquire_owned().unwrap_err();
        let message = panic_in_loop(|| drop(semaphore.blocking_acquire_many_owned(2)));
        assert!(message.contains("`Semaphore::blocking_acquire_many_owned` would block"));
    });
}
