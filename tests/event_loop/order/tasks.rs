//! The ready queue, panics and aborts.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use futures::channel::oneshot;
use quintet::runtime::{Runtime, UnhandledPanic, on_exit};
use quintet::task::set_immediate;
use quintet::time::{Duration, Instant, sleep};
use quintet::{block_on, spawn};

use crate::support::cases::{
    EVERY_WAY, Way, arm, assert_order, block_until, in_check, in_order, in_timers, keep_alive,
    line_count, log, log_after, one_worker, record, take_log, time_passes, wake_elsewhere, watched,
};
use crate::support::panics::on_panic;

#[test]
fn case_17_there_is_one_ready_queue_first_in_first_out() {
    let expected = "main p1 tick1 p-from-p1 tick-from-p1 immediate";
    in_order(expected, || async {
        set_immediate(|| log("immediate"));
        let (wake_p1, p1) = oneshot::channel::<()>();
        let (wake_tick1, tick1) = oneshot::channel::<()>();
        spawn(async {
            p1.await.unwrap();
            log("p1");
            spawn(async { log("p-from-p1") });
            spawn(async { log("tick-from-p1") });
        });
        spawn(async {
            tick1.await.unwrap();
            log("tick1");
        });
        spawn(async {
            log("main");
            wake_p1.send(()).unwrap();
            wake_tick1.send(()).unwrap();
        });
    });
}

/// How long a chain goes on that is meant to starve others. It must not come to that.
const STARVING: Duration = Duration::from_secs(5);

#[test]
fn case_19_a_task_that_wakes_itself_starves_no_task() {
    let each = record(&mut one_worker(), 3, || async {
        let start = Instant::now();
        spawn(async {
            sleep(Duration::from_millis(1)).await;
            log("timer");
        });
        set_immediate(|| log("immediate"));
        poll_fn(|cx| {
            time_passes();
            if line_count() == 2 || start.elapsed() > STARVING {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        log("not-starved");
    });
    for lines in each {
        assert_order(&lines, &["timer", "not-starved"]);
        assert_order(&lines, &["immediate", "not-starved"]);
    }
}

/// Spawns a task that spawns a task, until the timer has fired.
fn chain(start: Instant) {
    spawn(async move {
        time_passes();
        if line_count() == 1 || start.elapsed() > STARVING {
            log("not-starved");
        } else {
            chain(start);
        }
    });
}

#[test]
fn case_20_a_chain_of_spawns_starves_no_task() {
    in_order("timer not-starved", || async {
        spawn(async {
            sleep(Duration::from_millis(1)).await;
            log("timer");
        });
        chain(Instant::now());
    });
}

/// Logs panics of this thread as `caught-…`.
fn log_panics() {
    on_panic(|panic| log(format!("caught-{}", panic.message)));
}

#[test]
fn case_51_the_ready_queue_is_drained_after_a_panic_too() {
    log_panics();
    in_order("t1 caught-x m1 t2 immediate", || async {
        let t1 = arm(Instant::now()).await;
        let t2 = arm(Instant::now()).await;
        spawn(async {
            t1.await;
            log("t1");
            spawn(async { log("m1") });
            set_immediate(|| log("immediate"));
            panic!("x");
        });
        log_after(t2, "t2");
    });
}

#[test]
fn case_53_a_panic_of_a_task_without_a_joiner_leaves_the_others_alone() {
    log_panics();
    in_order("t1 caught-x t2", || async {
        let t1 = arm(Instant::now()).await;
        let t2 = arm(Instant::now()).await;
        drop(spawn(async {
            t1.await;
            log("t1");
            panic!("x");
        }));
        log_after(t2, "t2");
    });
}

#[test]
fn case_53_or_ends_the_runtime_by_policy() {
    struct Logs;
    impl Drop for Logs {
        fn drop(&mut self) {
            log("sibling-dropped");
        }
    }
    log_panics();
    for way in EVERY_WAY {
        let mut builder = one_worker();
        builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
        let runtime = builder.start_paused(*way == Way::RunPaused).build();
        let runtime = runtime.unwrap();
        let entered = runtime.enter();
        on_exit(|code| log(format!("exit-{code}")));
        drop(entered);
        let root = async {
            let t1 = arm(Instant::now()).await;
            let t2 = arm(Instant::now()).await;
            drop(spawn(async {
                t1.await;
                log("t1");
                panic!("x");
            }));
            let guard = Logs;
            drop(spawn(async move {
                let _held = guard;
                t2.await;
                log("t2");
            }));
            pending::<()>().await;
        };
        let ended = watched(|| {
            panic::catch_unwind(AssertUnwindSafe(|| match way {
                Way::BlockOn => runtime.block_on(root),
                Way::Run | Way::RunPaused => {
                    drop(runtime.spawn(root));
                    runtime.run().unwrap();
                }
            }))
        });
        assert_eq!(ended.unwrap_err().downcast_ref(), Some(&"x"), "{way:?}");
        let lines = take_log().join(" ");
        assert_eq!(lines, "t1 caught-x exit-1 sibling-dropped", "{way:?}");
    }
}

#[test]
fn case_q01_a_wake_from_elsewhere_ends_the_wait_and_runs_in_poll() {
    in_order("poll check timers", || async {
        let (wake, woken) = oneshot::channel::<()>();
        let alive = keep_alive();
        thread::spawn(move || {
            // By now the loop most likely waits; if not, the order is the same.
            thread::sleep(Duration::from_millis(5));
            wake.send(()).unwrap();
            drop(alive);
        });
        woken.await.unwrap();
        set_immediate(|| log("check"));
        log_after(arm(Instant::now()).await, "timers");
        log("poll");
    });
}

#[test]
fn case_q01_a_million_wakes_are_one() {
    in_order("2-polls", || async {
        let polls = Rc::new(Cell::new(0));
        let counted = Rc::clone(&polls);
        let (lend, waker) = oneshot::channel();
        let mut lend = Some(lend);
        let woken = spawn(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            if let Some(lend) = lend.take() {
                lend.send(cx.waker().clone()).unwrap();
            }
            Poll::<()>::Pending
        }));
        let waker: Waker = waker.await.unwrap();
        wake_elsewhere(move || (0..1_000_000).for_each(|_| waker.wake_by_ref()));
        in_check().await;
        in_check().await;
        log(format!("{}-polls", polls.get()));
        woken.abort();
    });
}

/// Notes the thread on which it is dropped.
struct Witness(Arc<Mutex<Vec<ThreadId>>>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(thread::current().id());
    }
}

