//! Dumps: which tasks have used a channel last.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::pending;

use quintet::runtime::{ChannelWait, Dump, WaitReason};
use quintet::sync::mpsc;
use quintet::time::{sleep, timeout};
use quintet::{join, select};

use super::json::Json;
use super::{DAY, dump_of, find, named};

/// What the task `name` waits for, which is one channel.
fn wait_of<'a>(dump: &'a Dump, name: &str) -> &'a ChannelWait {
    match find(dump, name).waits() {
        [WaitReason::Channel(wait)] => wait,
        other => panic!("{other:?} in {dump}"),
    }
}

#[test]
fn the_last_sender_and_receiver_of_a_channel_are_told() {
    let made_at = line!() + 2;
    let (dump, _) = dump_of(|runtime| {
        let (sender, mut receiver) = mpsc::channel(8);
        let [early, late] = [(); 2].map(|()| sender.clone());
        named("early").spawn(async move {
            early.send(1).await.unwrap();
            pending::<()>().await;
        });
        named("late").spawn(async move {
            sleep(DAY).await;
            late.send(2).await.unwrap();
            late.try_send(3).unwrap();
            pending::<()>().await;
        });
        named("receiver").spawn(async move { while receiver.recv().await.is_some() {} });
        // It has waited for a day for the message of `late`, and then waits for another day.
        runtime.run_until_stalled();
        runtime.block_on(sleep(2 * DAY));
        sender
    });
    let wait = wait_of(&dump, "receiver");
    let [sender, receiver] = ["late", "receiver"].map(|name| find(&dump, name).id());
    assert_eq!(wait.last_sender(), Some(sender));
    assert_eq!(wait.last_receiver(), Some(receiver));
    assert_eq!(wait.waited(), DAY);
    assert_eq!(wait.location().file(), file!());
    assert_eq!(wait.location().line(), made_at);
    let text = format!(
        "    waits for a message (mpsc), channel made at {}, for 86400.0s; last sender seen: task \
         {sender}, last receiver seen: task {receiver}\n",
        wait.location()
    );
    assert!(format!("{dump}\n").contains(&text), "{dump}");
    let json = Json::parse(&dump.to_json());
    let tasks = json.get("tasks").items();
    let wait = &tasks[2].get("waits").items()[0];
    assert_eq!(wait.get("kind"), &Json::text("channel"));
    assert_eq!(wait.get("last_sender"), &Json::number(sender));
    assert_eq!(wait.get("last_receiver"), &Json::number(receiver));
    assert_eq!(wait.get("waited_ns"), &Json::number(DAY.as_nanos()));
}

#[test]
fn a_task_that_waits_for_room_is_told_as_well() {
    let (dump, _) = dump_of(|_| {
        let (sender, mut receiver) = mpsc::channel(1);
        named("sending").spawn(async move {
            for number in 0..3 {
                sender.send(number).await.unwrap();
            }
        });
        named("receiver").spawn(async move {
            receiver.recv().await.unwrap();
            sleep(DAY).await;
            receiver.recv().await.unwrap();
        });
    });
    let wait = wait_of(&dump, "sending");
    assert_eq!(wait.last_sender(), Some(find(&dump, "sending").id()));
    assert_eq!(wait.last_receiver(), Some(find(&dump, "receiver").id()));
    assert!(
        dump.to_string()
            .contains("waits for room in a channel (mpsc), channel made at")
    );
}

#[test]
fn a_channel_without_messages_has_no_last_sender() {
    let (dump, _) = dump_of(|_| {
        let (sender, mut receiver) = mpsc::unbounded_channel::<()>();
        named("receiver").spawn(async move { receiver.recv().await });
        let (other, mut outside) = mpsc::unbounded_channel::<()>();
        other.send(()).unwrap();
        named("outside").spawn(async move {
            outside.recv().await.unwrap();
            outside.recv().await
        });
        (sender, other)
    });
    let wait = wait_of(&dump, "receiver");
    assert_eq!((wait.last_sender(), wait.last_receiver()), (None, None));
    let wait = wait_of(&dump, "outside");
    assert_eq!(wait.last_sender(), None, "it is not a task");
    assert_eq!(wait.last_receiver(), Some(find(&dump, "outside").id()));
}

#[test]
fn a_receiver_that_has_given_up_does_not_wait() {
    let (dump, _) = dump_of(|runtime| {
        let (sender, mut receiver) = mpsc::unbounded_channel::<()>();
        named("gave up").spawn(async move {
            assert!(timeout(DAY, receiver.recv()).await.is_err());
            sleep(DAY / 2).await;
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        runtime.block_on(sleep(DAY * 2));
        sender
    });
    let waits = find(&dump, "gave up").waits();
    assert_eq!(waits, [WaitReason::Unknown]);
}

#[test]
fn several_channels_are_told_at_once() {
    let (dump, _) = dump_of(|_| {
        let (sender, mut receiver) = mpsc::unbounded_channel::<()>();
        let (other, mut another) = mpsc::unbounded_channel::<()>();
        named("both").spawn(async move { join!(receiver.recv(), another.recv()) });
        let (third, mut receiver) = mpsc::unbounded_channel::<()>();
        named("either").spawn(async move {
            select! {
                _ = receiver.recv() => {}
                () = sleep(DAY) => {}
            }
        });
        (sender, other, third)
    });
    let is_channel = |wait: &&WaitReason| matches!(wait, WaitReason::Channel(_));
    let both = find(&dump, "both").waits();
    assert_eq!(both.iter().filter(is_channel).count(), 2, "{dump}");
    assert_eq!(both.len(), 2, "{dump}");
    let either = find(&dump, "either").waits();
    assert_eq!(either.iter().filter(is_channel).count(), 1, "{dump}");
    assert_eq!(either.len(), 2, "{dump}");
}
