//! Cells that are filled once.

use std::future::{pending, ready};
use std::sync::Arc;

use quintet::sync::{OnceCell, SetError, SetOnce};

use super::{Polled, now};

#[test]
fn it_is_filled_once() {
    let mut cell = OnceCell::new();
    assert_eq!(cell.get(), None);
    assert_eq!(cell.get_mut(), None);
    assert_eq!(*now(cell.get_or_init(|| ready(1))), 1);
    assert_eq!(*now(cell.get_or_init(pending)), 1);
    assert_eq!(cell.set(2), Err(SetError::AlreadyInitializedError(2)));
    *cell.get_mut().unwrap() += 1;
    assert_eq!(cell.clone(), OnceCell::from(2));
    assert_eq!((cell.take(), cell.initialized()), (Some(2), false));
    cell.set(3).unwrap();
    assert_eq!(cell.into_inner(), Some(3));
    assert_eq!(OnceCell::new_with(Some(1)).get(), Some(&1));
    assert_eq!(OnceCell::<u8>::new_with(None).get(), None);
}

#[test]
fn a_cell_that_is_made_with_a_value_is_filled() {
    static CELL: OnceCell<String> = OnceCell::const_new_with(String::new());
    assert_eq!(now(CELL.get_or_init(pending)), "");
    let other = String::from("other");
    let refused = CELL.set(other.clone());
    assert_eq!(refused, Err(SetError::AlreadyInitializedError(other)));

    let mut cell = OnceCell::const_new_with(1);
    *cell.get_mut().unwrap() += 1;
    assert_eq!(cell.clone().into_inner(), Some(2));
    assert_eq!(cell.take(), Some(2));
    assert!(!cell.initialized());
    assert_eq!(*now(cell.get_or_init(|| ready(3))), 3);
}

#[test]
fn others_wait_for_the_task_that_fills_it_and_see_the_value() {
    let cell = OnceCell::new();
    let (sender, receiver) = quintet::sync::oneshot::channel();
    let mut first = Polled::waiting(cell.get_or_init(async || receiver.await.unwrap()));
    let mut others = [(); 2].map(|()| Polled::waiting(cell.get_or_init(pending)));
    assert_eq!(cell.set(9), Err(SetError::InitializingError(9)));

    sender.send(1).unwrap();
    assert_eq!(*first.output(), 1);

    for other in &mut others {
        assert!(other.is_woken());
        assert_eq!(*other.output(), 1);
    }
}

#[test]
fn the_next_fills_it_when_one_fails_or_gives_up() {
    let cell = OnceCell::new();
    let given_up = Polled::waiting(cell.get_or_init(pending));
    let mut failing = Polled::waiting(cell.get_or_try_init(|| ready(Err("no"))));
    let mut last = Polled::waiting(cell.get_or_init(|| ready(7)));

    drop(given_up);
    assert!(failing.is_woken() && !last.is_woken());
    assert_eq!(failing.output(), Err("no"));
    assert!(last.is_woken());
    assert_eq!(*last.output(), 7);
}

#[test]
fn a_value_that_is_set_once_wakes_all() {
    let value = Arc::new(SetOnce::new());
    let mut waiters = [(); 2].map(|()| Polled::waiting(value.wait()));
    drop(Polled::waiting(value.wait()));

    value.set(1).unwrap();

    for waiter in &mut waiters {
        assert!(waiter.is_woken());
        assert_eq!(*waiter.output(), 1);
    }
    assert_eq!(value.set(2).unwrap_err().0, 2);
    drop(waiters);
    assert_eq!(Arc::into_inner(value).unwrap().into_inner(), Some(1));
}
