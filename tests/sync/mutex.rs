//! The lock's order, and where its value is.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;

use quintet::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use super::{Polled, now, panic_in_loop, watched};

#[test]
fn it_is_given_in_the_order_of_arrival() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    let mut first = Polled::waiting(mutex.lock());
    let gone = Polled::waiting(mutex.lock());
    let mut last = Polled::waiting(mutex.lock());
    drop(gone);

    drop(guard);

    assert!(first.is_woken() && !last.is_woken());
    assert!(mutex.try_lock().is_err(), "it is the first one's");
    drop(first.output());
    *last.output() = 1;
    drop((first, last));
    assert_eq!(mutex.into_inner(), 1);
}

#[test]
fn a_waiter_that_is_dropped_with_the_lock_passes_it_on() {
    let mutex = Mutex::new(());
    let guard = now(mutex.lock());
    let first = Polled::waiting(mutex.lock());
    let mut second = Polled::waiting(mutex.lock());
    drop(guard);

    drop(first);

    assert!(second.is_woken());
    drop(second.output());
}

#[test]
fn an_owned_guard_has_the_value_and_brings_it_back() {
    let mutex = Arc::new(Mutex::new(String::from("a")));
    let mut guard = now(Arc::clone(&mutex).lock_owned());
    guard.push('b');
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert!(Arc::clone(&mutex).try_lock_owned().is_err());
    let mut waiting = Polled::waiting(mutex.lock());
    drop(guard);
    assert_eq!(*waiting.output(), "ab");

    let guard = Arc::clone(&mutex).try_lock_owned().unwrap();
    thread::spawn(move || drop(guard)).join().unwrap();
    assert_eq!(format!("{}", now(mutex.lock())), "ab");
    assert_eq!(format!("{mutex:?}"), "Mutex { data: \"ab\" }");
}

#[test]
fn a_part_can_be_locked() {
    let mutex = Mutex::new((1, [2, 3]));
    let guard = now(mutex.lock());
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &raw const mutex));
    let mut part = MutexGuard::map(guard, |value| &mut value.1[..]);
    part[0] = 5;
    assert_eq!(*part, [5, 3]);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    drop(part);
    assert_eq!(now(mutex.lock()).1, [5, 3]);

    // One that is not `Sync`, borrows, and panics.
    let name = String::from("a");
    let length: Box<dyn Fn() -> usize + Send + '_> = Box::new(|| name.len());
    let mutex = Mutex::new((Cell::new(1), length));
    let part = MutexGuard::map(now(mutex.lock()), |value| &mut value.0);
    thread::scope(|scope| scope.spawn(move || part.set(2)).join().unwrap());
    let guard = now(mutex.lock());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(MutexGuard::map(guard, |_| -> &mut u32 {
            panic!("while it looks for the part")
        }));
    }));
    assert!(panicked.is_err());
    let guard = now(mutex.lock());
    assert_eq!((guard.0.get(), guard.1()), (2, 1));
}

#[test]
fn a_boxed_trait_object_can_be_locked() {
    let mutex: Arc<Mutex<Box<dyn Iterator<Item = u32> + Send>>> =
        Arc::new(Mutex::new(Box::new(0..3)));
    assert_eq!(now(mutex.lock()).next(), Some(0));
    assert_eq!(now(Arc::clone(&mutex).lock_owned()).next(), Some(1));
    let mut part = MutexGuard::map(now(mutex.lock()), |numbers| &mut **numbers);
    assert_eq!(part.next(), Some(2));
}

#[test]
fn a_panic_unlocks_and_a_static_works() {
    static MUTEX: Mutex<Cell<u32>> = Mutex::const_new(Cell::new(1));

    let panicked = thread::spawn(|| {
        let _guard = MUTEX.blocking_lock();
        panic!("while it holds the lock");
    });
    assert!(panicked.join().is_err());
    assert_eq!(now(MUTEX.lock()).get(), 1);
    let message = panic_in_loop(|| drop(MUTEX.blocking_lock()));
    assert!(message.contains("`Mutex::blocking_lock` would block"));
}

#[test]
fn threads_and_tasks_count_together() {
    const ROUNDS: u32 = 2_000;
    watched(|| {
        let mutex = Arc::new(Mutex::new(0));
        let threads = [true, false].map(|is_owned| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    if is_owned {
                        *Arc::clone(&mutex).blocking_lock_owned() += 1;
                    } else {
                        *mutex.blocking_lock() += 1;
                    }
                }
            })
        });
        crate::support::strict::block_on(async {
            for _ in 0..ROUNDS {
                *mutex.lock().await += 1;
            }
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*now(mutex.lock()), 3 * ROUNDS);
    });
}

#[test]
fn a_guard_is_mapped_to_a_part_if_there_is_one() {
    let mutex = Mutex::new(vec![1, 2]);
    let guard = now(mutex.lock());
    let guard = MutexGuard::try_map(guard, |list| list.get_mut(7)).unwrap_err();
    assert_eq!(*guard, [1, 2]);
    let mut part = MutexGuard::try_map(guard, |list| list.first_mut()).unwrap();
    *part += 4;
    assert!(mutex.try_lock().is_err());
    drop(part);
    assert_eq!(*mutex.try_lock().unwrap(), [5, 2]);
}