#[test]
fn case_q03_a_waker_may_outlive_its_task_and_its_loop() {
    watched(|| {
        let dropped = Arc::new(Mutex::new(Vec::new()));
        let runtime = Runtime::new().unwrap();
        let (lend, waker) = std::sync::mpsc::channel::<Waker>();
        let witnesses = [Witness(Arc::clone(&dropped)), Witness(Arc::clone(&dropped))];
        runtime.block_on(async {
            let [done, undone] = witnesses;
            for (witness, is_done) in [(done, true), (undone, false)] {
                let lend = lend.clone();
                spawn(poll_fn(move |cx| {
                    let _held = &witness;
                    lend.send(cx.waker().clone()).unwrap();
                    if is_done {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }));
            }
            in_check().await;
        });
        let wakers: Vec<Waker> = waker.try_iter().collect();
        assert_eq!(wakers.len(), 2);
        assert_eq!(dropped.lock().unwrap().len(), 1, "one is done");

        let used = wakers.clone();
        wake_elsewhere(move || used.into_iter().for_each(Waker::wake));
        runtime.block_on(in_check());
        drop(runtime);
        wake_elsewhere(move || {
            wakers.iter().for_each(Waker::wake_by_ref);
            drop(wakers);
        });

        assert_eq!(*dropped.lock().unwrap(), [thread::current().id(); 2]);
    });
}

#[test]
fn case_q04_a_task_whose_handle_is_dropped_goes_on() {
    in_order("dropped detached", || async {
        drop(spawn(async {
            in_timers().await;
            log("detached");
        }));
        log("dropped");
    });
}

#[test]
fn case_q04_a_task_that_aborts_itself_ends_at_its_next_pending() {
    in_order("aborted goes-on cancelled true", || async {
        let (lend, borrow) = oneshot::channel::<quintet::task::AbortHandle>();
        let task = spawn(async {
            borrow.await.unwrap().abort();
            log("aborted");
            log("goes-on");
            pending::<()>().await;
        });
        lend.send(task.abort_handle()).unwrap();
        let error = task.await.unwrap_err();
        log("cancelled");
        log(error.is_cancelled().to_string());
    });
}

#[test]
fn case_q04_a_task_that_aborts_itself_and_finishes_is_finished() {
    in_order("finished-7", || async {
        let (lend, borrow) = oneshot::channel::<quintet::task::AbortHandle>();
        let task = spawn(async {
            borrow.await.unwrap().abort();
            7
        });
        lend.send(task.abort_handle()).unwrap();
        log(format!("finished-{}", task.await.unwrap()));
    });
}

#[test]
fn case_q04_an_aborted_task_is_dropped_in_its_place_in_the_queue() {
    struct Logs(&'static str);
    impl Drop for Logs {
        fn drop(&mut self) {
            log(self.0);
        }
    }
    in_order("aborting before dropped after told", || async {
        let guard = Logs("dropped");
        let victim = spawn(async move {
            let _held = guard;
            pending::<()>().await;
        });
        in_check().await;
        spawn(async { log("before") });
        log("aborting");
        victim.abort();
        spawn(async { log("after") });
        if victim.await.unwrap_err().is_cancelled() {
            log("told");
        }
    });
}

#[test]
fn case_q06_a_panic_stays_in_its_task() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in-drop");
        }
    }
    log_panics();
    let expected = "caught-in-poll payload-in-poll caught-in-drop cancelled goes-on";
    in_order(expected, || async {
        let error = spawn(async { panic!("in-poll") }).await.unwrap_err();
        let payload = error.into_panic();
        log(format!(
            "payload-{}",
            payload.downcast_ref::<&str>().unwrap()
        ));

        let guard = Panics;
        let victim = spawn(async move {
            let _held = guard;
            pending::<()>().await;
        });
        in_check().await;
        victim.abort();
        if victim.await.unwrap_err().is_cancelled() {
            log("cancelled");
        }
        log("goes-on");
    });
}

