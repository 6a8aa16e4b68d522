//! Readers and writers in one line.

use std::sync::Arc;
use std::thread;

use quintet::sync::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard, RwLockReadGuard,
    RwLockWriteGuard,
};

use super::{Polled, now, panic_in_loop, watched};

#[test]
fn a_writer_waits_for_readers_and_later_readers_for_it() {
    let lock = RwLock::new(0);
    let readers = (now(lock.read()), now(lock.read()));
    let mut writer = Polled::waiting(lock.write());
    let mut late = [Polled::waiting(lock.read()), Polled::waiting(lock.read())];
    assert!(lock.try_read().is_err() && lock.try_write().is_err());

    drop(readers.0);
    assert!(!writer.is_woken());
    drop(readers.1);

    assert!(writer.is_woken() && !late[0].is_woken());
    *writer.output() = 1;
    assert!(late.iter().all(Polled::is_woken));
    let [one, other] = &mut late;
    assert_eq!((*one.output(), *other.output()), (1, 1));
}

#[test]
fn a_writer_that_gives_up_lets_readers_in() {
    let lock = RwLock::new(0);
    let reader = now(lock.read());
    let writer = Polled::waiting(lock.write());
    let mut late = Polled::waiting(lock.read());

    drop(writer);

    assert!(late.is_woken());
    assert_eq!(*late.output(), *reader);
}

#[test]
fn a_writer_goes_on_as_a_reader() {
    let lock = Arc::new(RwLock::new(1));
    let mut writer = now(lock.write());
    let mut waiting = Polled::waiting(lock.read());
    let mut next = Polled::waiting(lock.write());
    *writer = 2;
    let reader = writer.downgrade();
    assert_eq!((*reader, *waiting.output()), (2, 2));
    assert!(!next.is_woken());
    drop(reader);
    drop(next.output());
    drop((waiting, next));

    let mut writer = now(Arc::clone(&lock).write_owned());
    *writer += 1;
    let reader = writer.downgrade();
    let second = Arc::clone(&lock).try_read_owned().unwrap();
    assert_eq!((*reader, *second), (3, 3));
    assert!(Arc::clone(&lock).try_write_owned().is_err());
    thread::spawn(move || drop((reader, second)))
        .join()
        .unwrap();
    drop(Arc::clone(&lock).try_write_owned().unwrap());
    assert_eq!(*now(Arc::clone(&lock).read_owned()), 3);
    assert_eq!(Arc::into_inner(lock).unwrap().into_inner(), 3);
}

#[test]
fn so_many_readers_are_let_in_and_no_more() {
    let mut lock = RwLock::with_max_readers(1, 2);
    assert_eq!(format!("{lock:?}"), "RwLock { data: 1 }");
    let readers = (now(lock.read()), now(lock.read()));
    assert!(lock.try_read().is_err());
    assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
    drop(readers);
    *lock.get_mut() += 1;
    assert_eq!(*lock.blocking_read(), 2);
}

#[test]
fn a_value_is_dropped_once_and_with_its_lock() {
    let value = Arc::new(());
    let lock = Arc::new(RwLock::new(Arc::clone(&value)));
    let reader = now(Arc::clone(&lock).read_owned());
    drop(lock);
    assert_eq!(Arc::strong_count(&value), 2);
    drop(reader);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_part_can_be_read() {
    let lock = Arc::new(RwLock::new((1, [String::from("a"), String::from("b")])));
    let whole = now(lock.read());
    let half: RwLockReadGuard<'_, [String]> = RwLockReadGuard::map(whole, |value| &value.1[..]);
    let index = 1;
    let part: RwLockReadGuard<'_, str> =
        RwLockReadGuard::map(half, move |half| half[index].as_str());
    assert_eq!(format!("{part} {part:?}"), "b \"b\"");
    let mut writer = Polled::waiting(lock.write());
    thread::scope(|scope| scope.spawn(move || drop(part)).join().unwrap());
    assert!(writer.is_woken());
    drop(writer.output());
    drop(writer);

    let whole = now(Arc::clone(&lock).read_owned());
    let half: OwnedRwLockReadGuard<_, [String]> =
        OwnedRwLockReadGuard::map(whole, |value| &value.1[..]);
    let part: OwnedRwLockReadGuard<_, str> =
        OwnedRwLockReadGuard::map(half, |half| half[0].as_str());
    assert_eq!(&*part, "a");
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    drop(part);
    let lock = Arc::into_inner(lock).unwrap();
    drop(lock.try_write().unwrap());
    assert_eq!(lock.into_inner().0, 1);
}

#[test]
fn a_part_can_be_written() {
    let mut lock = RwLock::new((1, [2, 3]));
    for next in 4..6 {
        let whole = now(lock.write());
        let mut part: RwLockMappedWriteGuard<'_, [u32]> =
            RwLockWriteGuard::map(whole, |value| &mut value.1[..]);
        part[0] = next;
        assert_eq!(format!("{part:?}"), format!("[{next}, 3]"));
        let mut reader = Polled::waiting(lock.read());
        thread::scope(|scope| scope.spawn(move || drop(part)).join().unwrap());
        assert_eq!(reader.output().1[0], next);
    }
    let panicked = std::panic::catch_unwind(|| {
        drop(RwLockWriteGuard::map(
            now(lock.write()),
            |value| -> &mut u32 {
                value.0 = 9;
                panic!("while it looks for the part")
            },
        ));
    });
    assert!(panicked.is_err());
    assert_eq!(*now(lock.read()), (9, [5, 3]));
    assert_eq!(lock.get_mut().0, 9);
    assert_eq!(lock.into_inner().0, 9);
}

#[test]
fn a_boxed_trait_object_can_be_locked() {
    let lock: RwLock<Box<dyn ToString + Send + Sync>> = RwLock::new(Box::new(7));
    let part = RwLockReadGuard::map(now(lock.read()), |value| &**value);
    assert_eq!(part.to_string(), "7");
    drop(part);
    *now(lock.write()) = Box::new('c');
    assert_eq!(now(lock.read()).to_string(), "c");
}

#[test]
fn threads_read_and_write() {
    static LOCK: RwLock<(u32, u32)> = RwLock::const_new((0, 0));

    const ROUNDS: u32 = 1_000;
    watched(|| {
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        let mut value = LOCK.blocking_write();
                        value.0 += 1;
                        value.1 += 1;
                    }
                });
            }
            crate::support::strict::block_on(async {
                for _ in 0..ROUNDS {
                    let value = LOCK.read().await;
                    assert_eq!(value.0, value.1);
                }
            });
        });
        assert_eq!(*now(LOCK.read()), (2 * ROUNDS, 2 * ROUNDS));
        let message = panic_in_loop(|| drop(LOCK.blocking_write()));
        assert!(message.contains("`RwLock::blocking_write` would block"));
    });
}

