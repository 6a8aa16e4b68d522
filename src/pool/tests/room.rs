//! The room in the queue, and those that wait for it.

use std::task::{Poll, Waker};

use crate::pool::room::{Room, RoomKey, RoomOffer};

/// Polls with a waker that does nothing.
fn poll(room: &Room, key: &mut Option<RoomKey>) -> Poll<RoomOffer> {
    room.poll_enter(key, Waker::noop())
}

const ENTERED: Poll<RoomOffer> = Poll::Ready(RoomOffer::Entered);

#[test]
fn only_those_that_ask_for_it_are_limited() {
    let room = Room::new(2);
    assert!(room.try_enter() && room.try_enter() && !room.try_enter());
    room.enter();
    assert_eq!(room.queued(), 3);

    assert!(room.leave().is_none());
    assert!(!room.try_enter());
    assert!(room.leave().is_none());
    assert!(room.try_enter());
}

#[test]
fn room_goes_to_the_first_waiter_and_none_overtakes_it() {
    let room = Room::new(1);
    room.enter();
    let (mut first, mut second) = (None, None);
    assert!(poll(&room, &mut first).is_pending());
    assert!(poll(&room, &mut second).is_pending());
    assert!(poll(&room, &mut second).is_pending());

    assert!(room.leave().is_some(), "the first is to be woken");

    assert!(!room.try_enter());
    assert!(poll(&room, &mut second).is_pending());
    assert_eq!(poll(&room, &mut first), ENTERED);
    assert!(first.is_none());
    assert!(room.leave().is_some());
    assert_eq!(poll(&room, &mut second), ENTERED);
    assert_eq!(room.queued(), 1);
    assert!(room.leave().is_none());
    assert!(room.try_enter(), "none waits");
}

#[test]
fn a_waiter_that_is_dropped_leaves_nothing() {
    let room = Room::new(1);
    room.enter();
    let (mut first, mut second) = (None, None);
    assert!(poll(&room, &mut first).is_pending());
    assert!(poll(&room, &mut second).is_pending());

    // Before it has room.
    assert!(room.forget(first.take().unwrap()).is_none());
    assert!(room.leave().is_some());
    // After that.
    assert!(room.forget(second.take().unwrap()).is_none());

    assert_eq!(room.queued(), 0);
    assert!(room.try_enter());
}

#[test]
fn a_waiter_that_is_dropped_with_room_passes_it_on() {
    let room = Room::new(1);
    room.enter();
    let (mut first, mut second) = (None, None);
    assert!(poll(&room, &mut first).is_pending());
    assert!(poll(&room, &mut second).is_pending());
    assert!(room.leave().is_some());

    assert!(room.forget(first.take().unwrap()).is_some());

    assert_eq!(poll(&room, &mut second), ENTERED);
    assert_eq!(room.queued(), 1);
}

#[test]
fn those_without_room_learn_of_the_end() {
    let room = Room::new(1);
    room.enter();
    let (mut first, mut second, mut third) = (None, None, None);
    assert!(poll(&room, &mut first).is_pending());
    assert!(poll(&room, &mut second).is_pending());
    assert!(room.leave().is_some());

    assert_eq!(room.close().len(), 1);

    assert_eq!(poll(&room, &mut first), ENTERED);
    assert_eq!(poll(&room, &mut second), Poll::Ready(RoomOffer::Closed));
    assert_eq!(poll(&room, &mut third), Poll::Ready(RoomOffer::Closed));
    assert!(room.leave().is_none());
}