#[test]
fn case_q07_block_on_within_block_on_is_refused() {
    log_panics();
    let each = record(&mut one_worker(), 2, || async {
        let inner = panic::catch_unwind(AssertUnwindSafe(|| block_on(async {})));
        assert!(inner.is_err());
        log("refused");
    });
    for lines in each {
        assert!(
            lines[0].contains("running on this thread already"),
            "{lines:?}"
        );
        assert_eq!(lines[1], "refused");
    }
}

#[test]
fn case_q07_run_within_a_run_is_refused() {
    log_panics();
    let each = record(&mut one_worker(), 4, || async {
        let inner = Runtime::new().unwrap();
        type Drive = fn(&Runtime);
        let ways: [Drive; 2] = [
            |inner| inner.run().unwrap(),
            |inner| assert!(inner.turn(None)),
        ];
        for drive in ways {
            let result = panic::catch_unwind(AssertUnwindSafe(|| drive(&inner)));
            assert!(result.is_err());
            log("refused");
        }
    });
    for lines in each {
        for pair in lines.chunks(2) {
            assert!(
                pair[0].contains("running on this thread already"),
                "{lines:?}"
            );
            assert_eq!(pair[1], "refused", "{lines:?}");
        }
    }
}

#[test]
fn case_q07_a_task_spawned_from_elsewhere_arrives_in_poll() {
    in_order("timers poll check", || async {
        set_immediate(|| log("check"));
        log_after(arm(Instant::now()).await, "timers");
        let handle = quintet::runtime::Handle::current();
        let journal = crate::support::cases::journal();
        wake_elsewhere(move || drop(handle.spawn(async move { journal.log("poll") })));
    });
}

#[test]
fn a_waker_that_is_not_a_task_s_own_is_told_in_the_same_phases() {
    struct Counter(Mutex<Vec<&'static str>>, &'static str);
    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().push(self.1);
        }
    }
    in_order("told", || async {
        let counter = Arc::new(Counter(Mutex::new(Vec::new()), "told"));
        let waker = Waker::from(Arc::clone(&counter));
        let mut cx = std::task::Context::from_waker(&waker);
        let deadline = Instant::now();
        let mut sleep = Box::pin(quintet::time::sleep_until(deadline));
        assert!(sleep.as_mut().poll(&mut cx).is_pending());
        block_until(deadline);
        in_check().await;
        assert!(sleep.as_mut().poll(&mut cx).is_ready());
        log(counter.0.lock().unwrap().join(" "));
    });
}
