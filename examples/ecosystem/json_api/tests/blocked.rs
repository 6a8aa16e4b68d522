//! `SQLite` on the loop's thread, where it should not be: the report of a blocked loop names it.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use quintet::runtime::{Builder, Report};
use quintet::task;
use quintet::time::sleep;
use rusqlite::{Connection, TransactionBehavior};

/// How long a test waits at most. It ends in a small part of it.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a database");
    connection.busy_timeout(PATIENCE).expect("a time limit");
    connection
}

/// Another connection has the write lock until the block is reported.
#[test]
fn a_transaction_that_waits_for_another_one_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("accounts.db");
    let (reports, reported) = mpsc::channel();
    let runtime = Builder::new()
        .blocked_after(Duration::from_millis(20))
        .on_report(move |report| {
            let _test_is_over = reports.send(report.clone());
        })
        .build()
        .expect("descriptors for a runtime");

    let (locked, is_locked) = mpsc::channel();
    let other = thread::spawn({
        let path = path.clone();
        move || {
            let mut connection = open(&path);
            let behavior = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(behavior);
            let transaction = transaction.expect("the lock is free");
            locked.send(()).expect("the test waits");
            let first = reported.recv_timeout(PATIENCE).expect("it is reported");
            transaction.rollback().expect("nothing has changed");
            first
        }
    });
    is_locked.recv().expect("the other thread has begun");
    runtime.block_on(async {
        let task = task::Builder::new().name("transfer").spawn(async move {
            sleep(Duration::from_millis(1)).await;
            let mut connection = open(&path);
            let behavior = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(behavior);
            transaction.expect("the other one has ended").commit()
        });
        task.await.expect("it ends").expect("nothing was written");
    });

    let report = other.join().expect("the lock was taken");
    let Report::Blocked {
        what,
        task: Some(task),
        woken_by,
        is_over,
        ..
    } = report
    else {
        panic!("another report: {report}");
    };
    assert_eq!((what, task.name()), ("a poll", Some("transfer")));
    assert_eq!(task.location().file(), file!());
    assert_eq!((woken_by, is_over), (Some("a timer"), false));
}