#[test]
fn a_guard_is_mapped_to_a_part_if_there_is_one() {
    let lock = Arc::new(RwLock::new(vec![1, 2]));
    let reader = now(lock.read());
    let reader = RwLockReadGuard::try_map(reader, |list| list.get(7)).unwrap_err();
    assert_eq!(*reader, [1, 2]);
    let reader = RwLockReadGuard::try_map(reader, |list| list.get(1)).unwrap();
    assert_eq!(*reader, 2);
    let reader = RwLockReadGuard::try_map(reader, |_| None::<&u8>).unwrap_err();
    assert_eq!(*reader, 2);
    assert!(lock.try_write().is_err());
    drop(reader);

    let reader = now(Arc::clone(&lock).read_owned());
    let reader = OwnedRwLockReadGuard::try_map(reader, |list| list.get(7)).unwrap_err();
    let reader = OwnedRwLockReadGuard::try_map(reader, |list| list.first()).unwrap();
    assert_eq!(*reader, 1);
    assert!(lock.try_write().is_err());
    drop(reader);

    let writer = now(lock.write());
    let writer = RwLockWriteGuard::try_map(writer, |list| list.get_mut(7)).unwrap_err();
    assert!(lock.try_read().is_err());
    *RwLockWriteGuard::try_map(writer, |list| list.first_mut()).unwrap() = 5;
    assert_eq!(lock.try_read().unwrap()[..], [5, 2]);
}

#[test]
fn a_writer_is_downgraded_to_a_reader_of_a_part() {
    let lock = RwLock::new((1, Some('a')));
    let letter = RwLockWriteGuard::downgrade_map(now(lock.write()), |pair| &pair.1);
    assert_eq!(*letter, Some('a'));
    assert_eq!(lock.try_read().unwrap().0, 1);
    assert!(lock.try_write().is_err());
    drop(letter);

    let writer = now(lock.write());
    let writer = RwLockWriteGuard::try_downgrade_map(writer, |_| None::<&char>);
    let mut writer = writer.unwrap_err();
    assert!(lock.try_read().is_err(), "it is still a writer");
    writer.1 = Some('b');
    let letter = RwLockWriteGuard::try_downgrade_map(writer, |pair| pair.1.as_ref()).unwrap();
    assert_eq!((*letter, lock.try_read().unwrap().0), ('b', 1));
    drop(letter);
    assert!(lock.try_write().is_ok());
}

#[test]
fn an_owned_writer_is_downgraded_to_a_reader_of_a_part() {
    let lock = Arc::new(RwLock::new((1, Some('a'))));
    let writer = now(Arc::clone(&lock).write_owned());
    let letter = OwnedRwLockWriteGuard::downgrade_map(writer, |pair| &pair.1);
    assert_eq!(*letter, Some('a'));
    assert_eq!(lock.try_read().unwrap().0, 1);
    assert!(lock.try_write().is_err());
    drop(letter);

    let writer = now(Arc::clone(&lock).write_owned());
    let writer = OwnedRwLockWriteGuard::try_downgrade_map(writer, |_| None::<&char>);
    let mut writer = writer.unwrap_err();
    assert!(lock.try_read().is_err(), "it is still a writer");
    writer.1 = Some('b');
    let letter = OwnedRwLockWriteGuard::try_downgrade_map(writer, |pair| pair.1.as_ref());
    let letter = letter.unwrap();
    assert_eq!((*letter, lock.try_read().unwrap().0), ('b', 1));
    drop(letter);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_function_that_changes_its_mind_panics_and_unlocks() {
    let lock = RwLock::new(1);
    let mut calls = 0;
    let message = crate::support::panics::panic_message(|| {
        RwLockWriteGuard::try_map(now(lock.write()), |value| {
            calls += 1;
            (calls == 1).then_some(value)
        })
        .map(drop)
        .map_err(drop)
    });
    assert!(message.contains("a part each time"), "{message}");
    assert_eq!(*lock.try_write().unwrap(), 1);
}
