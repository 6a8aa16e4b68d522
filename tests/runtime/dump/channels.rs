//! Dumps: which tasks have used a channel last.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::pending;

use quintet::runtime::{ChannelWait, Dump, WaitReason};
use quintet::sync::{broadcast, mpsc, watch};
use quintet::task::yield_now;
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

/// The waits of the tasks with these names, which are one channel each: what is told of it.
fn assert_peers(dump: &Dump, names: &[&str], sender: Option<&str>, receiver: Option<&str>) {
    let id = |name: &str| find(dump, name).id();
    for name in names {
        let wait = wait_of(dump, name);
        assert_eq!(wait.last_sender(), sender.map(id), "{name}: {dump}");
        assert_eq!(wait.last_receiver(), receiver.map(id), "{name}: {dump}");
    }
}

#[test]
fn the_last_peers_of_a_watch_channel_are_told_to_each_receiver() {
    let made_at = line!() + 2;
    let (dump, _) = dump_of(|runtime| {
        let (sender, receiver) = watch::channel(0);
        for name in ["changed", "wait_for"] {
            let mut receiver = receiver.clone();
            named(name).spawn(async move {
                match name {
                    "changed" => while receiver.changed().await.is_ok() {},
                    _ => drop(receiver.wait_for(|value| *value > 9).await),
                }
            });
        }
        named("sending").spawn(async move {
            sleep(DAY).await;
            sender.send(1).unwrap();
            // It was not modified.
            named("idle").spawn(async move {
                sender.send_if_modified(|_| false);
                pending::<()>().await;
            });
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        runtime.block_on(sleep(2 * DAY));
    });
    assert_peers(
        &dump,
        &["changed", "wait_for"],
        Some("sending"),
        Some("wait_for"),
    );
    for name in ["changed", "wait_for"] {
        let wait = wait_of(&dump, name);
        assert_eq!(wait.waited(), DAY, "{name}");
        assert_eq!(wait.location().file(), file!());
        assert_eq!(wait.location().line(), made_at);
    }
    let text = dump.to_string();
    assert!(
        text.contains("waits for a new value (watch), channel made at"),
        "{text}"
    );
}

#[test]
fn a_value_that_is_looked_at_is_received() {
    let (dump, _) = dump_of(|_| {
        let sender = watch::Sender::new(0);
        let [mut waiting, mut looking] = [(); 2].map(|()| sender.subscribe());
        named("waiting").spawn(async move { waiting.changed().await });
        named("looking").spawn(async move {
            assert_eq!(*looking.borrow_and_update(), 0);
            pending::<()>().await;
        });
        sender
    });
    assert_peers(&dump, &["waiting"], None, Some("looking"));
}

#[test]
fn the_last_peers_of_a_broadcast_channel_are_told_to_each_receiver() {
    let made_at = line!() + 2;
    let (dump, _) = dump_of(|runtime| {
        let (sender, receiver) = broadcast::channel(2);
        let lagging = receiver.resubscribe();
        for (name, mut receiver) in [("first", receiver), ("lags", lagging)] {
            named(name).spawn(async move {
                if name == "lags" {
                    sleep(DAY / 2).await;
                }
                loop {
                    let received = receiver.recv().await;
                    if received == Err(broadcast::error::RecvError::Closed) {
                        return;
                    }
                }
            });
        }
        named("sending").spawn(async move {
            for number in 0..9 {
                sender.send(number).unwrap();
                yield_now().await;
            }
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        runtime.block_on(sleep(DAY));
    });
    assert_peers(&dump, &["first", "lags"], Some("sending"), Some("lags"));
    let [first, lags] = ["first", "lags"].map(|name| wait_of(&dump, name));
    assert_eq!((first.waited(), lags.waited()), (DAY, DAY / 2));
    assert_eq!(
        (first.location().line(), lags.location().line()),
        (made_at, made_at)
    );
    let text = dump.to_string();
    assert!(
        text.contains("waits for a message (broadcast), channel made at"),
        "{text}"
    );
}

#[test]
fn messages_that_are_tried_for_are_received() {
    let (dump, _) = dump_of(|_| {
        let (sender, mut waiting) = broadcast::channel(2);
        let mut trying = waiting.resubscribe();
        named("waiting").spawn(async move {
            waiting.recv().await.unwrap();
            waiting.recv().await
        });
        sender.send(()).unwrap();
        named("trying").spawn(async move {
            yield_now().await;
            trying.try_recv().unwrap();
            assert!(trying.try_recv().is_err());
            pending::<()>().await;
        });
        sender
    });
    // The message came from outside of tasks.
    assert_peers(&dump, &["waiting"], None, Some("trying"));
}

#[test]
fn receivers_that_have_given_up_do_not_wait() {
    let (dump, _) = dump_of(|runtime| {
        let (watched, mut values) = watch::channel(0);
        let (sent, mut messages) = broadcast::channel::<()>(1);
        named("gave up").spawn(async move {
            select! {
                _ = values.changed() => {}
                _ = messages.recv() => {}
                () = sleep(DAY) => {}
            }
            sleep(DAY).await;
            pending::<()>().await;
        });
        runtime.run_until_stalled();
        let is_channel = |wait: &&WaitReason| matches!(wait, WaitReason::Channel(_));
        let waiting = runtime.dump();
        let waits = find(&waiting, "gave up").waits();
        assert_eq!(waits.iter().filter(is_channel).count(), 2, "{waiting}");
        assert_eq!(waits.len(), 3, "{waiting}");
        runtime.block_on(sleep(3 * DAY));
        (watched, sent)
    });
    let waits = find(&dump, "gave up").waits();
    assert_eq!(waits, [WaitReason::Unknown]);
}

#[test]
fn a_later_wait_for_the_same_channel_has_its_own_beginning() {
    let (dump, _) = dump_of(|runtime| {
        let (sender, mut receiver) = mpsc::unbounded_channel::<()>();
        named("again").spawn(async move {
            assert!(timeout(DAY, receiver.recv()).await.is_err());
            for _ in 0..2 {
                sleep(DAY).await;
            }
            receiver.recv().await
        });
        runtime.run_until_stalled();
        runtime.block_on(sleep(4 * DAY));
        sender
    });
    assert_eq!(wait_of(&dump, "again").waited(), DAY);
}
