//! The order within quintet is what it is without a host.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use quintet::runtime::{Builder, Runtime};
use quintet::{spawn, spawn_blocking};

use crate::contexts::guest;

#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    fn push(&self, what: &'static str) {
        self.0.borrow_mut().push(what);
    }
}

/// What a program of tasks, immediates, timers and jobs has done, in order.
fn order_on(runtime: &Runtime) -> Vec<&'static str> {
    let log = Log::default();
    let own = log.clone();
    runtime.block_on(async move {
        let at = |what| {
            let log = own.clone();
            move || log.push(what)
        };
        quintet::task::set_immediate(at("immediate"));
        let first = spawn({
            let log = own.clone();
            async move {
                log.push("first");
                quintet::task::yield_now().await;
                log.push("first, in check");
            }
        });
        let second = spawn({
            let log = own.clone();
            async move {
                log.push("second");
                quintet::time::sleep(Duration::from_millis(2)).await;
                log.push("second, by a timer");
            }
        });
        own.push("root");
        first.await.unwrap();
        second.await.unwrap();
        spawn_blocking(|| ()).await.unwrap();
        own.push("after a job");
    });
    log.0.take()
}

#[test]
fn tasks_immediates_and_timers_come_in_the_same_order() {
    let alone = order_on(&Runtime::new().unwrap());
    assert_eq!(order_on(&guest()), alone);
    assert_eq!(alone.len(), 7);
}

#[test]
fn a_seed_repeats_what_does_not_wait_for_tokio() {
    let hash = |is_guest| {
        let runtime = Builder::new().seed(5).tokio(is_guest).build().unwrap();
        let log = order_on(&runtime);
        (log, runtime.handle().order_hash())
    };
    assert_eq!(hash(true), hash(true));
    assert_eq!(hash(true).0, hash(false).0);
}
