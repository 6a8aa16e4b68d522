//! Handles that do not let their tasks outlive them.

use std::future::pending;

use quintet::spawn;
use quintet::task::AbortOnDropHandle;

use super::{Dropped, on_a_loop, settle};
use crate::support::cases::{log, take_log};

#[test]
fn dropping_the_handle_aborts_the_task() {
    on_a_loop(async || {
        let guarded = Dropped("future");
        let task = AbortOnDropHandle::new(spawn(async move {
            let _guarded = guarded;
            pending::<()>().await;
        }));
        let abort_handle = task.abort_handle();
        settle().await;
        assert!(!task.is_finished());
        assert_eq!(task.id(), abort_handle.id());

        drop(task);
        log("dropped");
        settle().await;

        assert!(abort_handle.is_finished());
        assert_eq!(take_log(), ["dropped", "drop-future"]);
    });
}

#[test]
fn it_resolves_like_the_handle_inside() {
    on_a_loop(async || {
        let mut task = AbortOnDropHandle::new(spawn(async { 5 }));
        assert_eq!((&mut task).await.unwrap(), 5);

        let task = AbortOnDropHandle::new(spawn(pending::<()>()));
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_detached_task_goes_on() {
    on_a_loop(async || {
        let task = AbortOnDropHandle::new(spawn(async {
            settle().await;
            log("ended");
        }));
        drop(task.detach());

        settle().await;
        settle().await;

        assert_eq!(take_log(), ["ended"]);
    });
}
